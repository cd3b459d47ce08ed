"""How late the event loop calls what is due: what blocks it keeps every client waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

from prometheus_client import Histogram
from prometheus_client.registry import Collector

from jupyter_mcp_ext.concurrency import Timer

if TYPE_CHECKING:
    from prometheus_client import Metric

EACH = 1.0
"""Seconds between two measurements."""

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class LoopLag(Collector):
    """Measures it from `start` to `stop`."""

    def __init__(self, each: float = EACH) -> None:
        self._each = each
        self._timer = Timer()
        self._seconds = Histogram(
            "jupyter_mcp_event_loop_lag_seconds",
            "Seconds by which the server's event loop was late, measured once a second.",
            buckets=SECONDS,
            registry=None,
        )

    def start(self) -> None:
        """Measure on the running event loop."""
        due = asyncio.get_running_loop().time() + self._each
        self._timer.set(self._each, self._measure, due)

    def stop(self) -> None:
        """Measure no more."""
        self._timer.stop()

    def collect(self) -> Iterable[Metric]:
        """What was measured."""
        return self._seconds.collect()

    def _measure(self, due: float) -> None:
        self._seconds.observe(max(0.0, asyncio.get_running_loop().time() - due))
        self.start()
