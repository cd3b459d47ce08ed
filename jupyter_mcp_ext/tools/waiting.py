"""What a call that waits for an execution does and answers, whichever tool it is of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .call import Call
from .content import Answer
from .elicitation import settled
from .progress import reported
from .reports import report

if TYPE_CHECKING:
    from jupyter_mcp_ext.executions.execution import Execution


async def settle(call: Call, execution: Execution, wait: float) -> float:
    """Wait as long as this client may; that is returned."""
    allowed = call.services.executions.allowed_wait(call.caller, wait)
    async with reported(execution, call.progress):
        await settled(call, execution, allowed)
    await call.services.written.settled(execution)
    await call.services.executions.load(execution)
    if allowed < wait and not execution.is_finished:
        call.notices.append(f"wait is capped at {allowed:g} s here")
    return allowed


async def answered(call: Call, execution: Execution, wait: float) -> Answer:
    """The whole execution as far as it is, for this call; or the question that it has."""
    if call.question is not None:
        return Answer(blocks=(), status=execution.status, question=call.question)
    execution.readings.of(call.caller.reader).lines = execution.fold.lines
    return await report(
        execution,
        limits=call.services.limits,
        rendering=call.services.rendering,
        ahead=call.services.executions.ahead(execution),
        notices=call.notices,
        wait=wait,
    )


def tell_session(call: Call, execution: Execution) -> None:
    """Have the answer say what there is to say of an execution's session to its client."""
    if execution.client != call.caller.client:
        call.notices.insert(0, f"run by {execution.client}, not by you")
        return
    sessions = call.services.sessions
    session = sessions.directory.get(execution.session_id)
    if session is None:  # shut down; what was run can be read all the same
        return
    if execution.status == "dead":
        if session.story is None:  # else the next result tells of it, and of what came back
            sessions.readers.tell_loss(session, call.caller)
    elif execution.began is not None:
        if execution.missed_loss:
            sessions.readers.tell_comeback(session, call.caller, until=execution.began)
        reading = execution.readings.of(call.caller.reader)
        reading.said += sessions.readers.notices(session, call.caller, since=execution.began)
        call.notices[:0] = reading.said
