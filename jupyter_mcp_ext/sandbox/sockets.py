"""The Unix sockets of a kernel in a sandbox, as its server connects to them.

A kernel makes its sockets in a directory that it can write, where it could put a link to a socket
of the host later: whatever connects there would follow it. So the server connects to names in
another directory, which the kernel does not see: hard links to the sockets that the kernel has
made. A file that is no socket gets no name there, and no socket of another directory can get into
the kernel's, which is a mount of its own. When all sockets are there, the kernel's directory is
removed, so that nothing can be made in it any more.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import re
import stat
import struct
import tempfile
from pathlib import Path

NAME = re.compile(r"k-[0-9]{1,9}")
"""The name that Jupyter gives a socket of a kernel whose ``ip`` ends in ``k``."""

CHANNELS = 5

CREATED = 0x100 | 0x80
"""``IN_CREATE | IN_MOVED_TO``"""

EVENT = struct.Struct("iIII")
"""``struct inotify_event``, which its name follows."""

MOST = 1 << 16
"""Bytes of events that are read, in all; those of a kernel's sockets are a few hundred."""


class KernelSockets:
    """The sockets of one kernel process, which get their names in ``directory``.

    Needs a running event loop.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._made = directory
        """The kernel's own directory."""
        self._names: set[str] = set()
        self._watch = -1
        self._read = 0

    def open(self) -> Path:
        """A new directory for the kernel to make its sockets in. Raises OSError.

        The kernel has it in the place of ``directory``: its sockets have the same paths for both.
        """
        self._made = Path(tempfile.mkdtemp(dir=self._directory))
        self._watch = _watch(self._made)
        asyncio.get_running_loop().add_reader(self._watch, self._more)
        return self._made

    def close(self) -> None:
        """Give no further socket a name. May be called again."""
        if self._watch >= 0:
            asyncio.get_running_loop().remove_reader(self._watch)
            os.close(self._watch)
            self._watch = -1

    def _more(self) -> None:
        """Some files were made. These few system calls need no thread."""
        events = os.read(self._watch, MOST)
        self._read += len(events)
        for name in filter(NAME.fullmatch, _names(events)):
            with contextlib.suppress(OSError):  # the kernel has removed it
                self._name(name)
        if len(self._names) >= CHANNELS:
            self._seal()
        if len(self._names) >= CHANNELS or self._read >= MOST:
            self.close()

    def _name(self, name: str) -> None:
        draft = self._directory / "draft"
        os.link(self._made / name, draft, follow_symlinks=False)
        try:
            # Here the kernel can put nothing else in its place.
            if stat.S_ISSOCK(draft.lstat().st_mode):
                draft.replace(self._directory / name)
                self._names.add(name)
        finally:
            draft.unlink(missing_ok=True)  # it is still there if it had that name before

    def _seal(self) -> None:
        """Remove the kernel's directory; if there is more in it, it stays until the kernel ends."""
        with contextlib.suppress(OSError):
            for name in self._names:
                (self._made / name).unlink()
            self._made.rmdir()


def _watch(directory: Path) -> int:
    """A descriptor that tells which files are made in a directory. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    fd = int(libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
    if fd < 0 or libc.inotify_add_watch(fd, os.fsencode(directory), CREATED) < 0:
        number = ctypes.get_errno()
        if fd >= 0:
            os.close(fd)
        msg = f"the sockets of a kernel cannot be watched ({os.strerror(number)}): see the limits "
        raise OSError(number, msg + "in /proc/sys/fs/inotify")
    return fd


def _names(events: bytes) -> list[str]:
    names, at = [], 0
    while at < len(events):
        size = EVENT.unpack_from(events, at)[-1]
        at += EVENT.size
        names.append(os.fsdecode(events[at : at + size].rstrip(b"\0")))
        at += size
    return names
