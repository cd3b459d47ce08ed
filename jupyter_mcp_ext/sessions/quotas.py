"""How many kernels agents may have; pure."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from jupyter_mcp_ext.wording import ago

from .session import Session

NAMED = 5
"""Sessions that a refusal names, those that were used longest ago."""


@dataclass(frozen=True, kw_only=True)
class Quotas:
    """How many kernels agents' sessions may have, and for how long unused; 0 sets no limit."""

    per_user: int
    in_all: int
    idle: float
    conversation_idle: float


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A user may not have another kernel."""

    setting: str
    """The setting of the limit."""
    words: str
    """Why, and what to do."""


def refusal(
    quotas: Quotas, own: Sequence[Session], *, per_user: int, in_all: int
) -> Refusal | None:
    """The refusal of another kernel; None when the user may have it.

    ``own`` are the user's sessions with a kernel; the numbers also count kernels that start.
    """
    if 0 < quotas.per_user <= per_user:
        setting = "McpSessions.max_kernels_per_user"
        whose = f"You have {per_user} kernels running, as many as this server lets a user have"
    elif 0 < quotas.in_all <= in_all:
        setting = "McpSessions.max_kernels"
        whose = f"Agents have {in_all} kernels running here, as many as this server allows"
    else:
        return None
    now = time.time()
    oldest = sorted(own, key=lambda session: session.last_used)[:NAMED]
    these = ", ".join(f"{s.id} ({s.name}, used {ago(now - s.last_used)})" for s in oldest)
    advice = (
        f"shutdown_kernel ends one of your kernels, and its session can come back later: {these}."
        if these
        else "Try again later."
    )
    return Refusal(setting=setting, words=f"{whose}. {advice}")
