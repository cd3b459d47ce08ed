"""What the processes of one kernel use, measured again and again by the watchdog's thread."""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections.abc import Sequence
from pathlib import Path

from .bounds import Bounds, Use
from .cgroups import Group
from .disk import DiskUse, filled
from .family import Family

WALK = 0.0001
"""Seconds of CPU time for a step of walking a folder, at each look."""

URGENT_WALK = 0.05
"""The same when the disk fills up."""

ABANDONED = 3.0
"""Seconds after a process's end until what it has left behind is ended: Jupyter may not do so."""

IDLE = 0.005
"""Cores that a kernel uses at most that writes nothing to speak of."""

ENDLESS = 1 << 62


class Meter:
    """Measures a process with all that it starts: with a control group, or by its descendants."""

    def __init__(
        self,
        pid: int,
        bounds: Bounds,
        *,
        group: Group | None,
        folders: Sequence[Path],
        scratch: Sequence[str] = (),
    ) -> None:
        """``folders`` are what is measured of the disk.

        ``scratch`` are folders of the kernel's sandbox that are in memory.
        """
        self.use = Use()
        """What was used at the latest look; the CPU time is that of the latest execution."""
        self.before = Use()
        """The same at the look before, of the same execution."""
        self.elapsed = 0.0
        """Seconds between the two."""
        self.rate = 0.0
        """The cores that were used between them; 0 if that was by an execution that has ended."""
        self.written_at = 0.0
        """When more was found on the disk than before, of the clock that is never set."""
        self._bounds = bounds
        self._group = group
        self._pid = pid
        self._scratch = scratch
        self._family = Family(pid)
        self._disk = self._disk_use(folders) if folders else None
        self._all_cores = sorted(os.sched_getaffinity(0))
        self._cpu = bounds.cpu
        self._at = time.monotonic()
        self._seconds = group.use().cpu_seconds if group is not None else 0.0
        """The CPU time of all executions at the latest look."""
        self._base = self._seconds
        """The CPU time when the latest execution began."""
        self._is_running = False
        self._turns = self._known = 0
        """How often executions have begun and ended, and of how many the latest look knew."""
        self._headless = 0.0
        """For how many seconds the process has been gone."""

    @property
    def is_current(self) -> bool:
        """Whether no execution has begun or ended since the latest look."""
        return self._turns == self._known

    @property
    def is_active(self) -> bool:
        """Whether an execution runs, or something else does."""
        return self._is_running or self.rate > IDLE

    @property
    def is_abandoned(self) -> bool:
        """Whether the process has ended, and what it has left behind goes on."""
        return self._headless > ABANDONED

    def begin(self) -> None:
        """An execution begins; no other runs."""
        # In this order: a look, in its thread, that knows of the execution has its base too.
        self._base = (self._group or self._family).cpu_seconds()
        self._is_running = True
        self._turns += 1

    def end(self) -> None:
        """It has ended; what it has left in the background may go on."""
        self._is_running = False
        self._turns += 1

    def look(self, cpu: float) -> None:
        """Measure, and keep the processes to these cores; 0 is no limit. Blocks."""
        turns = self._turns
        found = self._group_use(cpu) if self._group is not None else self._family_use(cpu)
        now = time.monotonic()
        self.elapsed = now - self._at
        self._headless = self._headless + self.elapsed if self._family.is_headless else 0.0
        rate = (found.cpu_seconds - self._seconds) / max(self.elapsed, 0.001)
        is_same = turns == self._known
        self.rate = rate if is_same or self._is_running else 0.0
        before = self.use.cpu_seconds if is_same else 0.0
        self.before = self.use.but(cpu_seconds=before)
        disk = self._disk_used(is_busy=rate > IDLE or not is_same)
        if disk > self.use.disk:
            self.written_at = now
        self.use = found.but(cpu_seconds=max(0.0, found.cpu_seconds - self._base), disk=disk)
        self._at, self._seconds, self._known = now, found.cpu_seconds, turns

    def kill(self) -> None:
        """Kill all that is measured. Blocks shortly."""
        if self._group is not None:
            self._group.kill()
        else:
            self._family.kill()

    def _disk_use(self, folders: Sequence[Path]) -> DiskUse:
        group, family = self._group, self._family
        processes = (lambda: family.pids) if group is None else group.pids
        return DiskUse(folders, self._bounds.disk or ENDLESS, processes)

    def _disk_used(self, *, is_busy: bool) -> int:
        if self._disk is None:
            return 0
        if is_busy or self._disk.has_grown:  # writing a little takes hardly any CPU time
            self._disk.touch()
        if self._disk.is_complete:
            return self.use.disk
        return self._disk.look(budget=WALK, most=URGENT_WALK)

    def _group_use(self, cpu: float) -> Use:
        assert self._group is not None  # noqa: S101
        if cpu != self._cpu:
            with contextlib.suppress(OSError):  # what is used is to be measured all the same
                self._group.limit_cpu(cpu)
            self._cpu = cpu
        return self._group.use()

    def _family_use(self, cpu: float) -> Use:
        found = self._family.look()
        scratch = self._scratch_use()
        memory = found.memory + scratch
        if 0 < self._bounds.memory < memory:
            memory = self._family.memory() + scratch
        if cpu:
            self._family.confine(self._cores(cpu))
        return found.but(memory=memory)

    def _scratch_use(self) -> int:
        """Bytes in the file systems in memory that the kernel's sandbox has."""
        inner = self._family.inner if self._scratch else None
        if inner is None:
            return 0
        return sum(filled(Path(f"/proc/{inner}/root{path}")) for path in self._scratch)

    def _cores(self, cpu: float) -> set[int]:
        """Whole cores of those that the server may use; kernels begin with different ones."""
        count = min(len(self._all_cores), math.ceil(cpu))
        first = self._pid % len(self._all_cores)
        return {self._all_cores[(first + n) % len(self._all_cores)] for n in range(count)}
