"""Reads the small files in which Linux shows numbers, which many looks and calls do."""

from __future__ import annotations

import contextlib
import os

ENOUGH = 65_536
"""Bytes of the largest file that is read."""


def read(path: str) -> bytes:
    """A file's content. A tenth of what ``Path.read_bytes`` takes. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(fd, ENOUGH)
    finally:
        os.close(fd)


def number(path: str) -> int:
    """The number in a file; 0 if there is none."""
    try:
        return int(read(path))
    except (OSError, ValueError):
        return 0


def counter(content: bytes, name: bytes) -> int:
    """The number after a name, each pair on a line of its own; 0 if there is none."""
    found = (b"\n" + content).partition(b"\n" + name + b" ")[2].partition(b"\n")[0]
    return int(found) if found.isdigit() else 0


class Held:
    """Files that are held open, since opening takes longer than reading."""

    def __init__(self) -> None:
        self._fds: dict[str, int] = {}

    def counter(self, path: str, name: bytes) -> int:
        """The number after a name in a file; 0 if there is none."""
        try:
            fd = self._fds.get(path)
            if fd is None:
                fd = self._fds[path] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            return counter(os.pread(fd, ENOUGH, 0), name)
        except OSError:  # the group is gone
            return 0

    def close(self) -> None:
        """Close them."""
        while self._fds:
            _, fd = self._fds.popitem()
            with contextlib.suppress(OSError):
                os.close(fd)
