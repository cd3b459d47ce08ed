"""A session's story on disk: journal and notebook, whatever happens to them."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest

from jupyter_mcp_ext.outputs.model import Display, Error, Output, Stream
from jupyter_mcp_ext.sessions.story import journal
from jupyter_mcp_ext.sessions.story.composition import (
    UnreadableNotebook,
    compose,
    cut,
    extended,
    merged,
)
from jupyter_mcp_ext.sessions.story.history import MAX_RUNNING
from jupyter_mcp_ext.sessions.story.journal import NOT_RUN
from jupyter_mcp_ext.sessions.story.story import Story
from jupyter_mcp_ext.sessions.story.writing import pause_after

from .stories import HEAD, KEY, NOTEBOOK, begun, entry, file, run, sources


def test_a_notebook_is_valid_and_holds_every_kind_of_output() -> None:
    outputs: list[Output] = [
        Stream(name="stdout", text="hello\n"),
        Display(data={"text/plain": "2", "image/png": "aGk="}, is_result=True, execution_count=1),
        Error(ename="ValueError", evalue="no", traceback=("a", "b")),
    ]

    written = compose([entry(1, outputs=cut(outputs, "k7m2q9xw-1"))], HEAD)

    node = nbformat.reads(written.data.decode(), as_version=4)  # type: ignore[no-untyped-call]
    nbformat.validate(node)
    assert [output.output_type for output in node.cells[0].outputs] == [
        "stream",
        "execute_result",
        "error",
    ]
    assert node.cells[0].id == "k7m2q9xw-1"
    assert node.metadata.jupyter_mcp.session_id == "k7m2q9xw"


@pytest.mark.parametrize("first", [0, 1, 3])
def test_a_notebook_that_is_extended_is_as_if_it_was_made_at_once(first: int) -> None:
    entries = [entry(n, f"cell {n}") for n in range(1, 6)]
    written = compose(entries[:first], HEAD)

    grown = extended(written.data, written.tail, entries[first:], HEAD, written.through)

    assert grown.data == compose(entries, HEAD).data
    assert sources(grown.data) == [f"cell {n}" for n in range(1, 6)]


def test_what_a_person_typed_stays_and_what_they_deleted_is_not_put_back() -> None:
    node = json.loads(compose([entry(1, "one"), entry(2, "two")], HEAD).data)
    del node["cells"][0]
    node["cells"][0]["source"] = "two, changed"
    node["cells"].append({"cell_type": "markdown", "id": "mine", "metadata": {}, "source": "note"})

    again = merged(json.dumps(node).encode(), [entry(1, "one"), entry(3, "three")], HEAD)

    assert sources(again.data) == ["two, changed", "note", "three"]


@pytest.mark.parametrize(
    "nonsense", [b"", b"{", b"[]", b'{"cells": 3}', b'{"cells": [], "metadata": {}, "nbformat": 3}']
)
def test_nonsense_is_refused(nonsense: bytes) -> None:
    with pytest.raises(UnreadableNotebook):
        merged(nonsense, [entry(1)], HEAD)


def test_long_outputs_are_cut_and_say_so() -> None:
    outputs: list[Output] = [
        Stream(name="stdout", text="x" * 1_000_000),
        Display(data={"image/png": "A" * 3_000_000}),
        *[Display(data={"text/plain": "y"})] * 500,
    ]

    kept = cut(outputs, "k7m2q9xw-1")

    assert len(json.dumps(kept)) < 100_000
    assert "980,000 characters" in kept[0]["text"]
    assert "too large" in kept[1]["data"]["text/plain"]
    assert "402 more outputs" in kept[-1]["text"]


async def test_each_execution_is_in_the_journal_and_in_the_notebook(
    make: Callable[[], Story],
) -> None:
    story = make()
    for number in range(1, 4):
        run(story, number, f"cell {number}", (Stream(name="stdout", text="hi\n"),))
        await story.flush()

    assert sources(file(story).read_bytes()) == ["cell 1", "cell 2", "cell 3"]
    again = make()
    await again.open()
    assert [e.code for e in again.entries] == ["cell 1", "cell 2", "cell 3"]
    assert again.last_number == 3


async def test_numbers_of_a_server_that_was_killed_are_not_given_again(
    make: Callable[[], Story],
) -> None:
    story = make()
    story.begin(begun(1))
    await story.flush()
    written = (story.folder.path / "journal.jsonl").read_bytes()
    for number in range(2, 8):
        run(story, number)  # is killed before it writes these

    (story.folder.path / "journal.jsonl").write_bytes(written)
    again = make()
    await again.open()
    assert again.given >= 7
    run(again, again.given + 1)
    await again.close()
    last = make()
    await last.open()
    assert last.given == again.last_number, "a server that ends leaves no gap"


async def test_an_execution_that_never_reached_its_kernel_is_not_told(
    make: Callable[[], Story],
) -> None:
    story = make()
    run(story, 1)
    story.begin(begun(2))
    story.end(entry(2, status=NOT_RUN), ())
    await story.flush()

    assert len(sources(file(story).read_bytes())) == 1


async def test_a_notebook_that_was_edited_in_between_keeps_both(make: Callable[[], Story]) -> None:
    story = make()
    run(story, 1, "one")
    await story.flush()
    node = json.loads(file(story).read_bytes())
    node["cells"].insert(
        0, {"cell_type": "markdown", "id": "mine", "metadata": {}, "source": "my note"}
    )
    file(story).write_text(json.dumps(node))

    run(story, 2, "two")
    await story.flush()

    assert sources(file(story).read_bytes()) == ["my note", "one", "two"]


async def test_a_notebook_edited_into_nonsense_is_named_and_never_overwritten(
    make: Callable[[], Story],
) -> None:
    story = make()
    run(story, 1, "one")
    await story.flush()
    whole = file(story).read_bytes()
    file(story).write_text("what a day")
    os.utime(file(story), (1, 1))  # no one is saving it

    run(story, 2, "two")
    await story.flush()

    assert file(story).read_text() == "what a day"
    assert "notebook" in story.fault
    file(story).write_bytes(whole)  # a person repairs it
    run(story, 3, "three")
    await story.flush()
    assert story.fault == ""
    assert sources(file(story).read_bytes()) == ["one", "two", "three"]


async def test_a_notebook_that_is_just_being_saved_is_waited_for(
    make: Callable[[], Story], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jupyter_mcp_ext.sessions.story.notebook.SAVING", 3_600.0)
    story = make()
    run(story, 1, "one")
    await story.flush()
    whole = file(story).read_bytes()
    file(story).write_bytes(b"")  # Jupyter empties it before it fills it

    run(story, 2, "two")
    await story.flush()
    waited = story.fault
    file(story).write_bytes(whole)
    await story.flush()

    assert waited == ""
    assert sources(file(story).read_bytes()) == ["one", "two"]


@pytest.mark.parametrize("minor", [4, 5])
async def test_a_notebook_of_a_later_release_is_named_and_left_alone(
    make: Callable[[], Story], minor: int
) -> None:
    story = make()
    run(story, 1, "one")
    await story.flush()
    node = json.loads(file(story).read_bytes())
    node["metadata"]["jupyter_mcp"]["version"] = 2
    node["nbformat_minor"] = minor
    file(story).write_text(json.dumps(node))
    os.utime(file(story), (1, 1))

    run(story, 2, "two")
    await story.flush()

    assert json.loads(file(story).read_bytes()) == node
    assert "version 2" in story.fault


async def test_a_journal_of_a_later_release_is_named_and_left_alone(
    make: Callable[[], Story],
) -> None:
    story = make()
    run(story, 1, "one")
    await story.close()
    path = story.folder.path / "journal.jsonl"
    path.write_bytes(path.read_bytes() + b'{"version": 3, "began": 2}\n')

    with pytest.raises(journal.LaterJournal, match="version 3"):
        await make().open()


@pytest.mark.parametrize("name", ["journal.jsonl", NOTEBOOK])
async def test_a_link_in_a_files_place_leads_nowhere(
    make: Callable[[], Story], tmp_path: Path, name: str
) -> None:
    story = make()
    secret = tmp_path / "secret"
    secret.write_text("mine")
    place = file(story) if name == NOTEBOOK else story.folder.path / name
    place.symlink_to(secret)

    run(story, 1, "one")
    await story.flush()

    assert secret.read_text() == "mine"
    assert "symbolic link" in story.fault
    assert place.is_symlink()


async def test_a_deleted_notebook_is_made_again_from_the_journal(
    make: Callable[[], Story],
) -> None:
    story = make()
    run(story, 1, "one")
    await story.flush()
    file(story).unlink()

    run(story, 2, "two")
    await story.flush()

    assert sources(file(story).read_bytes()) == ["one", "two"]


async def test_a_later_server_goes_on_with_the_notebook(make: Callable[[], Story]) -> None:
    first = make()
    run(first, 1, "one")
    await first.close()
    second = make()
    await second.open()

    run(second, 2, "two")
    await second.flush()

    assert sources(file(second).read_bytes()) == ["one", "two"]


async def test_a_link_in_the_folders_place_is_not_followed(
    make: Callable[[], Story], tmp_path: Path
) -> None:
    story = make()
    outside = tmp_path / "outside"
    outside.mkdir()
    story.folder.path.parent.rename(tmp_path / "sessions" / "moved")
    (tmp_path / "sessions" / "k7m2q9xw").symlink_to(outside)

    run(story, 1)
    await story.flush()

    assert list(outside.iterdir()) == []
    assert "symbolic link" in story.fault or "in the place" in story.fault


async def test_a_pipe_in_the_notebooks_place_stops_no_server(make: Callable[[], Story]) -> None:
    story = make()
    os.mkfifo(file(story))

    run(story, 1)
    await story.flush()

    assert story.fault


async def test_a_story_that_cannot_be_written_is_made_up_for(make: Callable[[], Story]) -> None:
    story = make()
    run(story, 1, "one")
    await story.flush()
    hidden = story.folder.path
    hidden.rename(hidden.with_name("gone"))
    run(story, 2, "two")
    await story.flush()
    assert story.fault == "its folder is gone"

    hidden.with_name("gone").rename(hidden)
    run(story, 3, "three")
    await story.flush()

    assert story.fault == ""
    assert sources(file(story).read_bytes()) == ["one", "two", "three"]


async def test_what_was_forgotten_does_not_come_back(make: Callable[[], Story]) -> None:
    story = make()
    run(story, 1)
    story.forget()
    run(story, 2)
    await story.flush()

    again = make()
    await again.open()
    assert [e.number for e in story.alive] == [e.number for e in again.alive] == [2]


async def test_code_that_another_program_wrote_into_the_journal_is_never_run_again(
    make: Callable[[], Story],
) -> None:
    story = make()
    run(story, 1, "ours")
    await story.close()
    forged = [{"version": 1, **entry(2, "evil").beginning}, {"version": 1, **entry(2).end}]
    with (story.folder.path / "journal.jsonl").open("a") as written:
        written.writelines(json.dumps(line) + "\n" for line in forged)

    again = make()
    await again.open()

    assert [e.code for e in again.alive] == ["ours"]
    assert [e.code for e in again.entries] == ["ours", "evil"]
    assert again.unsigned == 1
    assert again.given >= 2


async def test_the_journal_does_not_wait_for_a_notebook_that_is_written_later(
    make: Callable[[], Story], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jupyter_mcp_ext.sessions.story.writing.RATE", 1e-3)
    story = make()
    await story.open()
    run(story, 1)
    await story.flush()

    written = asyncio.Event()
    story.written.add(lambda _: written.set())
    run(story, 2)
    await asyncio.wait_for(written.wait(), 60)  # and again in some days
    for number in (3, 4):
        run(story, number)
        await asyncio.wait_for(ended(story, number), 60)

    assert "k7m2q9xw-3" not in file(story).read_text()


async def ended(story: Story, number: int) -> None:
    """Return when the journal has the end of an execution."""
    path = story.folder.path / "journal.jsonl"
    while f'"end":{number},' not in path.read_text():  # noqa: ASYNC110  # gives that task its turn
        await asyncio.sleep(0)


async def test_many_executions_without_an_end_are_not_believed(make: Callable[[], Story]) -> None:
    story = make()
    with (story.folder.path / "journal.jsonl").open("wb") as written:
        written.writelines(journal.signed(begun(n).beginning, KEY) for n in range(1, 20_001))

    await story.open()
    run(story, story.given + 1, "next")
    await story.flush()

    assert len(sources(file(story).read_bytes())) == MAX_RUNNING + 1
    assert story.fault == ""


async def test_the_journal_of_a_long_session_is_made_short(
    make: Callable[[], Story], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jupyter_mcp_ext.sessions.story.journal_file.SHORT", 10_000)
    story = make()
    for number in range(1, 31):
        run(story, number, f"cell {number}", (Stream(name="stdout", text="x" * 1_000),))
        await story.flush()
        if number == 10:
            story.forget()

    assert (story.folder.path / "journal.jsonl").stat().st_size < 30_000
    assert len(sources(file(story).read_bytes())) == 30
    assert "x" * 1_000 in file(story).read_text()
    again = make()
    await again.open()
    assert [e.code for e in again.alive] == [f"cell {number}" for number in range(11, 31)]
    assert again.given >= 30
    run(again, again.given + 1, "after")
    await again.flush()
    assert sources(file(again).read_bytes())[-2:] == ["cell 30", "after"]


async def test_the_journal_is_made_short_although_the_notebook_cannot_be_written(
    make: Callable[[], Story], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jupyter_mcp_ext.sessions.story.journal_file.TOO_LONG", 20_000)
    story = make()
    run(story, 1)
    await story.flush()
    file(story).write_text("no notebook")
    os.utime(file(story), (0, 0))  # else it could be on its way to one
    for number in range(2, 41):
        run(story, number, f"cell {number}", (Stream(name="stdout", text="x" * 1_000),))
        await story.flush()

    assert "no longer a notebook" in story.fault
    assert (story.folder.path / "journal.jsonl").stat().st_size < 40_000
    file(story).unlink()
    run(story, 41, "41")
    await story.flush()
    again = make()
    await again.open()
    assert [e.number for e in again.alive] == list(range(1, 42))
    assert len(sources(file(again).read_bytes())) == 41
    assert "the outputs of k7m2q9xw-2 are not kept here" in file(again).read_text()


@pytest.mark.parametrize(
    ("size", "seconds", "least"), [(100, 0.01, 0.2), (4_600_000, 0.1, 15), (20_000_000, 0.5, 60)]
)
def test_a_large_notebook_is_written_seldom(size: int, seconds: float, least: float) -> None:
    assert pause_after(size, seconds) >= least
