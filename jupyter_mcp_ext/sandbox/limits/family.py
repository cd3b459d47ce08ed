"""The processes that a kernel has started, where no control group has them; Linux only."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Container, Iterator, Set
from dataclasses import dataclass

from .bounds import Use
from .ending import kill
from .virtual import read

PAGE = os.sysconf("SC_PAGE_SIZE")
TICK = os.sysconf("SC_CLK_TCK")

MAX_EXACT = 64
"""Processes whose memory is measured exactly, which takes up to a millisecond each."""

MAX_FRESH = 16
"""Processes whose CPU time is measured when an execution begins, which is to take no time."""


@dataclass(frozen=True, kw_only=True)
class Stat:
    """A process, as ``/proc/<pid>/stat`` has it."""

    started: int
    """When it was started; with its number this tells it from all others."""
    cpu_seconds: float
    children_seconds: float
    """The CPU time of its children that have ended and were waited for."""
    threads: int
    resident: int
    """Bytes in memory, with those that it shares with others."""


class Family:
    """A process with those that it has started, and those in turn.

    Also those that have lost their parents, if they were seen before: a process of which every
    ancestor ends between two looks is lost, which a PID namespace or a control group prevents.
    """

    def __init__(self, root: int) -> None:
        self._root = root
        self._head = _stat(root)
        self._members = {root: self._head} if self._head is not None else {}
        self._ended_seconds = 0.0
        """The CPU time of members that are gone, as they were last seen."""

    @property
    def pids(self) -> Set[int]:
        """The members that were seen last."""
        return self._members.keys()

    @property
    def inner(self) -> int | None:
        """A member that another has started, if there is one."""
        return next((pid for pid in self._members if pid != self._root), None)

    @property
    def is_headless(self) -> bool:
        """Whether its first process has ended."""
        stat = _stat(self._root)
        return self._head is None or stat is None or stat.started != self._head.started

    def look(self) -> Use:
        """Find the members, and what they use; memory that several share counts for each."""
        found: dict[int, Stat] = {}
        for pid in self._members:
            self._find(pid, found)
        for pid, before in self._members.items():
            if pid not in found:
                self._ended_seconds += before.cpu_seconds
        self._members = found
        return Use(
            memory=sum(each.resident for each in found.values()),
            cpu_seconds=_total(found.values(), self._ended_seconds),
            processes=sum(each.threads for each in found.values()),
        )

    def cpu_seconds(self) -> float:
        """The CPU time by now of the members that were seen last, while another thread may look."""
        ended, members = self._ended_seconds, list(self._members.items())
        found = [stat for _, stat in members[MAX_FRESH:]]
        for pid, before in members[:MAX_FRESH]:
            stat = _stat(pid)
            if stat is not None and stat.started == before.started:
                found.append(stat)
            else:
                ended += before.cpu_seconds
        return _total(found, ended)

    def memory(self) -> int:
        """Bytes in memory, in which what several share counts once. Slower than `look`."""
        members = list(self._members.items())
        exact = sum(_proportional(pid) or stat.resident for pid, stat in members[:MAX_EXACT])
        return exact + sum(stat.resident for _, stat in members[MAX_EXACT:])

    def confine(self, cores: Set[int]) -> None:
        """Have all members run on these cores only."""
        for pid in self._members:
            for thread in _threads(pid):
                with contextlib.suppress(OSError):
                    if os.sched_getaffinity(thread) != cores:
                        os.sched_setaffinity(thread, cores)

    def kill(self) -> None:
        """Kill all members. Blocks shortly."""
        kill(self._living, self._own)

    def _living(self) -> Collection[int]:
        self.look()
        return self._members

    def _own(self, pids: Collection[int]) -> Container[int]:
        """Those of some processes that are members, and not others with their numbers."""
        members = self._members
        stats = ((pid, _stat(pid)) for pid in pids if pid in members)
        return {pid for pid, stat in stats if stat and stat.started == members[pid].started}

    def _find(self, pid: int, found: dict[int, Stat]) -> None:
        waiting = [pid]
        while waiting:
            each = waiting.pop()
            stat = None if each in found else _stat(each)
            before = self._members.get(each)
            if stat is None or (before is not None and before.started != stat.started):
                continue  # ended; its number may be another's by now
            found[each] = stat
            waiting.extend(_children(each))


def _total(stats: Collection[Stat], ended: float) -> float:
    """The CPU time of processes; ``ended`` is that of some that were seen and have ended."""
    own = sum(each.cpu_seconds for each in stats)
    waited = sum(each.children_seconds for each in stats)
    # What has ended is counted by the process that waited for it, or here, if it was seen.
    return own + max(waited, ended)


def _stat(pid: int) -> Stat | None:
    """A process; None if it has ended."""
    try:
        fields = read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    except OSError:
        return None
    threads = int(fields[17])
    if fields[0] in (b"Z", b"X") and threads <= 1:  # else only the first thread has ended
        return None
    return Stat(
        started=int(fields[19]),
        cpu_seconds=(int(fields[11]) + int(fields[12])) / TICK,
        children_seconds=(int(fields[13]) + int(fields[14])) / TICK,
        threads=threads,
        resident=int(fields[21]) * PAGE,
    )


def _children(pid: int) -> Iterator[int]:
    for thread in _threads(pid):
        with contextlib.suppress(OSError):
            yield from map(int, read(f"/proc/{pid}/task/{thread}/children").split())


def _threads(pid: int) -> list[int]:
    try:
        return [int(name) for name in os.listdir(f"/proc/{pid}/task")]  # noqa: PTH208  # per look
    except OSError:
        return []


def _proportional(pid: int) -> int:
    """Bytes of a process in memory, with its part of what it shares; 0 if that is not shown."""
    try:
        lines = read(f"/proc/{pid}/smaps_rollup").splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(b"Pss:"))
