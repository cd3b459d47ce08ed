"""What is changed in an audit file is found, and the first broken record is named."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from jupyter_mcp_ext.governance.trail import head as heads
from jupyter_mcp_ext.governance.trail.chain import START, Chain, Signer
from jupyter_mcp_ext.governance.trail.check import Broken, Check
from jupyter_mcp_ext.governance.trail.head import Head
from jupyter_mcp_ext.governance.trail.log_file import Bounds
from jupyter_mcp_ext.governance.trail.reading import Line

from .files import KEY, Trail, add


@pytest.fixture
def trail(tmp_path: Path) -> Trail:
    trail = Trail(tmp_path / "log")
    trail.write("alice", "bob", "carol", "dave")
    return trail


def test_what_is_as_it_was_written_is_whole(trail: Trail) -> None:
    found = trail.check()

    assert found.broken is None
    assert found.records == 5
    assert [record["number"] for record in trail.records] == [1, 2, 3, 4, 5]


def changed(lines: list[str]) -> list[str]:
    return [line.replace("bob", "eve") for line in lines]


def forged(lines: list[str]) -> list[str]:
    chain = Chain(Signer(b"another key"), START)
    return [*lines[:2], chain.next(0.0, {"kind": "call"}).decode().rstrip("\n"), *lines[3:]]


def resealed(lines: list[str]) -> list[str]:
    data = json.loads(lines[2])
    data.pop("mac")
    line, _ = Signer(b"another key").seal({**data, "user": "eve"})
    return [*lines[:2], line.decode().rstrip("\n"), *lines[3:]]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (changed, "3 3 altered"),
        (resealed, "3 3 altered"),
        (forged, "3 3 forged"),
        (lambda lines: [*lines[:2], "", *lines[2:]], "3 3 altered"),
        (lambda lines: [*lines[:2], "{}", *lines[2:]], "3 3 altered"),
        (lambda lines: [*lines[:2], "[" * 100_000, *lines[2:]], "3 3 altered"),
        (lambda lines: [*lines[:2], *lines[3:]], "3 3 missing: 1 record is not there before 4"),
        (lambda lines: lines[2:], "1 1 missing: 2 records are not there before 3"),
        (lambda lines: [*lines[:2], lines[3], lines[2], lines[4]], "3 3 out of order"),
        (lambda lines: [*lines[:3], *lines[2:]], "4 4 out of order: here is record 3"),
        (lambda lines: lines[:3], "0 4 truncated at the end: 5 records were written"),
        (lambda lines: [], "0 1 truncated at the end"),
    ],
)
def test_the_first_broken_record_is_named(
    trail: Trail, change: Callable[[list[str]], list[str]], found: str
) -> None:
    trail.replace(change(trail.lines))

    assert trail.broken.startswith(found)


def test_another_key_is_told_from_a_change(trail: Trail) -> None:
    head = heads.read(trail.head, Signer(KEY))
    assert head is not None
    other = Signer(b"another key")
    heads.write(trail.head, head, other)

    found = trail.check(b"another key")

    assert found.broken is not None
    assert found.broken.why.startswith("key differs: it was written with the key ")


def test_a_head_that_was_changed_is_found(trail: Trail) -> None:
    trail.head.write_text(trail.head.read_text().replace('"head":5', '"head":3'))

    with pytest.raises(heads.ForgedHead):
        trail.check()


def test_a_last_record_that_is_not_the_heads_is_found(trail: Trail) -> None:
    heads.write(trail.head, Head(last=START), Signer(KEY))
    fork = Chain(Signer(KEY), START)
    trail.path.write_bytes(fork.next(0.0, {"kind": "call"}))
    head = Head(last=Trail(trail.folder.parent / "other").open().last)
    heads.write(trail.head, head, Signer(KEY))

    assert trail.broken == "0 1 it is not the one that the head has"


def test_a_record_that_is_just_being_written_is_not_broken(trail: Trail) -> None:
    with trail.path.open("a") as file:
        file.write('{"number":6,')

    assert trail.broken == ""


def test_files_that_were_moved_and_compressed_are_read_in_their_order(tmp_path: Path) -> None:
    trail = Trail(tmp_path / "log")
    file = trail.open()
    add(file, "alice")
    trail.path.rename(f"{trail.path}.2")
    add(file, "bob")
    with trail.path.open("rb") as source, gzip.open(f"{trail.path}.1.gz", "wb") as target:
        shutil.copyfileobj(source, target)
    trail.path.unlink()
    add(file, "carol")

    assert trail.broken == ""
    assert trail.check().records == 6


def test_a_check_of_files_that_are_put_aside_while_it_runs_finds_them_again(tmp_path: Path) -> None:
    trail = Trail(tmp_path / "log", Bounds(max_bytes=2_000, max_age=0.0, keep=0))
    file = trail.open()
    add(file, "alice")
    head = heads.read(trail.head, Signer(KEY))

    class Busy(Check):
        """A check during which a server goes on."""

        def _look(self, line: Line) -> Broken | None:
            if line.number == 1 and file.last.number < 100:
                for _ in range(20):
                    add(file, "bob")
            return super()._look(line)

    found = Busy(trail.path, Signer(KEY), head).run()

    assert found.broken is None
    assert found.files > 3


def test_a_first_line_that_is_no_record_is_named_where_it_is(tmp_path: Path) -> None:
    trail = Trail(tmp_path / "log")
    trail.write("alice")
    trail.path.rename(f"{trail.path}.1")
    trail.write("bob")
    trail.replace(["garbage", *trail.lines[1:]])

    found = trail.check().broken

    assert found is not None
    assert (found.file, found.line, found.number) == (trail.path, 1, 3)
