"""Measures and removes folders with all that is in them, and nothing that a link leads to.

Everything here blocks: call it in a thread. Failures are OSError.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import islice

from .beneath import Folder

MAX_MEASURED = 20_000
"""Files and folders that are counted of one folder."""

MAX_DEPTH = 32
"""Folders in each other that are looked into to measure one."""


@dataclass(frozen=True, kw_only=True)
class Extent:
    """How much is in a folder; links count as files without content."""

    files: int = 0
    bytes: int = 0

    def __add__(self, other: Extent) -> Extent:
        return Extent(files=self.files + other.files, bytes=self.bytes + other.bytes)


def extent(folder: Folder, *, but: frozenset[str] = frozenset()) -> Extent:
    """What is in an open folder, except under some names; of very large ones a part."""
    found = Extent()
    for status in _statuses(folder, but, depth=0):
        size = status.st_size if stat.S_ISREG(status.st_mode) else 0
        found += Extent(files=1, bytes=size)
        if found.files >= MAX_MEASURED:
            break
    return found


def changed(folder: Folder, *, but: frozenset[str] = frozenset()) -> float:
    """When a file in an open folder was written last, except under some names; 0: there is none."""
    statuses = islice(_statuses(folder, but, depth=0), MAX_MEASURED)
    return max((status.st_mtime for status in statuses), default=0.0)


def _statuses(folder: Folder, but: frozenset[str], depth: int) -> Iterator[os.stat_result]:
    """The status of everything in a folder that is not a folder itself."""
    for entry in folder.entries():
        if entry.name in but:
            continue
        if not entry.is_dir(follow_symlinks=False):
            with suppress(FileNotFoundError):
                yield entry.stat(follow_symlinks=False)
        elif depth < MAX_DEPTH:
            with suppress(OSError), closing(folder.inner(entry.name)) as inner:
                yield from _statuses(inner, frozenset(), depth + 1)


def remove_tree(parent: Folder, name: str) -> Extent:
    """Remove a folder with all that is in it; the extent of what was removed.

    It may be called again for one that was removed in part, and for one that is not there.
    """
    try:
        folder = _opened(parent, name)
    except FileNotFoundError:
        return Extent()
    with closing(folder):
        removed = clear(folder)
    with suppress(FileNotFoundError):
        parent.remove_folder(name)
    return removed


def clear(folder: Folder, *, but: frozenset[str] = frozenset()) -> Extent:
    """Remove everything in an open folder, except some names; the extent of what was removed.

    Folders in each other are moved up to be emptied, so that their depth does not matter.
    """
    removed = Extent()
    while names := [name for name in folder.names() if name not in but]:
        for name in names:
            removed += _remove(folder, name)
    return removed


def _remove(folder: Folder, name: str) -> Extent:
    status = folder.stat(name)
    if status is None:
        return Extent()
    if not stat.S_ISDIR(status.st_mode):
        folder.remove(name)
        return Extent(files=1, bytes=status.st_size if stat.S_ISREG(status.st_mode) else 0)
    removed = Extent()
    with closing(_opened(folder, name)) as inner:
        for each in inner.names():
            below = inner.stat(each)
            if below is not None and stat.S_ISDIR(below.st_mode):
                _make_usable(inner, each)  # a folder that is moved is written to
                inner.move(each, folder, to=f".{secrets.token_hex(8)}")
            else:
                removed += _remove(inner, each)
    folder.remove_folder(name)
    return removed


def _opened(parent: Folder, name: str) -> Folder:
    _make_usable(parent, name)
    return parent.inner(name)


def _make_usable(parent: Folder, name: str) -> None:
    """Give this account its rights to a folder, which a kernel may have taken away."""
    status = parent.stat(name)
    if status is None or status.st_mode & stat.S_IRWXU == stat.S_IRWXU:
        return
    with suppress(OSError):
        parent.make_usable(name)
