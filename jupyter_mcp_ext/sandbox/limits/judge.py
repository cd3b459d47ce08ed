"""What happens to a kernel that exceeds a limit: an interrupt first, then its end; pure."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from typing import Literal

from .bounds import Bounds, Excess, Use

GRACE = 2.0
"""Seconds for code that was interrupted to give back what is too much."""

RUNAWAY = 1.25
"""Times the limit at which a kernel is ended at once: a machine fills up in a second."""

BUSY = 0.25
"""Cores that code uses at least, if it goes on; a kernel that waits uses less."""

STRIKES = 3
"""How often code that fills the disk is interrupted before its kernel is ended at once."""

Action = Literal["interrupt", "end"]


@dataclass(frozen=True, kw_only=True)
class Warned:
    """A limit for which a kernel was interrupted."""

    at: float
    used: float


class Judge:
    """The judge of one kernel; settings are named as `Excess.trait` has them."""

    def __init__(self) -> None:
        self._warned: dict[str, Warned] = {}
        self._kept: dict[str, float] = {}
        """What may be used beyond a limit: code has stopped, and what it has used stays used."""
        self._strikes = 0
        """How often code was interrupted since it filled the disk."""

    def judge(self, excess: Excess, now: float, *, rate: float) -> Action | None:
        """What has to happen; ``rate`` is the cores that the kernel uses at the moment."""
        name, key, used = excess.name, excess.trait, excess.used
        if used <= self._kept.get(key, 0) or (name == "cpu_seconds" and rate < BUSY):
            return None
        if name in ("memory", "processes") and used > RUNAWAY * excess.limit:
            return "end"
        warned = self._warned.get(key)
        if warned is None:
            self._warned[key] = Warned(at=now, used=used)
            self._strikes += name == "disk"
            return "end" if self._strikes > STRIKES else "interrupt"
        if now - warned.at < GRACE:
            return None
        if name == "disk" and used <= warned.used + _little(excess.limit):
            del self._warned[key]
            self._kept[key] = used + _little(excess.limit)
            return None
        return "end"

    def settle(self, exceeded: Set[str]) -> None:
        """Forget the limits that are no longer exceeded; these are."""
        for kept in (self._warned, self._kept):
            for key in kept.keys() - exceeded:
                del kept[key]
        if not exceeded:
            self._strikes = 0

    def restart(self) -> None:
        """The kernel has a new process."""
        self._warned.clear()
        self._strikes = 0


def _little(limit: float) -> float:
    """Bytes on the disk that say nothing about code: the server keeps what was run there."""
    return max(1 << 20, limit / 100)


def soonest(use: Use, before: Use, bounds: Bounds, elapsed: float) -> float:
    """In how many seconds a limit is reached if use grows as it did; infinity if it does not."""
    found = float("inf")
    for name in ("memory", "processes", "disk", "cpu_seconds"):
        used, limit = getattr(use, name), getattr(bounds, name)
        growth = (used - getattr(before, name)) / elapsed if elapsed > 0 else 0.0
        if limit and growth > 0:
            found = min(found, max(0.0, limit - used) / growth)
    return found
