"""Saved variables that a later save does not have: kept beside it and loaded again.

A save replaces the session's snapshot. If that one has variables that could not be loaded, or that
could not be saved this time, its data file stays, and ``aside.json`` has its index with their
names. Before a save, ``aside.json`` also gets the index that is about to be replaced, so that a
server that is killed at any moment loses none of them: which of its variables are still needed is
decided after the save, or when the session is next brought back.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .snapshot import Snapshot, UnusableSnapshot
from .snapshots import DATA, INDEX, MAX_INDEX, SnapshotFolder

FILE = "aside.json"

MAX_FILE = 4 * MAX_INDEX

MAX_ITEMS = 5
"""Older snapshots that are kept, the latest."""

Rebound = Callable[[int], frozenset[str]]
"""The names that executions after a number have set or deleted."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """An older snapshot, and its variables that are still needed."""

    index: str
    """The content of its ``snapshot.json``, with the digest."""
    names: frozenset[str]
    """None if this server cannot read the index now, because of its key or version."""


@dataclass(frozen=True, kw_only=True)
class Aside:
    """The content of ``aside.json``."""

    items: tuple[Item, ...] = ()
    """The oldest first."""
    replaced: str = ""
    """The index that a save was about to replace; empty when that save has been settled."""
    missing: frozenset[str] = frozenset()
    """The saved variables that the session did not have, at that save, since they were not
    loaded."""


def variables(snapshot: Snapshot) -> frozenset[str]:
    """The names that a snapshot brings back."""
    found = (*snapshot.names, *snapshot.modules, *snapshot.definitions)
    return frozenset(name for name in found if name.isidentifier())


def begin(
    folder: SnapshotFolder, key: bytes, missing: Iterable[str], rebound: Rebound, gone_until: int
) -> None:
    """Note variables that the next save would otherwise lose. Raises OSError.

    ``missing`` are the saved variables that the session does not have, since they were not loaded.
    """
    aside = settle(folder, key, rebound, gone_until)
    index = folder.read(INDEX, MAX_INDEX)
    if index is not None:
        later = replace(aside, replaced=_text(index), missing=frozenset(missing))
        _write(folder, later)


def settle(folder: SnapshotFolder, key: bytes, rebound: Rebound, gone_until: int) -> Aside:
    """Keep what is still needed of older snapshots, and remove other data files. Raises OSError.

    Variables that executions have set or deleted are not needed, nor those saved up to the
    execution ``gone_until``.
    """
    before = read(folder)
    index = folder.read(INDEX, MAX_INDEX)
    after = settled(before, _text(index), key, rebound, gone_until)
    if after != before:
        _write(folder, after)
    used = {_file(one) for one in (*(item.index for item in after.items), _text(index))}
    for name in folder.names():
        if DATA.fullmatch(name) and name not in used:
            with suppress(OSError):  # the next save tries again
                folder.remove(name)
    return after


def settled(aside: Aside, index: str, key: bytes, rebound: Rebound, gone_until: int) -> Aside:
    """The parts of older snapshots that are still needed beside the one with this index."""
    older = [item for item in aside.items if _after(item.index) > gone_until]
    current = _parsed(index, key)
    if not aside.replaced or aside.replaced == index or current is None:
        return Aside(items=tuple(older))
    if _after(aside.replaced) > gone_until:
        older.append(Item(index=aside.replaced, names=_all(aside.replaced, key)))
    there = variables(current)
    skipped = frozenset(one.name for one in current.skipped)
    kept: list[Item] = []
    for item in reversed(older):
        if not item.names and _parsed(item.index, key) is None:
            kept.append(item)
            continue
        names = item.names or _all(item.index, key)
        missing = names & aside.missing if item.names else names
        left = ((missing - skipped) | ((names & skipped) - missing)) - there
        left -= rebound(_after(item.index)) if left else frozenset()
        if left:
            kept.append(Item(index=item.index, names=left))
            there |= left
    return Aside(items=tuple(reversed(kept[:MAX_ITEMS])))


def wanted(item: Item, snapshot: Snapshot, current: Snapshot | None) -> frozenset[str]:
    """The variables to load of an older snapshot beside the session's."""
    there = variables(current) if current is not None else frozenset()
    return (item.names or variables(snapshot)) - there


def read(folder: SnapshotFolder) -> Aside:
    """The content of ``aside.json``; empty if it is not such a file.

    It has no digest of its own: only indexes in it that this server's key has signed are loaded.
    """
    try:
        content = json.loads(folder.read(FILE, MAX_FILE) or b"{}")
        return Aside(
            items=tuple(
                Item(index=_checked(one["index"]), names=frozenset(map(_checked, one["names"])))
                for one in content.get("items", ())
            ),
            replaced=_checked(content.get("replaced", "")),
            missing=frozenset(map(_checked, content.get("missing", ()))),
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return Aside()


def _checked(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


class Older:
    """A session's folder as it was when an older index was the session's."""

    def __init__(self, folder: SnapshotFolder, index: str) -> None:
        self._folder = folder
        self._index = index.encode()

    @property
    def path(self) -> Path:
        """The directory."""
        return self._folder.path

    @property
    def handed(self) -> Path:
        """The directory in which the kernel can write."""
        return self._folder.handed

    def take(self, name: str) -> None:
        """Have a file that the kernel has written in this directory."""
        self._folder.take(name)

    def read(self, name: str, limit: int) -> bytes | None:
        """A file; for the session's index, the older one."""
        return self._index if name == INDEX else self._folder.read(name, limit)

    def write(self, name: str, data: bytes) -> None:
        """Write a file."""
        self._folder.write(name, data)

    def remove(self, name: str) -> None:
        """Remove a file."""
        self._folder.remove(name)

    def names(self) -> list[str]:
        """The names of the files."""
        return self._folder.names()


class Keeping(Older):
    """A session's folder for a save that must not remove the data files of earlier ones."""

    def __init__(self, folder: SnapshotFolder) -> None:
        super().__init__(folder, "")

    def read(self, name: str, limit: int) -> bytes | None:
        """A file; None if it does not exist."""
        return self._folder.read(name, limit)

    def names(self) -> list[str]:
        """The names of the files that a save may remove."""
        return [name for name in self._folder.names() if not DATA.fullmatch(name)]


def _write(folder: SnapshotFolder, aside: Aside) -> None:
    if aside == Aside():
        with suppress(FileNotFoundError):
            folder.remove(FILE)
        return
    content = {
        "items": [{"index": one.index, "names": sorted(one.names)} for one in aside.items],
        "replaced": aside.replaced,
        "missing": sorted(aside.missing),
    }
    folder.write(FILE, json.dumps(content).encode())


def _parsed(index: str, key: bytes) -> Snapshot | None:
    try:
        return Snapshot.from_bytes(index.encode(), key)
    except UnusableSnapshot:
        return None


def _all(index: str, key: bytes) -> frozenset[str]:
    snapshot = _parsed(index, key)
    return variables(snapshot) if snapshot is not None else frozenset()


def _after(index: str) -> int:
    """The execution after which an index was made, which this server need not have signed."""
    number = _loose(index).get("after")
    return number if isinstance(number, int) else 0


def _file(index: str) -> str:
    """The name of its data file, likewise."""
    return str(_loose(index).get("file"))


def _loose(index: str) -> dict[str, Any]:
    try:
        content = json.loads(index)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _text(index: bytes | None) -> str:
    return index.decode(errors="replace") if index is not None else ""
