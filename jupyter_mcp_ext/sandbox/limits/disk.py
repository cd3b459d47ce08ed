"""How much disk folders take, found out in small steps."""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
import time
from collections.abc import Callable, Collection, Iterator, Sequence, Set
from contextlib import AbstractContextManager
from pathlib import Path

BLOCK = 512
"""Bytes in which ``st_blocks`` counts."""

INODE = 1024
"""Bytes that a file system keeps for each file and folder, about, also for empty ones."""

GROWTH = 1 << 20
"""Bytes by which a file system fills up that are a reason to walk again."""

EVERY = 16
"""Entries between two looks at the clock."""


class DiskUse:
    """The bytes of folders, and of files without a name that processes hold open beside them.

    The folders are walked again and again, a little at a time.

    The result is that of the last complete walk, or what the current one has found, if that is
    more. So that a folder which grows fast is noticed soon, more time is taken if its file system
    has filled up since by as much as would exceed the limit.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        limit: int,
        processes: Callable[[], Collection[int]] = tuple,
    ) -> None:
        """``processes`` gives the numbers of those that write there."""
        self._folders = folders
        self._processes = processes
        self._limit = limit
        self._last = 0
        self._found = 0
        self._filled: list[int] = []
        """Bytes in use of each folder's file system when the current walk began."""
        self._walk: Iterator[int] | None = None
        self._is_stale = True
        """Whether something may have been written since the current walk began, or the last."""

    @property
    def is_complete(self) -> bool:
        """Whether the folders were walked since something was written, as far as is known."""
        return self._walk is None and not self._is_stale

    @property
    def has_grown(self) -> bool:
        """Whether a file system has filled up since a walk began, with whatever that may be."""
        return self._growth() > GROWTH

    def touch(self) -> None:
        """Something may have been written."""
        self._is_stale = True

    def look(self, *, budget: float, most: float) -> int:
        """Walk for ``budget`` seconds, or ``most`` if there is reason; the bytes so far. Blocks."""
        is_urgent = self._last + self._growth() > self._limit
        until = time.thread_time() + (most if is_urgent else budget)
        if self._walk is None:
            self._found, self._filled = 0, [filled(folder) for folder in self._folders]
            self._walk, self._is_stale = self._sizes(), False
        for number, size in enumerate(self._walk):
            self._found += size
            if number % EVERY == EVERY - 1 and time.thread_time() > until:
                return max(self._last, self._found)
        self._walk = None
        self._last = self._found
        return self._last

    def _sizes(self) -> Iterator[int]:
        for folder in self._folders:
            yield from _sizes(folder)
        yield from _nameless(self._processes(), set(_devices(self._folders)))

    def _growth(self) -> int:
        """By how much the file system has filled up that has done so most."""
        now = (filled(folder) for folder in self._folders)
        return max(
            (after - before for before, after in zip(self._filled, now, strict=False)), default=0
        )


def _sizes(top: Path) -> Iterator[int]:
    """The bytes of each file and folder in a folder; links are not followed.

    A file with several names counts with a part of its bytes for each: it is there once.
    """
    waiting = [str(top)]
    while waiting:
        try:
            entries = _entries(waiting.pop(), top)
        except OSError:  # it is gone, or another account's
            continue
        with entries as found:
            for entry in found:
                with contextlib.suppress(OSError):  # it may be gone by now
                    status = entry.stat(follow_symlinks=False)
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                        yield _size(status)
                    else:
                        yield _size(status) // max(1, status.st_nlink)


def _entries(folder: str, top: Path) -> AbstractContextManager[Iterator[os.DirEntry[str]]]:
    try:
        return os.scandir(folder)
    except PermissionError:
        open_up(folder, top)
        return os.scandir(folder)


def open_up(folder: str, top: Path) -> None:
    """Let the account read its own folder below ``top`` that is closed to it. Raises OSError."""
    fd = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        # Code may put links in the way at any time: what is held is asked where it is.
        held = Path(f"/proc/self/fd/{fd}")
        if held.readlink().is_relative_to(top.resolve()):
            held.chmod(held.stat().st_mode & 0o7777 | stat.S_IRUSR | stat.S_IXUSR)
    finally:
        os.close(fd)


def _nameless(processes: Collection[int], devices: Set[int]) -> Iterator[int]:
    """The bytes of each file without a name on some devices that processes hold open."""
    seen: set[tuple[int, int]] = set()
    for status in itertools.chain.from_iterable(map(_open_files, processes)):
        key = status.st_dev, status.st_ino
        is_nameless = stat.S_ISREG(status.st_mode) and not status.st_nlink
        is_counted = is_nameless and status.st_dev in devices and key not in seen
        if is_counted:
            seen.add(key)
        yield _size(status) if is_counted else 0


def _open_files(pid: int) -> Iterator[os.stat_result]:
    with contextlib.suppress(OSError), os.scandir(f"/proc/{pid}/fd") as found:  # it may have ended
        for entry in found:
            with contextlib.suppress(OSError):  # it may be closed by now
                yield entry.stat()


def _devices(folders: Sequence[Path]) -> Iterator[int]:
    for folder in folders:
        with contextlib.suppress(OSError):
            yield folder.stat().st_dev


def _size(status: os.stat_result) -> int:
    return status.st_blocks * BLOCK + INODE


def filled(folder: Path) -> int:
    """Bytes in use of the file system that a folder is on."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return 0
    files = max(0, found.f_files - found.f_ffree)
    return (found.f_blocks - found.f_bfree) * found.f_frsize + files * INODE
