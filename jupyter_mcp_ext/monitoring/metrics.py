"""All metrics of one server, which Jupyter serves at ``/metrics`` from `start` to `stop`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client.registry import Collector

from .counts import Counts
from .disk import DiskMeter
from .events import LifeCounts
from .exposition import DEFAULT
from .faults import Faults
from .health import Health
from .lag import LoopLag
from .state import State

if TYPE_CHECKING:
    from prometheus_client import Metric

    from jupyter_mcp_ext.executions.executions import McpExecutions
    from jupyter_mcp_ext.governance.trail.trail import McpAudit
    from jupyter_mcp_ext.kernels.fleet import Kernels
    from jupyter_mcp_ext.sessions.service import McpSessions


class Metrics(Collector):
    """``counts``, ``life`` and ``faults`` are told what happens; the rest is read when asked."""

    def __init__(
        self,
        kernels: Kernels,
        sessions: McpSessions,
        executions: McpExecutions,
        trail: McpAudit,
        root: Path | None,
    ) -> None:
        """``root`` is the folder that Jupyter serves, if it is one on disk."""
        self.counts = Counts()
        self.life = LifeCounts()
        self.faults = Faults()
        executions.begun.add(self.counts.follow)
        kernels.life.add(self.life.happened)
        kernels.life.add(self.faults.happened)
        sessions.snapshots.add(self.life.saved)
        state = State(
            kernels=kernels, sessions=sessions, trail=trail, unfinished=self.counts.unfinished
        )
        self._lag = LoopLag()
        self._disk = DiskMeter(None if root is None else root / sessions.paths.top)
        self._parts: tuple[Collector, ...] = (
            state,
            self.counts,
            self.life,
            self._disk,
            self._lag,
        )
        self.health = Health(state=state, disk=self._disk, faults=self.faults)

    def start(self) -> None:
        """Measure on the running event loop, and be read."""
        self._lag.start()
        self._disk.start()
        DEFAULT.add(self)

    def stop(self) -> None:
        """Measure and be read no more."""
        self._lag.stop()
        self._disk.stop()
        DEFAULT.remove(self)

    def collect(self) -> Iterator[Metric]:
        """All of them."""
        for part in self._parts:
            yield from part.collect()
