"""The limits of one kernel, through all its processes."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from .bounds import Bounds, Excess, Use
from .cgroups import Group
from .command import prefix
from .judge import Judge, soonest
from .meter import Meter
from .refusals import Refusals

NO_MEMORY = ("MemoryError", "bad_alloc", "[Errno 12]", "Cannot allocate memory")
NO_PROCESS = ("[Errno 11]", "can't start new thread")
TOO_LARGE = "[Errno 27]"
"""Words of the errors of a process that has reached its limits."""

PRLIMIT = Path("/usr/bin/prlimit")
"""Sets limits of which shells have different options."""


class Watch(Protocol):
    """Looks at the kernels that run."""

    def add(self, limited: Limited) -> None:
        """A kernel's process runs."""

    def discard(self, limited: Limited) -> None:
        """It has ended."""


class Limited:
    """What one kernel may use, and what happens when that is too much.

    Its provisioner says when a process begins and ends. The kernel says when an execution does,
    takes the interrupts, and asks why a process has ended.
    """

    def __init__(
        self,
        bounds: Bounds,
        in_all: Bounds,
        watch: Watch,
        *,
        new_group: Callable[[], Group] | None,
        folder: Path | None,
    ) -> None:
        """``in_all`` is what all kernels may use; ``folder`` is what is measured of the disk.

        Without a way to make groups, processes are measured one by one.
        """
        self.bounds = bounds
        self.cpu = bounds.cpu
        """The cores that it may use at the moment; 0 is no limit."""
        self.judge = Judge()
        self.kernel_id = ""
        """The kernel's id, once it runs."""
        self.is_ending = False
        """Whether it is being ended, since it exceeds a limit."""
        self.interrupt: Callable[[str], object] = str
        """Interrupts the kernel's code, for a reason in words."""
        self.meter: Meter | None = None
        """Measures its process, while one runs."""
        self._new_group = new_group
        self._group: Group | None = None
        self._refusals: Refusals | None = None
        self._in_all = in_all
        self._watch = watch
        self._folder = folder
        self._words = ""

    @property
    def use(self) -> Use:
        """What it used at the latest look."""
        meter = self.meter
        if meter is None:
            return Use()
        return meter.use if meter.is_current else meter.use.but(cpu_seconds=0.0)

    @property
    def rate(self) -> float:
        """The cores that it used at the latest look."""
        return self.meter.rate if self.meter is not None else 0.0

    def prefix(self) -> list[str]:
        """What comes before the command of the kernel's next process. Raises OSError."""
        if self._new_group is None:
            return prefix(self.bounds, ())
        # Each process has a group of its own: those that were killed count until they are reaped.
        self._group = self._new_group()
        self._group.make(self.bounds)
        return prefix(self.bounds, self._group.procs)

    def inner_prefix(self) -> list[str]:
        """What comes before the command in a user namespace, which counts its own processes.

        Outside of one, all processes of the account would count; and root's never do.
        """
        most = self.bounds.processes
        if self._new_group is not None or not most or not os.getuid() or not PRLIMIT.exists():
            return []
        return [str(PRLIMIT), f"--nproc={most}", "--"]

    def started(self, pid: int, scratch: Sequence[str], temporary: Sequence[Path]) -> None:
        """A process of the kernel, with which all that it starts counts.

        Of its sandbox, ``scratch`` are the folders in memory and ``temporary`` those on the disk.
        """
        self._words, self.is_ending = "", False
        self.judge.restart()
        folders = () if self._folder is None else (self._folder, *temporary)
        self.meter = Meter(pid, self.bounds, group=self._group, folders=folders, scratch=scratch)
        if self._group is not None:
            self._refusals = Refusals(self._group, self.bounds, self._in_all)
        self._watch.add(self)

    def ended(self) -> None:
        """The process is gone: end what it has left behind. Blocks shortly."""
        self.leftovers()()

    def leftovers(self) -> Callable[[], None]:
        """The process is gone: what ends all that it has left behind, and blocks shortly."""
        self._watch.discard(self)
        (meter, self.meter), (group, self._group) = (self.meter, None), (self._group, None)

        def end() -> None:
            if group is not None:
                group.kill()
                group.remove()
            elif meter is not None:
                meter.kill()

        if group is not None and self._refusals is not None:
            self._refusals.close()
        return end

    def look(self) -> float:
        """Measure what it uses, in the watchdog's thread; the seconds until a limit is near."""
        meter = self.meter  # another thread may say at any time that the process is gone
        if meter is None:
            return math.inf
        meter.look(self.cpu)
        return soonest(meter.use, meter.before, self.bounds, meter.elapsed)

    def belong(self, kernel_id: str, interrupt: Callable[[str], object]) -> None:
        """They are this kernel's, whose code is interrupted for a reason in words."""
        self.kernel_id, self.interrupt = kernel_id, interrupt

    def begin(self) -> None:
        """An execution begins."""
        if self.meter is not None:
            self.meter.begin()

    def end(self) -> None:
        """It has ended."""
        self.judge.execution_ended()
        if self.meter is not None:
            self.meter.end()

    def condemn(self, excess: Excess) -> Meter | None:
        """The kernel is to be ended, since it exceeds a limit; what is to be killed."""
        self.is_ending, self._words = True, f"the kernel was ended: {excess.words}"
        return self.meter

    def reason(self, *, was_killed: bool) -> str:
        """Why the latest process has ended, if a limit was the reason; else empty."""
        if not self._words and was_killed and self._refusals is not None:
            shortage = self._refusals.shortage()
            if shortage is not None:
                self._words = f"the kernel was ended: {shortage.words}"
        return self._words

    def hits(self, error: str) -> Iterator[str]:
        """What was refused since the latest execution ended, in words.

        ``error`` is what the code raised: its kind and message; may be empty.
        """
        bounds = self.bounds
        if bounds.memory and any(words in error for words in NO_MEMORY):
            excess = Excess(name="memory", used=self.use.memory, limit=bounds.memory)
            yield f"no more memory was given: {excess.words}"
        if bounds.file_bytes and TOO_LARGE in error:
            excess = Excess(name="file_bytes", used=bounds.file_bytes, limit=bounds.file_bytes)
            yield f"the file was cut: {excess.words}"
        has_failed = any(words in error for words in NO_PROCESS)
        if self._refusals is not None:
            yield from self._refusals.words(has_failed=has_failed)
        elif bounds.processes and has_failed:
            excess = Excess(name="processes", used=bounds.processes, limit=bounds.processes)
            yield f"a process or thread could not be started: {excess.words}"
