"""The time up to which the ages of sessions are counted, which a wrong clock does not hasten.

A machine may start with a wrong year, or be given one while it runs: then every session would be
old. So a time is believed only when there are two witnesses for it that are `SPAN` apart: the clock
has gone for so long in this process without being set, or sessions were used by it so long before
this process began. Until then time goes on from what was believed, as long as the process runs.

What is late by this is made up for with the next start, or after `SPAN`; nothing is early.
"""

from __future__ import annotations

from collections.abc import Iterable

SPAN = 86_400.0
"""Seconds in which a wrong clock is noticed and set right."""

SET = 300.0
"""Seconds by which a clock differs at once when it was set: less is how clocks are kept exact."""


class BelievedClock:
    """The time that is believed; pure. It is told of two clocks, in seconds.

    ``wall`` is the time of day, ``steady`` goes on evenly and is never set.
    """

    def __init__(
        self, wall: float, steady: float, used: Iterable[float] = (), *, span: float = SPAN
    ) -> None:
        """``used`` is when sessions were used before."""
        self._span = span
        self._believed = max((at for at in used if at <= wall - span), default=wall)
        self._at = self._since = steady
        self._ahead = wall - steady

    def now(self, wall: float, steady: float) -> float:
        """The time that is believed now, which is never later than ``wall``."""
        if abs(wall - steady - self._ahead) > SET:
            self._ahead, self._since = wall - steady, steady
        elif steady - self._since >= self._span:
            self._believed, self._at = wall, steady
        return min(wall, self._believed + steady - self._at)
