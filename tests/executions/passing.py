"""Time that passes at once: a limit is met when a test wants it, however slow the machine is."""

from __future__ import annotations

import asyncio

LIMIT = 60.0
"""Seconds of a limit that is not met before the test has them pass."""


def pass_time(seconds: float = LIMIT) -> None:
    """Have the loop's clock, which ends with the test, go ahead: what is due by then is done."""
    loop = asyncio.get_running_loop()
    clock = loop.time
    loop.time = lambda: clock() + seconds  # type: ignore[method-assign]  # no other way to set it
