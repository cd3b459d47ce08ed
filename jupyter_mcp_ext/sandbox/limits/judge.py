"""What happens to a kernel that exceeds a limit: an interrupt first, then its end; pure."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, replace
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
    has_had_time: bool = False
    """Whether code that fills the disk has had time to stop: it is to write no more since then."""
    has_ended: bool = False
    """Whether that code has ended: what is written since is for another to answer."""


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
        if name == "disk":
            return self._judge_disk(excess, warned, now)
        return "end" if now - warned.at >= GRACE else None

    def _judge_disk(self, excess: Excess, warned: Warned, now: float) -> Action | None:
        key, used, little = excess.trait, excess.used, _little(excess.limit)
        if now - warned.at < GRACE / 2:
            return None
        if not warned.has_had_time:
            self._warned[key] = replace(warned, at=now, used=used, has_had_time=True)
            return None
        if used > warned.used + little and not warned.has_ended:
            return "end"
        del self._warned[key]
        self._kept[key] = used + little
        return None

    def execution_ended(self) -> None:
        """The code that was interrupted has ended."""
        for key, warned in self._warned.items():
            self._warned[key] = replace(warned, has_ended=True)

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
