"""What Linux has refused to the processes of one control group."""

from __future__ import annotations

from collections.abc import Iterator

from .bounds import Bounds, Excess
from .cgroups import Group

FULL = 0.97
"""The part of its memory at which a group has run out of it: the last pages are never used."""


class Refusals:
    """The refusals in a group while one process of a kernel is in it."""

    def __init__(self, group: Group, bounds: Bounds, in_all: Bounds) -> None:
        """``in_all`` is what all kernels may use."""
        self._group = group
        self._bounds = bounds
        self._in_all = in_all
        self._kills, self._refused = group.kills(), group.refusals()
        """The counts at the end of the latest execution."""
        self._last: Excess | None = None
        """What was short when the group was removed."""

    def shortage(self) -> Excess | None:
        """The limit at which a process was killed since the latest execution ended."""
        if self._last is None and self._group.kills() > self._kills:
            return self._out_of_memory()
        return self._last

    def close(self) -> None:
        """Note what was short: the group is about to be removed."""
        self._last = self.shortage()

    def words(self, *, has_failed: bool) -> Iterator[str]:
        """What was refused since the latest execution ended.

        ``has_failed`` tells whether its code says that no process or thread could be started.
        """
        kills, refused = self._group.kills(), self._group.refusals()
        if kills > self._kills:
            yield f"a process that it had started was ended: {self._out_of_memory().words}"
        # Version 2 counts a refusal in the group whose limit is hit, which can be that of all.
        is_refused = refused > self._refused or (has_failed and self._group.version == 2)
        if is_refused and (excess := self._too_many_processes()):
            yield f"a process or thread could not be started: {excess.words}"
        self._kills, self._refused = kills, refused

    def _out_of_memory(self) -> Excess:
        """The limit of memory that was hit: the kernel's own, or that of all kernels."""
        peak, own = self._group.peak(), self._bounds.memory
        if own and (peak >= FULL * own or not self._in_all.memory):
            return Excess(name="memory", used=min(peak, own), limit=own)
        limit = self._in_all.memory
        return Excess(name="memory", used=limit, limit=limit, scope="all")

    def _too_many_processes(self) -> Excess | None:
        """The limit of processes that was hit: the kernel's own, or that of all kernels."""
        own, limit = self._bounds.processes, self._in_all.processes
        if own and (not limit or self._group.peak_processes() >= own):
            return Excess(name="processes", used=own, limit=own)
        return Excess(name="processes", used=limit, limit=limit, scope="all") if limit else None
