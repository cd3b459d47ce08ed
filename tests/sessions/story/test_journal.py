"""The journal of a session: which entries are trusted, within bounds whatever it holds."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp_ext.sessions.disk.folder import SessionFolder
from jupyter_mcp_ext.sessions.story import journal
from jupyter_mcp_ext.sessions.story.journal import Entry, Journal, read, signed
from jupyter_mcp_ext.sessions.story.journal_file import JournalFile

from .stories import entry

KEY, OTHER = b"k" * 32, b"o" * 32


def lines(*entries: Entry, key: bytes = KEY) -> list[bytes]:
    return [signed(said, key).rstrip() for e in entries for said in (e.beginning, e.end)]


def unsigned(*entries: Entry) -> list[bytes]:
    """Lines as earlier releases wrote them."""
    return [
        json.dumps({"version": 1, **said}, separators=(",", ":")).encode()
        for e in entries
        for said in (e.beginning, e.end)
    ]


def codes(found: Journal) -> list[tuple[str, bool]]:
    return [(entry.code, entry.is_signed) for entry in found.entries]


def text(words: str) -> list[dict[str, Any]]:
    return [{"output_type": "stream", "name": "stdout", "text": words}]


def test_a_journal_is_read_as_it_was_written() -> None:
    written = [entry(1, 'x = ",\\"outputs\\":["', outputs=text(',"outputs":[')), entry(2, "ü🙂\n")]

    found = read(lines(*written), KEY, outputs_after=0)

    assert found.entries == [written[0], replace(written[1], outputs=[])]
    assert [e.outputs for e in read(lines(*written), KEY).entries] == [(), ()]


def test_the_cells_of_a_run_are_read_in_the_order_in_which_they_ran() -> None:
    run = entry(1, "run_cells: a.ipynb, 2 cells", cell=0)
    behind = entry(2, "queued behind it")
    cells = [entry(1, f"cell {n}", cell=n, outputs=text(str(n))) for n in (1, 2)]
    written = [run.beginning, behind.beginning]
    written += [said for one in cells for said in (one.beginning, one.end)]
    written += [run.end, behind.end]

    found = read([signed(said, KEY).rstrip() for said in written], KEY, outputs_after=0)

    assert [e.code for e in found.entries] == [run.code, "cell 1", "cell 2", behind.code]
    assert [e.code for e in found.entries if e.is_shown] == ["cell 1", "cell 2", behind.code]
    assert [e.cell_id for e in found.entries][1:] == ["k7m2q9xw-1-1", "k7m2q9xw-1-2", "k7m2q9xw-2"]
    assert [e.outputs for e in found.entries[1:3]] == [text("1"), text("2")]


def test_outputs_are_read_of_the_executions_after_a_number() -> None:
    written = lines(entry(1, outputs=text("x")), entry(2, outputs=text("y")))

    found = read(written, KEY, outputs_after=1)

    assert [e.outputs for e in found.entries] == [(), text("y")]


def test_a_line_that_a_crash_cut_off_is_left_out() -> None:
    begun = signed(entry(2).beginning, KEY)

    assert codes(read([*lines(entry(1)), begun[:-20]], KEY)) == [("1 + 1", True)]


@pytest.mark.parametrize("forged", [lines(entry(2, "evil"), key=OTHER), unsigned(entry(2, "evil"))])
def test_lines_that_our_key_has_not_signed_are_read_and_marked(forged: list[bytes]) -> None:
    found = read([*lines(entry(1)), *forged], KEY)

    assert codes(found) == [("1 + 1", True), ("evil", False)]


@pytest.mark.parametrize("forged", [lines(entry(1, "evil"), key=OTHER), unsigned(entry(1, "evil"))])
def test_lines_of_the_server_are_not_replaced_by_others(forged: list[bytes]) -> None:
    begun = [signed(entry(1).beginning, KEY).rstrip()]

    for given in ([*begun, *forged], [*forged, *begun]):
        assert codes(read(given, KEY)) == [("1 + 1", True)]
    assert not read([*begun, *forged], KEY).entries[0].has_ended


def test_a_signed_line_that_was_changed_is_not_trusted() -> None:
    changed = [line.replace(b"1 + 1", b"evil!") for line in lines(entry(1))]

    assert codes(read(changed, KEY)) == [("evil!", False)]


def test_what_was_forgotten_stays_so_whatever_others_write() -> None:
    given = [signed(journal.forgotten(5), KEY), b'{"version":1,"anew_after":0}']

    assert read(given, KEY).forgotten_until == 5


@pytest.mark.parametrize(
    "line",
    [
        b'{"version":1,"reserved":1e999}',
        b'{"version":1,"reserved":NaN}',
        b'{"version":1,"reserved":-5}',
        b'{"version":1,"reserved":' + b"9" * 400 + b"}",
        b'{"version":1,"reserved":999999999}',
        b'{"version":1,"anew_after":true}',
        b'{"version":1,"begin":1e999,"execution_id":"k7m2q9xw-1","code":"","client":"","created":1}',
        b'{"version":1,"begin":1,"execution_id":"k7m2q9xw-1","code":"","client":"","created":1e999}',
        b'{"version":1,"begin":1,"execution_id":"k7m2q9xw-2","code":"","client":"","created":1}',
        b'{"version":1,"begin":1,"execution_id":"\\n! x-1","code":"","client":"","created":1}',
        b'{"version":1,"begin":1,"execution_id":7,"code":"","client":"","created":1}',
        b'{"version":1,"begin":1,"execution_id":"k7m2q9xw-1","code":7,"client":"","created":1}',
        b'{"version":1,"begin":[],"execution_id":"k7m2q9xw-1","code":"","client":"","created":1}',
        b'{"version":1,"end":1e999}',
        b'{"version":1,"end":{}}',
        b'{"version":1,"part":1e999,"after":1}',
        b'{"version":true}',
        b"[" * 10_000,
        b'{"a":' * 10_000,
        b"\x00" * 1_000,
        b"\xff\xfe",
        b"null",
        b'"begin"',
        b"[1]",
    ],
)
def test_a_line_of_nonsense_says_nothing(line: bytes) -> None:
    assert read([line, *lines(entry(1))], KEY) == Journal(entries=[entry(1)])


@pytest.mark.parametrize("version", ["3", "9" * 400])
def test_a_later_release_is_named_in_short(version: str) -> None:
    with pytest.raises(journal.LaterJournal, match="which this release does not know") as told:
        read([f'{{"version":{version},"began":1}}'.encode()], KEY)

    assert len(str(told.value)) < 100


def test_of_many_executions_the_signed_ones_and_the_latest_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(journal, "MAX_ENTRIES", 4)
    ours = [entry(n, f"{n}") for n in range(1, 4)]
    others = [entry(n, f"{n}") for n in range(4, 100)]

    found = read([*lines(*ours), *unsigned(*others)], KEY)

    assert codes(found) == [("1", True), ("2", True), ("3", True), ("99", False)]


def test_of_large_outputs_the_later_ones_are_said_to_be_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(journal, "MAX_OUTPUTS", 3_000)
    shown = text("x" * 1_000)

    found = read(lines(*(entry(n, outputs=shown) for n in (1, 2, 3))), KEY, outputs_after=0)

    assert [e.outputs for e in found.entries] == [shown, shown, [journal.gone(entry(3))]]


# -- the file ----------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> SessionFolder:
    made = SessionFolder(tmp_path, "k7m2q9xw")
    made.make()
    return made


def write(folder: SessionFolder, given: Iterable[bytes]) -> Path:
    path = folder.path / "journal.jsonl"
    path.write_bytes(b"\n".join(given))
    return path


@pytest.mark.parametrize("size", [10, 999_990, 1_000_000, 2_500_000])
def test_lines_of_any_length_are_read(folder: SessionFolder, size: int) -> None:
    write(folder, lines(entry(1, "x" * size), entry(2), entry(3, "y" * size)))

    found = JournalFile(folder, lambda: KEY).read()

    assert [len(e.code) for e in found.entries] == [size, 5, size]


def test_a_line_that_is_too_long_is_passed_over(folder: SessionFolder) -> None:
    write(folder, [b"z" * 33_000_000, *lines(entry(1))])

    assert codes(JournalFile(folder, lambda: KEY).read()) == [("1 + 1", True)]


@pytest.mark.parametrize("content", ["sparse", "lines"])
def test_a_journal_without_an_end_is_not_read_to_its_end(
    folder: SessionFolder, content: str
) -> None:
    path = write(folder, [b"x"] * (1 if content == "sparse" else 200_000))
    if content == "sparse":
        with path.open("ab") as file:
            file.truncate(1_900_000_000)

    with pytest.raises(OSError, match="too large"):
        JournalFile(folder, lambda: KEY).read()


def test_a_journal_that_is_made_short_loses_its_outputs_alone(folder: SessionFolder) -> None:
    file = JournalFile(folder, lambda: KEY)
    shown = text("x" * 20_000)
    written = [entry(n, f"code {n}", outputs=shown) for n in range(1, 1_000)]
    file.append([lambda said=said: said for e in written for said in (e.beginning, e.end)])  # type: ignore[misc]  # a default
    was_long = file.is_long
    running = entry(1_000, "code 1000", status="running", ended=None, execution_count=None)
    kept = Journal(
        entries=[*written, running], forgotten_until=7, reserved=1_020, part=2, after=500
    )

    file.shorten(kept)

    assert (was_long, file.is_long) == (True, False)
    assert (folder.path / "journal.jsonl").stat().st_size < 1_000_000
    found = JournalFile(folder, lambda: KEY).read(outputs_after=0)
    assert [e.code for e in found.entries] == [f"code {n}" for n in range(1, 1_001)]
    assert found.entries[0].outputs == [journal.gone(entry(1))]
    assert not found.entries[-1].has_ended
    assert (found.forgotten_until, found.reserved, found.part, found.after) == (7, 1_020, 2, 500)


def test_a_journal_of_many_small_lines_is_made_short_before_it_could_not_be_read(
    folder: SessionFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jupyter_mcp_ext.sessions.story.journal_file.MANY_LINES", 10)
    monkeypatch.setattr("jupyter_mcp_ext.sessions.story.journal_file.MAX_LINES", 20)
    file = JournalFile(folder, lambda: KEY)
    written = [entry(n) for n in range(1, 7)]
    file.append([lambda said=said: said for e in written for said in (e.beginning, e.end)])  # type: ignore[misc]  # a default

    assert (file.is_long, file.is_too_long) == (True, False)
    again = JournalFile(folder, lambda: KEY)
    again.read()
    again.append([lambda: entry(7).beginning] * 4)
    assert (again.is_long, again.is_too_long) == (True, True)
    again.shorten(Journal(entries=[entry(7)]))
    assert (again.is_long, again.is_too_long) == (False, False)


def test_a_journal_keeps_the_latest_executions_of_those_that_are_too_much(
    folder: SessionFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jupyter_mcp_ext.sessions.story.journal_file.MAX_KEPT", 50_000)
    file = JournalFile(folder, lambda: KEY)

    file.shorten(Journal(entries=[entry(n, "é" * 1_000) for n in range(1, 21)]))

    assert (folder.path / "journal.jsonl").stat().st_size < 50_000
    numbers = [e.number for e in JournalFile(folder, lambda: KEY).read().entries]
    assert numbers == list(range(21 - len(numbers), 21))
    assert len(numbers) > 5
