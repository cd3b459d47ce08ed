"""How much disk folders take, found out in small steps."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

BLOCK = 512
"""Bytes in which ``st_blocks`` counts."""

EVERY = 16
"""Entries between two looks at the clock."""


class DiskUse:
    """The bytes of folders, which are walked again and again, a little at a time.

    The result is that of the last complete walk, or what the current one has found, if that is
    more. So that a folder which grows fast is noticed soon, more time is taken if its file system
    has filled up since by as much as would exceed the limit.
    """

    def __init__(self, folders: Sequence[Path], limit: int) -> None:
        self._folders = folders
        self._limit = limit
        self._last = 0
        self._found = 0
        self._filled: list[int] = []
        """Bytes in use of each folder's file system when the current walk began."""
        self._walk: Iterator[int] | None = None

    @property
    def is_complete(self) -> bool:
        """Whether the folders were walked, and no other walk has begun."""
        return self._walk is None and bool(self._filled)

    def look(self, *, budget: float, most: float) -> int:
        """Walk for ``budget`` seconds, or ``most`` if there is reason; the bytes so far. Blocks."""
        is_urgent = self._last + self._growth() > self._limit
        until = time.thread_time() + (most if is_urgent else budget)
        if self._walk is None:
            self._found, self._filled = 0, [filled(folder) for folder in self._folders]
            self._walk = _sizes(self._folders)
        for number, size in enumerate(self._walk):
            self._found += size
            if number % EVERY == EVERY - 1 and time.thread_time() > until:
                return max(self._last, self._found)
        self._walk = None
        self._last = self._found
        return self._last

    def _growth(self) -> int:
        """By how much the file system has filled up that has done so most."""
        now = (filled(folder) for folder in self._folders)
        return max(
            (after - before for before, after in zip(self._filled, now, strict=False)), default=0
        )


def _sizes(folders: Sequence[Path]) -> Iterator[int]:
    """The bytes of each file and folder in folders; links are not followed.

    A file with several names counts with a part of its bytes for each: it is there once.
    """
    waiting = list(map(str, folders))
    while waiting:
        try:
            entries = os.scandir(waiting.pop())
        except OSError:  # it is gone, or was closed to the server
            continue
        with entries:
            for entry in entries:
                with contextlib.suppress(OSError):  # it may be gone by now
                    status = entry.stat(follow_symlinks=False)
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                        yield status.st_blocks * BLOCK
                    else:
                        yield status.st_blocks * BLOCK // max(1, status.st_nlink)


def filled(folder: Path) -> int:
    """Bytes in use of the file system that a folder is on."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return 0
    return (found.f_blocks - found.f_bfree) * found.f_frsize
