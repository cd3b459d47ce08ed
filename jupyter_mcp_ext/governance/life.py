"""What happens to sessions and kernels, told by those that do it to those that keep count of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jupyter_mcp_ext.concurrency import Listeners

LifeKind = Literal[
    "session_made",
    "session_restored",
    "session_expired",
    "session_deleted",
    "kernel_started",
    "kernel_restarted",
    "kernel_died",
    "kernel_culled",
    "kernel_ended",
    "limit_hit",
    "snapshot_refused",
    "page_used",
]
"""``kernel_culled``: ended since it was not used; ``kernel_ended``: on request, or by its code.

``snapshot_refused``: variables were not saved, or saved ones were not loaded. ``page_used``: a
person has pressed a button of the page for people.
"""

DeathCause = Literal["limit", "memory", "signal", "exit", "unknown"]
"""``limit``: of `McpLimits`; ``memory``: the system ran out of it; ``exit``: with an exit code."""


@dataclass(frozen=True, kw_only=True)
class LifeEvent:
    """Something that happened to a session or a kernel."""

    kind: LifeKind
    session_id: str | None = None
    """The session, if those that tell know it."""
    kernel_id: str | None = None
    owner: str | None = None
    """The session's owner; empty if the session is a person's or a spare."""
    cause: DeathCause = "unknown"
    """Why a kernel died."""
    detail: str = ""
    """Why or how, in words of this server: never code, outputs or names that code has made."""


class Life(Listeners[LifeEvent]):
    """The one place where life events are told, and listened to (``add``).

    Listeners are called on the event loop, and must neither block nor raise.
    """
