"""The state of a session and of its kernel, as a word and as data for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_mcp_ext.kernels.kernel import state_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jupyter_mcp_ext.sessions.service import McpSessions
    from jupyter_mcp_ext.sessions.session import Session

    from .call import Call

RESTORABLE = "restorable"
"""The state of a session without a kernel that can come back."""

ELSEWHERE = "elsewhere"
"""The state of a session that another server holds."""

STARTING = "starting"
"""The state of a session whose kernel is being started."""


async def session_state(sessions: McpSessions, session: Session) -> str:
    """What its kernel does, or why it has none."""
    [state] = await session_states(sessions, [session])
    return state


async def session_states(sessions: McpSessions, found: Sequence[Session]) -> list[str]:
    """The same for several sessions."""
    resting = [s for s in found if not (sessions.is_ready(s) or sessions.lives.starts(s))]
    holders = await sessions.folders.holders(resting)
    held = {session for session, holder in zip(resting, holders, strict=True) if holder}
    return [ELSEWHERE if session in held else _own_state(sessions, session) for session in found]


def _own_state(sessions: McpSessions, session: Session) -> str:
    if sessions.is_ready(session):
        return state_of(session.kernel)
    if sessions.lives.starts(session):
        return STARTING
    return RESTORABLE if session.can_come_back else "none"


def is_running(state: str) -> bool:
    """Whether a session's state is that of a kernel."""
    return state not in ("none", STARTING, RESTORABLE, ELSEWHERE)


def session_meta(session: Session, state: str, call: Call) -> Mapping[str, Any]:
    """A session for programs."""
    return {
        "version": 1,
        "session_id": session.id,
        "name": session.name,
        "kernel_id": session.kernel_id,
        "kernel_name": session.kernel_name,
        "path": session.path,
        "cwd": session.cwd,
        "state": state,
        "owner": call.caller.username if session.is_agents else None,
        "client": session.client or None,
        "last_client": session.record.last_client or None,
        "existing": True,
    }
