"""What there is now, read when it is asked for, so that no call pays for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.registry import Collector

from jupyter_mcp_ext.executions.execution import UNFINISHED
from jupyter_mcp_ext.kernels.kernel import state_of
from jupyter_mcp_ext.version import __version__

if TYPE_CHECKING:
    from prometheus_client import Metric

    from jupyter_mcp_ext.executions.execution import Execution
    from jupyter_mcp_ext.kernels.fleet import Kernels
    from jupyter_mcp_ext.kernels.kernel import Kernel
    from jupyter_mcp_ext.sessions.service import McpSessions

STATES = ("starting", "idle", "busy", "restarting", "dead")
OTHER = "other"
"""The label of kernels in any other state."""

OWNERS = ("agent", "person", "spare")


@dataclass(frozen=True, kw_only=True)
class State(Collector):
    """The kernels, sessions and executions of one server."""

    kernels: Kernels
    sessions: McpSessions
    unfinished: Iterable[Execution]
    """The executions that wait or run."""

    def collect(self) -> Iterator[Metric]:
        """The gauges."""
        yield self._info()
        yield self._kernels()
        yield GaugeMetricFamily(
            "jupyter_mcp_links",
            "Connections to kernels that the server has open.",
            value=sum(_has_link(kernel) for kernel in self.kernels.all()),
        )
        yield self._sessions()
        yield self._executions()

    def _info(self) -> Metric:
        family = InfoMetricFamily("jupyter_mcp", "The extension, and what confines kernels.")
        family.add_metric([], {"version": __version__, "sandbox": self.kernels.sandbox.in_force})
        return family

    def _kernels(self) -> Metric:
        family = GaugeMetricFamily(
            "jupyter_mcp_kernels",
            "Kernels of the server, by state and by whose they are.",
            labels=["state", "owner"],
        )
        spares = self.sessions.spares.kernel_ids
        found: Counter[tuple[str, str]] = Counter()
        for kernel in self.kernels.all():
            state = state_of(kernel)
            is_own = self.kernels.started_here(kernel.id)
            owner = "agent" if is_own else "person"
            owner = "spare" if kernel.id in spares else owner
            found[state if state in STATES else OTHER, owner] += 1
        for state in (*STATES, OTHER):
            for owner in OWNERS:
                family.add_metric([state, owner], found[state, owner])
        return family

    def _sessions(self) -> Metric:
        family = GaugeMetricFamily(
            "jupyter_mcp_sessions",
            "Sessions of agents, by whether their kernel runs.",
            labels=["kernel"],
        )
        found = Counter(self.sessions.is_ready(one) for one in self.sessions.directory.of_agents())
        family.add_metric(["running"], found[True])
        family.add_metric(["none"], found[False])
        return family

    def _executions(self) -> Metric:
        family = GaugeMetricFamily(
            "jupyter_mcp_executions",
            "Executions that wait or run, by status; input: the code waits for a person.",
            labels=["status"],
        )
        found = Counter(execution.status for execution in tuple(self.unfinished))
        for status in sorted(UNFINISHED):
            family.add_metric([status], found[status])
        return family


def _has_link(kernel: Kernel) -> bool:
    link = kernel.connection.current
    return link is not None and link.is_open
