"""How much memory an ended process had, and whether the system killed it for lack of memory.

Nothing is sampled while a kernel runs: Linux keeps a process's peak until it is reaped, and its
cgroup counts the processes that were killed in it. On other systems nothing is known.
"""

from __future__ import annotations

import ctypes
import os
import platform
import sys
import weakref
from dataclasses import dataclass
from pathlib import Path

import psutil

from jupyter_mcp_ext.sandbox.limits.hierarchies import group_of
from jupyter_mcp_ext.wording import size

if sys.platform != "win32":
    import resource

WAITID = {"x86_64": 247, "aarch64": 95, "riscv64": 95, "ppc64le": 272, "s390x": 281}
"""The number of the system call ``waitid`` by machine."""

RUSAGE_LONGS = 18
"""A ``struct rusage`` is two ``timeval`` and fourteen numbers."""

MAXRSS = 4
"""The place of ``ru_maxrss`` in it, in kB."""

PROC = Path("/proc")

MAX_COUNTERS = 65_536
"""Bytes that are read of a file of counters."""

COUNTERS = {1: "memory.oom_control", 2: "memory.events"}
"""The file that counts the processes which were killed, by the version of control groups."""

SHARED = 0.8
"""A process killed below this fraction of its limit was not alone in using the memory."""


@dataclass(frozen=True, kw_only=True)
class Peak:
    """The largest resident memory of a process and of the children it waited for."""

    bytes: int
    is_exact: bool
    """Otherwise an upper bound: a process inherits the peak of its parent."""

    def __str__(self) -> str:
        return f"peak {'' if self.is_exact else 'under '}{_size(self.bytes)}"


def peak_of(pidfd: int) -> Peak | None:
    """The peak of an ended process that has not been reaped; None if it cannot be known.

    ``/proc/<pid>/status`` has no memory in it any more by then, and ``os.waitid`` leaves out what
    the system call gives besides: the resource usage, also without reaping (WNOWAIT).
    """
    number = WAITID.get(platform.machine())
    if sys.platform != "linux" or number is None or ctypes.sizeof(ctypes.c_long) != 8:
        return None
    siginfo = ctypes.create_string_buffer(128)
    usage = (ctypes.c_long * RUSAGE_LONGS)()
    options = os.WEXITED | os.WNOWAIT | os.WNOHANG
    failed = ctypes.CDLL(None).syscall(number, os.P_PIDFD, pidfd, siginfo, options, usage)
    if failed or not usage[MAXRSS]:
        return None
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return Peak(bytes=usage[MAXRSS] * 1024, is_exact=usage[MAXRSS] > own)


class MemoryGroup:
    """The processes that share a process's memory limit: its cgroup, or else the machine.

    It reads a few lines of virtual files, which takes some ten microseconds and never waits.
    """

    def __init__(self, counter: Path, limit: int | None) -> None:
        self._counter = counter
        self._limit = limit
        # Held open, since each execution reads it: opening takes ten times as long as reading.
        self._file = _opened(counter)
        weakref.finalize(self, _close, self._file)
        self._seen = self._kills()

    @classmethod
    def of(cls, pid: int) -> MemoryGroup | None:
        """The group of a process; None if there is nothing to read."""
        if sys.platform != "linux":
            return None
        try:
            groups = (PROC / str(pid) / "cgroup").read_text()
            mounts = (PROC / "self" / "mountinfo").read_text()
        except OSError:
            return None
        found = counter_file(groups, mounts)
        return cls.at(found if found is not None and found.is_file() else PROC / "vmstat")

    @classmethod
    def at(cls, counter: Path) -> MemoryGroup:
        """The group whose kills this file counts."""
        return cls(counter, _limit(counter))

    def mark(self) -> None:
        """Mark: kills until now were not of this process."""
        self._seen = self._kills()

    def has_killed(self) -> bool:
        """Whether the system has killed a process of the group since the last mark."""
        return self._kills() > self._seen

    def concede(self, other: MemoryGroup) -> None:
        """The last kill was of the process of ``other``, if it has the same group."""
        if other is not self and other._counter == self._counter:
            self._seen += 1

    def words(self, peak: Peak | None) -> str:
        """The reason for a process of the group that was killed for lack of memory."""
        total = psutil.virtual_memory().total
        limit = min(self._limit or total, total)
        if peak is None or not peak.is_exact:
            return f"out of memory (limit {_size(limit)})"
        had = min(peak.bytes, limit)
        among = ", beside other processes" if had < SHARED * limit else ""
        return f"out of memory (peak {_part(had, limit)}{among})"

    def _kills(self) -> int:
        try:
            counters = b"\n" + os.pread(self._file, MAX_COUNTERS, 0)
        except OSError:  # the group is gone, with its last process
            return 0
        number = counters.partition(b"\noom_kill ")[2].partition(b"\n")[0]
        return int(number) if number.isdigit() else 0


def counter_file(groups: str, mounts: str) -> Path | None:
    """The file with a process's ``oom_kill`` count, by its ``cgroup`` and our ``mountinfo``."""
    found = group_of("memory", groups, mounts)
    return None if found is None else found[1] / COUNTERS[found[0]]


def _limit(counter: Path) -> int | None:
    """The smallest limit that applies to the group of a counter file."""
    match counter.name:
        case "memory.oom_control":
            return _numbers(counter.with_name("memory.stat")).get("hierarchical_memory_limit")
        case "memory.events":
            limits = (_number(folder / "memory.max") for folder in counter.parents)
            return min((limit for limit in limits if limit is not None), default=None)
        case _:
            return None


def _opened(file: Path) -> int:
    """A descriptor for reading; -1, which no read accepts, if the file is gone."""
    try:
        return os.open(file, os.O_RDONLY)
    except OSError:
        return -1


def _close(descriptor: int) -> None:
    if descriptor >= 0:
        os.close(descriptor)


def _numbers(file: Path) -> dict[str, int]:
    try:
        words = file.read_text().split()
    except OSError:  # the group is gone, with its last process
        return {}
    return {k: int(v) for k, v in zip(words[::2], words[1::2], strict=False) if v.isdigit()}


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):  # no such group, or "max"
        return None


def _part(some: int, whole: int) -> str:
    """``13.9 of 14 GB``."""
    (number, unit), of = _size(some).split(), _size(whole)
    return f"{number} of {of}" if of.endswith(unit) else f"{number} {unit} of {of}"


def _size(count: int) -> str:
    return size(count, digits=3, base=1024)
