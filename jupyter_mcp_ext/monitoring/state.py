"""What there is now, read when it is asked for, so that no call pays for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
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
    from jupyter_mcp_ext.governance.trail.trail import McpAudit
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
    trail: McpAudit
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
        yield _gauge(
            "jupyter_mcp_sessions",
            "Sessions of agents, by whether their kernel runs.",
            "kernel",
            self.sessions_by_kernel(),
        )
        yield _gauge(
            "jupyter_mcp_executions",
            "Executions that wait or run, by status; input: the code waits for a person.",
            "status",
            self.executions_by_status(),
        )

        yield GaugeMetricFamily(
            "jupyter_mcp_audit_failing",
            "Whether the latest records could not be written to the audit file: 1 or 0.",
            value=bool(self.trail.fault),
        )

    def _info(self) -> Metric:
        family = InfoMetricFamily("jupyter_mcp", "The extension, and what confines kernels.")
        family.add_metric([], {"version": __version__, "sandbox": self.kernels.sandbox.in_force})
        return family

    def kernels_by_owner(self) -> dict[str, int]:
        """The number of kernels of agents, of people, and of spares."""
        found = Counter(self._owner(kernel) for kernel in self.kernels.all())
        return {owner: found[owner] for owner in OWNERS}

    def sessions_by_kernel(self) -> dict[str, int]:
        """The number of agents' sessions whose kernel runs, and of those that have none."""
        found = Counter(self.sessions.is_ready(one) for one in self.sessions.directory.of_agents())
        return {"running": found[True], "none": found[False]}

    def executions_by_status(self) -> dict[str, int]:
        """The number of executions that wait or run."""
        found = Counter(execution.status for execution in tuple(self.unfinished))
        return {status: found[status] for status in sorted(UNFINISHED)}

    def _kernels(self) -> Metric:
        family = GaugeMetricFamily(
            "jupyter_mcp_kernels",
            "Kernels of the server, by state and by whose they are.",
            labels=["state", "owner"],
        )
        found: Counter[tuple[str, str]] = Counter()
        for kernel in self.kernels.all():
            state = state_of(kernel)
            found[state if state in STATES else OTHER, self._owner(kernel)] += 1
        for state in (*STATES, OTHER):
            for owner in OWNERS:
                family.add_metric([state, owner], found[state, owner])
        return family

    def _owner(self, kernel: Kernel) -> str:
        if kernel.id in self.sessions.spares.kernel_ids:
            return "spare"
        return "agent" if self.kernels.started_here(kernel.id) else "person"


def _gauge(name: str, help_text: str, label: str, values: Mapping[str, int]) -> Metric:
    family = GaugeMetricFamily(name, help_text, labels=[label])
    for value, number in values.items():
        family.add_metric([value], number)
    return family


def _has_link(kernel: Kernel) -> bool:
    link = kernel.connection.current
    return link is not None and link.is_open
