"""What happens to sessions and kernels, counted by closed sets of words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, get_args

from prometheus_client import Counter, Histogram
from prometheus_client.registry import Collector

from jupyter_mcp_ext.governance.calls import McpCalls
from jupyter_mcp_ext.governance.life import DeathCause, LifeKind
from jupyter_mcp_ext.governance.refusals import Cause
from jupyter_mcp_ext.sandbox.limits.limits import McpLimits
from jupyter_mcp_ext.sessions.service import McpSessions

if TYPE_CHECKING:
    from prometheus_client import Metric

    from jupyter_mcp_ext.governance.life import LifeEvent
    from jupyter_mcp_ext.governance.refusals import Refused
    from jupyter_mcp_ext.sessions.saving.snapshot import Snapshot

BYTES = (1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10)
LIMITS = frozenset(
    f"{owner.__name__}.{name}"
    for owner in (McpCalls, McpLimits, McpSessions)
    for name in owner.class_own_traits(config=True)
)
"""The settings that limit something."""

PER_USER = "McpCalls.max_calls_per_user"

_SETTING = re.compile(r"\bMcp\w+\.\w+")


class LifeCounts(Collector):
    """Counts life events, limits that were hit, and what snapshots take."""

    def __init__(self) -> None:
        self._events = Counter(
            "jupyter_mcp_life_events",
            "What happened to sessions and kernels.",
            ["event"],
            registry=None,
        )
        self._deaths = Counter(
            "jupyter_mcp_kernel_deaths",
            "Kernels that died by themselves, by cause.",
            ["cause"],
            registry=None,
        )
        self._limits = Counter(
            "jupyter_mcp_limits_hit",
            "Limits that code or calls have hit, by the setting of the limit.",
            ["setting"],
            registry=None,
        )
        self._refused = Counter(
            "jupyter_mcp_refused",
            "Requests that were refused before anything was done, by cause.",
            ["cause"],
            registry=None,
        )
        self._snapshot_bytes = Histogram(
            "jupyter_mcp_snapshot_bytes",
            "Bytes of each snapshot of a session's variables that was written.",
            buckets=BYTES,
            registry=None,
        )
        # All are there from the start: an increase from nothing to 1 would not be seen.
        for kind in get_args(LifeKind):
            self._events.labels(kind)
        for cause in get_args(DeathCause):
            self._deaths.labels(cause)
        for refused in get_args(Cause):
            self._refused.labels(refused)

    def happened(self, event: LifeEvent) -> None:
        """Count a life event."""
        self._events.labels(event.kind).inc()
        if event.kind == "kernel_died":
            self._deaths.labels(event.cause).inc()
        elif event.kind == "limit_hit":
            self.hit(event.detail)

    def hit(self, words: str) -> None:
        """Count a limit that was hit; the words of this server for it name its setting."""
        named = (found[0] for found in _SETTING.finditer(words))
        self.refused(next((name for name in named if name in LIMITS), "other"))

    def refused(self, setting: str) -> None:
        """Count what the limit of a setting has refused."""
        self._limits.labels(setting).inc()

    def turned_away(self, refused: Refused) -> None:
        """Count requests that were refused before anything was done."""
        self._refused.labels(refused.cause).inc(refused.count)

    def saved(self, snapshot: Snapshot) -> None:
        """Count a snapshot that was written."""
        self._snapshot_bytes.observe(snapshot.size)

    def collect(self) -> Iterator[Metric]:
        """All that is counted."""
        for counted in (
            self._events,
            self._deaths,
            self._limits,
            self._refused,
            self._snapshot_bytes,
        ):
            yield from counted.collect()
