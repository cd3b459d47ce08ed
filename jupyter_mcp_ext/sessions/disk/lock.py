"""Which server works in a session's folder: the one that holds its lock and is named in it.

The system's lock ends with its process. Some file systems have no locks, or other
machines do not see them: there the holder's name and heartbeat in the file decide.

Everything here blocks: call it in a thread. Failures are OSError.
"""

from __future__ import annotations

import json
import os
import re
import socket
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import IO, Any

import psutil

from jupyter_mcp_ext.files.beneath import Folder
from jupyter_mcp_ext.system import lock, locker

LOCK = "lock"

BEAT = 10.0
"""Seconds between two heartbeats."""

SILENCE = 30.0
"""Seconds without a heartbeat after which a holder on another machine is taken for gone."""

AHEAD = 300.0
"""Seconds by which the clock of another machine may be ahead."""

MAX_SIZE = 10_000

HOST = re.compile(r"[A-Za-z0-9._-]{1,253}")
MAX_PID = 2**31


@dataclass(frozen=True, kw_only=True)
class Holder:
    """A server that holds a folder, or did; ``heartbeat`` in seconds since the epoch."""

    pid: int
    host: str
    heartbeat: float

    @property
    def words(self) -> str:
        """The holder in words for people."""
        here = "this machine" if self.is_here else self.host
        return f"process {self.pid} on {here}"

    @property
    def is_here(self) -> bool:
        """Whether it is a process of this machine."""
        return self.host == socket.gethostname()

    @property
    def is_alive(self) -> bool:
        """Whether it may still run, by its heartbeat."""
        if self.is_here and (self.pid == os.getpid() or not psutil.pid_exists(self.pid)):
            return False
        # One far ahead is no heartbeat: it would count for ever.
        return -AHEAD < time.time() - self.heartbeat < SILENCE


class HeldElsewhere(Exception):
    """Another server holds the folder, and only it may write there.

    ``pid`` is the process that has locked it, where the system tells: what the file says may be
    anything.
    """

    def __init__(self, holder: Holder | None, pid: int | None = None) -> None:
        named = f"process {pid} on this machine" if pid else "another process"
        super().__init__(holder.words if holder and not pid else named)
        self.words = str(self)
        self.pid = pid


class FolderLock:
    """The lock of a folder that this server holds; make one with `take`."""

    def __init__(self, file: IO[str], *, is_locked: bool) -> None:
        """``is_locked``: the system keeps other processes of this machine from it."""
        self._file = file
        self._is_locked = is_locked
        self._own = Holder(pid=os.getpid(), host=socket.gethostname(), heartbeat=time.time())
        self._write(self._own)

    @classmethod
    def take(cls, folder: Folder, is_kernel: Callable[[int], bool]) -> FolderLock:
        """Take the lock; one that a kernel's process holds does not count.

        Raises HeldElsewhere.
        """
        try:
            return cls._take(folder)
        except HeldElsewhere as err:
            if err.pid is None or not is_kernel(err.pid):
                raise
        folder.remove(LOCK)  # a lock belongs to the file and not to its name
        return cls._take(folder)

    @classmethod
    def _take(cls, folder: Folder) -> FolderLock:
        file = os.fdopen(folder.open(LOCK, os.O_RDWR | os.O_CREAT), "r+")
        try:
            return cls(file, is_locked=_check_free(file))
        except BaseException:
            file.close()
            raise

    def beat(self) -> bool:
        """Write a heartbeat; False when another server has taken the folder."""
        found = _holder(self._file)
        if found is not None and not self._is_own(found):
            return False
        self._write(self._own)
        return True

    def release(self) -> None:
        """Release the lock."""
        try:
            found = _holder(self._file)
            if found is None or self._is_own(found):
                self._write(None)
        finally:
            self._file.close()

    def _is_own(self, found: Holder) -> bool:
        # Where the system locks, no other process of this machine can have taken the folder.
        known = (found.pid, found.host) == (self._own.pid, self._own.host)
        return known or (found.is_here and self._is_locked)

    def _write(self, holder: Holder | None) -> None:
        known = {**asdict(holder), "heartbeat": time.time()} if holder is not None else {}
        self._file.seek(0)
        self._file.truncate()
        json.dump({"version": 1, **known}, self._file)
        self._file.flush()


def look(folder: Folder) -> str:
    """Words for the server that holds a folder now, empty when none does; nothing is changed."""
    try:
        file = os.fdopen(folder.open(LOCK, os.O_RDONLY), "rb", buffering=0)
    except FileNotFoundError:
        return ""
    with file:
        try:
            _check_free(file, shared=True)
        except HeldElsewhere as err:
            return err.words
    return ""


def _check_free(file: IO[Any], *, shared: bool = False) -> bool:
    """Lock the file, unless another server has it; whether the system can. Raises HeldElsewhere."""
    is_locked = lock(file, shared=shared)
    holder = _holder(file)
    if is_locked is False:
        raise HeldElsewhere(holder, locker(file))
    is_elsewhere = holder is not None and (is_locked is None or not holder.is_here)
    if holder is not None and is_elsewhere and holder.is_alive:
        raise HeldElsewhere(holder)
    return bool(is_locked)


def _holder(file: IO[Any]) -> Holder | None:
    file.seek(0)
    try:
        known = json.loads(file.read(MAX_SIZE))
        pid, host, heartbeat = known["pid"], known["host"], float(known.get("heartbeat", 0.0))
        if type(pid) is not int or not 0 < pid < MAX_PID or not HOST.fullmatch(host):
            return None
        return Holder(pid=pid, host=host, heartbeat=heartbeat)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return None
