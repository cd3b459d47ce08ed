"""All metrics of one server, which Jupyter serves at ``/metrics`` from `start` to `stop`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client.registry import Collector

from .counts import Counts
from .events import LifeCounts
from .exposition import DEFAULT, Exposition
from .lag import LoopLag
from .state import State

if TYPE_CHECKING:
    from prometheus_client import Metric

    from jupyter_mcp_ext.kernels.fleet import Kernels
    from jupyter_mcp_ext.sessions.service import McpSessions


class Metrics(Collector):
    """``counts`` and ``life`` are told what happens; the rest is read when the metrics are."""

    def __init__(
        self, kernels: Kernels, sessions: McpSessions, exposition: Exposition = DEFAULT
    ) -> None:
        self.counts = Counts()
        self.life = LifeCounts()
        self._lag = LoopLag()
        self._state = State(kernels=kernels, sessions=sessions, unfinished=self.counts.unfinished)
        self._exposition = exposition

    def start(self) -> None:
        """Measure on the running event loop, and be read."""
        self._lag.start()
        self._exposition.add(self)

    def stop(self) -> None:
        """Measure and be read no more."""
        self._lag.stop()
        self._exposition.remove(self)

    def collect(self) -> Iterator[Metric]:
        """All of them."""
        yield from self._state.collect()
        yield from self.counts.collect()
        yield from self.life.collect()
        yield from self._lag.collect()
