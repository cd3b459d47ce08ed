"""All metrics of one server, which Jupyter serves at ``/metrics`` from `start` to `stop`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client.registry import Collector

from .counts import Counts
from .disk import DiskMeter
from .events import LifeCounts
from .exposition import DEFAULT, Exposition
from .faults import Faults
from .health import Health
from .lag import LoopLag
from .state import State

if TYPE_CHECKING:
    from prometheus_client import Metric

    from jupyter_mcp_ext.kernels.fleet import Kernels
    from jupyter_mcp_ext.sessions.service import McpSessions


class Metrics(Collector):
    """``counts``, ``life`` and ``faults`` are told what happens; the rest is read when asked."""

    def __init__(
        self,
        kernels: Kernels,
        sessions: McpSessions,
        folder: Path | None,
        exposition: Exposition = DEFAULT,
    ) -> None:
        """``folder`` has the folders of the sessions."""
        self.counts = Counts()
        self.life = LifeCounts()
        self.faults = Faults()
        state = State(kernels=kernels, sessions=sessions, unfinished=self.counts.unfinished)
        self._lag = LoopLag()
        self._disk = DiskMeter(folder)
        self._parts: tuple[Collector, ...] = (
            state,
            self.counts,
            self.life,
            self._disk,
            self._lag,
        )
        self.health = Health(state=state, disk=self._disk, faults=self.faults)
        self._exposition = exposition

    def start(self) -> None:
        """Measure on the running event loop, and be read."""
        self._lag.start()
        self._disk.start()
        self._exposition.add(self)

    def stop(self) -> None:
        """Measure and be read no more."""
        self._lag.stop()
        self._disk.stop()
        self._exposition.remove(self)

    def collect(self) -> Iterator[Metric]:
        """All of them."""
        for part in self._parts:
            yield from part.collect()
