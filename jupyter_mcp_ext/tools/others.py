"""What other clients and people do in a session, and what a caller may end of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from jupyter_mcp_ext.errors import Forbidden, InvalidArgument
from jupyter_mcp_ext.executions.turns import queue
from jupyter_mcp_ext.sessions.notices import others
from jupyter_mcp_ext.wording import ago

from .call import Call

if TYPE_CHECKING:
    from jupyter_mcp_ext.executions.execution import Execution
    from jupyter_mcp_ext.sessions.session import Session

IN_USE = 600.0
"""Seconds after its last use for which a kernel counts as in use by a client."""


def is_callers(call: Call, execution: Execution) -> bool:
    """Whether the caller's client has started it."""
    return execution.owner == call.caller.subject and execution.client == call.caller.client


async def running_one(call: Call, session: Session) -> Execution:
    """The execution that an interrupt without an id means."""
    line = queue(session.kernel)
    if line and is_callers(call, line[0]):
        return line[0]
    if line:
        msg = (
            f"What runs is {line[0].id} of {line[0].client}, not yours. If it must end, "
            f'interrupt_kernel(execution_id="{line[0].id}") ends it.'
        )
        raise Forbidden(msg)
    if session.kernel.foreign_since is not None:
        msg = (
            "What runs is a person's code, not yours. Ask them, or use "
            f'restart_kernel(session_id="{session.id}", force=true) if it must end.'
        )
        raise Forbidden(msg)
    msg = f"Nothing runs in {session.id}. get_output() shows its latest execution."
    raise InvalidArgument(msg)


async def check_force(call: Call, session: Session, *, force: bool, doing: str) -> None:
    """Refuse to end a kernel that others use or that is a person's. Raises Forbidden."""
    if force or not call.services.sessions.is_ready(session):
        return
    used = use_of_others(call, session)
    if used:
        msg = f"{used} Pass force=true to {doing} all the same, if a person asked for it."
        raise Forbidden(msg)


def use_of_others(call: Call, session: Session) -> str:
    """A sentence that says what others do with the session's kernel; empty if nothing."""
    if not session.is_agents:
        return f"The kernel of {session.path} is a person's, not yours."
    running = [e for e in queue(session.kernel) if not is_callers(call, e)]
    if running:
        return f"{running[0].client} runs {running[0].id} on this kernel."
    theirs = session.uses.latest_of_others(call.caller.client)
    if theirs is not None and (since := time.time() - theirs.at) < IN_USE:
        return f"{theirs.client} used {session.id} ({session.name}) {ago(since)}."
    return "A person's code runs on this kernel." if session.kernel.foreign_since else ""


def of_others(call: Call, session: Session) -> str:
    """A line for a result about a session that other clients made or used last."""
    whose = others(session, call.caller.client, now=time.time())
    return f"\n! {whose}" if whose else ""
