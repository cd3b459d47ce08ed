"""Variables of older saves that are kept beside a newer one, wherever the server is killed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp_ext.sessions.saving import aside
from jupyter_mcp_ext.sessions.saving.aside import Aside, Item, Keeping
from jupyter_mcp_ext.sessions.saving.snapshot import Record, Skipped, Snapshot
from jupyter_mcp_ext.sessions.saving.snapshots import INDEX

KEY = b"k" * 32


class Killed(Exception):
    pass


class Memory:
    """A folder in memory on which the server is killed after a number of changes."""

    path = Path("/nowhere")

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.left = 1_000

    def _change(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Killed

    @property
    def handed(self) -> Path:
        return self.path

    def take(self, name: str) -> None:
        """Nothing is written by a kernel here."""

    def read(self, name: str, limit: int) -> bytes | None:
        return self.files.get(name)

    def write(self, name: str, data: bytes) -> None:
        self._change()
        self.files[name] = data

    def remove(self, name: str) -> None:
        self._change()
        self.files.pop(name, None)

    def names(self) -> list[str]:
        return list(self.files)


def snapshot(number: int, *names: str, skipped: Iterable[str] = (), **more: Any) -> Snapshot:
    """The save after an execution."""
    return Snapshot(
        session_id="k7m2q9xw",
        owner="alice",
        created=float(number),
        after=number,
        python="3.11",
        implementation="CPython",
        file=f"snapshot-{number:016x}.pickle",
        records=(Record(offset=0, size=1, sha256="", names=names),),
        modules={},
        skipped=tuple(Skipped(name=name, type="lock", why="no") for name in skipped),
        **more,
    )


def save(
    folder: Memory,
    new: Snapshot,
    *,
    missing: Iterable[str] = (),
    rebound: Iterable[str] = (),
    gone_until: int = 0,
) -> None:
    """The steps of the server, in order."""

    def changed(_: int) -> frozenset[str]:
        return frozenset(rebound)

    aside.begin(folder, KEY, missing, changed, gone_until)
    files = Keeping(folder)
    older = [name for name in files.names() if name.endswith(".pickle")]
    files.write(new.file, b"data")
    files.write(INDEX, new.to_bytes(KEY))
    for name in older:
        files.remove(name)
    aside.settle(folder, KEY, changed, gone_until)


def back(folder: Memory, *, rebound: Iterable[str] = (), gone_until: int = 0) -> dict[str, int]:
    """The variables that would be loaded, with their saves; each data file must exist."""
    index = folder.files.get(INDEX)
    if index is None:
        return {}
    current = Snapshot.from_bytes(index, KEY)
    kept = aside.settled(
        aside.read(folder), index.decode(), KEY, lambda _: frozenset(rebound), gone_until
    )
    found: dict[str, int] = {}
    for item in kept.items:
        older = Snapshot.from_bytes(item.index.encode(), KEY)
        assert older.file in folder.files
        found |= dict.fromkeys(aside.wanted(item, older, current), older.after)
    assert current.file in folder.files
    return found | dict.fromkeys(aside.variables(current), current.after)


def saved(*saves: Snapshot, **more: Any) -> Memory:
    folder = Memory()
    for each in saves[:-1]:
        save(folder, each)
    save(folder, saves[-1], **more)
    return folder


def test_a_save_that_has_all_leaves_nothing_of_the_one_before() -> None:
    folder = saved(snapshot(1, "a", "b"), snapshot(2, "a", "b", "c"))

    assert back(folder) == {"a": 2, "b": 2, "c": 2}
    assert set(folder.files) == {INDEX, snapshot(2).file}


def test_what_the_session_deleted_is_not_kept() -> None:
    assert back(saved(snapshot(1, "a", "b"), snapshot(2, "a"))) == {"a": 2}


def test_what_was_not_loaded_is_kept_until_it_is() -> None:
    folder = saved(snapshot(1, "a", "b"), snapshot(2, "a"), missing="b")
    save(folder, snapshot(3, "a"), missing="b")

    assert back(folder) == {"a": 3, "b": 1}
    save(folder, snapshot(4, "a", "b"))
    assert back(folder) == {"a": 4, "b": 4}
    assert set(folder.files) == {INDEX, snapshot(4).file}


@pytest.mark.parametrize(
    "now",
    [
        {"new": snapshot(2, "a", "b")},
        {"new": snapshot(2, "a", skipped="b")},
        {"new": snapshot(2, "a"), "rebound": "b"},
    ],
)
def test_what_was_not_loaded_is_dropped_when_the_session_sets_or_deletes_it(
    now: dict[str, Any],
) -> None:
    folder = saved(snapshot(1, "a", "b"), now.pop("new"), missing="b", **now)

    assert back(folder).get("b") in (None, 2)
    assert snapshot(1).file not in folder.files


def test_what_cannot_be_saved_any_more_is_kept_unless_the_session_has_set_it() -> None:
    kept = saved(snapshot(1, "a", "b"), snapshot(2, "a", skipped="b"))
    rebound = saved(snapshot(1, "a", "b"), snapshot(2, "a", skipped="b"), rebound="b")

    assert back(kept) == {"a": 2, "b": 1}
    assert back(rebound) == {"a": 2}


def test_of_two_older_values_the_later_one_counts() -> None:
    folder = saved(snapshot(1, "a", "b"), snapshot(2, "a", "b"), missing="b")
    save(folder, snapshot(3, "a"), missing="b")
    save(folder, snapshot(4, "c"), missing="ab")

    assert back(folder) == {"c": 4, "a": 3, "b": 2}


def test_nothing_is_kept_of_what_a_session_has_forgotten() -> None:
    folder = saved(snapshot(1, "a", "b"), snapshot(2, "a"), missing="b")
    save(folder, snapshot(4, "c"), gone_until=3)

    assert back(folder, gone_until=3) == {"c": 4}
    assert set(folder.files) == {INDEX, snapshot(4).file}


def test_what_this_server_cannot_read_is_kept_until_it_can() -> None:
    folder = Memory()
    old = snapshot(1, "a", "b")
    folder.files |= {old.file: b"data", INDEX: old.to_bytes(b"another key")}
    save(folder, snapshot(2, "a"))
    save(folder, snapshot(3, "a"))

    assert old.file in folder.files
    [item] = aside.read(folder).items
    assert item.names == set()
    assert aside.wanted(item, old, snapshot(3, "a")) == {"b"}


@pytest.mark.parametrize("data", [b"[1", b"[1]", b'{"items": [{"index": 1, "names": []}]}'])
def test_an_invalid_aside_file_says_nothing(data: bytes) -> None:
    folder = saved(snapshot(1, "a", "b"), snapshot(2, "a"), missing="b")
    folder.files[aside.FILE] = data

    assert aside.read(folder) == Aside()


def test_a_server_that_is_killed_at_any_moment_loses_nothing() -> None:
    steps = 0
    while True:
        folder = saved(snapshot(1, "a", "b", "c", "d"), snapshot(2, "a", "c", "d"), missing="b")
        folder.left = steps
        try:
            save(folder, snapshot(3, "a", "e", skipped="c"), missing=["b"])
        except Killed:
            folder.left = 1_000
        else:
            break
        found = back(folder)  # the next server, which does not know what was missing
        assert found in (
            {"a": 2, "c": 2, "d": 2, "b": 1},
            {"a": 3, "e": 3, "c": 2, "b": 1},
        ), steps
        save(folder, snapshot(4, *found))
        assert set(folder.files) == {INDEX, snapshot(4).file}
        steps += 1
    assert steps >= 4
    assert Item(index="", names=frozenset()) not in aside.read(folder).items
