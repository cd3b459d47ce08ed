"""What has happened since the server's start, counted. No label names a user or a session."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client import Counter, Histogram
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from prometheus_client import Metric

    from jupyter_mcp_ext.executions.execution import Execution

UNKNOWN = "unknown"
"""The label of all tools that do not exist: clients may send any name."""

CALL_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30, 120)
"""Few, since each is a series for each tool, and the page is written on the event loop."""

EXECUTION_SECONDS = (0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60, 300, 1_800, 7_200, 43_200)


class Counts(Collector):
    """Counts calls and executions; ``unfinished`` are the executions that wait or run."""

    def __init__(self) -> None:
        self.unfinished: set[Execution] = set()
        self._calls = Counter(
            "jupyter_mcp_calls",
            "Calls of tools, and requests of the protocol that emit an event, by their status.",
            ["tool", "status"],
            registry=None,
        )
        self._call_seconds = Histogram(
            "jupyter_mcp_call_duration_seconds",
            "Seconds from a call's arrival to its answer, with the time that it waited for code.",
            ["tool"],
            buckets=CALL_SECONDS,
            registry=None,
        )
        self._bugs = Counter(
            "jupyter_mcp_internal_errors",
            "Calls that failed at an error in the extension; the log has each.",
            registry=None,
        )
        self._executions = Counter(
            "jupyter_mcp_executions_ended",
            "Executions that have ended, by their status.",
            ["status"],
            registry=None,
        )
        self._execution_seconds = Histogram(
            "jupyter_mcp_execution_duration_seconds",
            "Seconds for which executions ran, from when their kernel began to their end.",
            buckets=EXECUTION_SECONDS,
            registry=None,
        )
        self._queue_seconds = Histogram(
            "jupyter_mcp_execution_queue_seconds",
            "Seconds from an execution's start to when its kernel began, with the kernel's start.",
            buckets=EXECUTION_SECONDS,
            registry=None,
        )

    def called(self, tool: str, status: str, seconds: float) -> None:
        """Count a call that has been answered."""
        self._calls.labels(tool, status).inc()
        self._call_seconds.labels(tool).observe(seconds)
        if status == "bug":
            self._bugs.inc()

    def follow(self, execution: Execution) -> None:
        """Count an execution when it has ended."""
        self.unfinished.add(execution)
        execution.done.add_done_callback(lambda _: self._ended(execution))

    def collect(self) -> Iterator[Metric]:
        """All that is counted."""
        for counted in (
            self._calls,
            self._call_seconds,
            self._bugs,
            self._executions,
            self._execution_seconds,
            self._queue_seconds,
        ):
            yield from counted.collect()

    def _ended(self, execution: Execution) -> None:
        self.unfinished.discard(execution)
        self._executions.labels(execution.status).inc()
        began = execution.began
        if began is not None:
            self._queue_seconds.observe(max(0.0, began - execution.created))
            self._execution_seconds.observe(max(0.0, execution.duration))
