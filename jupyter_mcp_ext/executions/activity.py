"""Counts running code as the server's activity, by which JupyterHub culls idle servers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from jupyter_mcp_ext.concurrency import Timer

from .execution import Execution

PULSE = 30.0
"""Seconds between two reports: JupyterHub's culler counts in minutes."""


class Activity:
    """Calls ``tell`` when an execution begins, every ``pulse`` seconds, and when it ends.

    The calls between stop after ``limit`` seconds.
    """

    def __init__(
        self,
        execution: Execution,
        tell: Callable[[], object],
        *,
        limit: float,
        pulse: float = PULSE,
    ) -> None:
        self._tell = tell
        self._pulse = pulse
        self._loop = asyncio.get_running_loop()
        self._until = self._loop.time() + limit
        self._timer = Timer()
        self._timer.set(pulse, self._go_on)
        tell()
        execution.done.add_done_callback(self._end)

    def _go_on(self) -> None:
        if self._loop.time() < self._until:
            self._tell()
            self._timer.set(self._pulse, self._go_on)

    def _end(self, _: object) -> None:
        self._timer.stop()
        self._tell()
