"""How calls of all tools wait for an execution and answer with it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from jupyter_mcp_ext.executions.turns import ahead_of

from .answer import Answer
from .call import Call
from .elicitation import ask, question
from .progress import reported
from .reports import report

if TYPE_CHECKING:
    from jupyter_mcp_ext.executions.execution import Execution


async def settle(call: Call, execution: Execution, wait: float) -> float:
    """Wait as long as this client may wait; returns the seconds of that."""
    allowed = call.services.executions.allowed_wait(call.caller, wait)
    async with reported(execution, call.progress):
        await _settled(call, execution, allowed)
    await call.services.written.settled(execution)
    await call.services.executions.load(execution)
    if allowed < wait and not execution.is_finished:
        call.notices.append(f"wait is capped at {allowed:g} s here")
    return allowed


async def answered(call: Call, execution: Execution, wait: float) -> Answer:
    """The answer with the execution as it is now, or with the question that it asks."""
    if call.question is not None:
        return Answer(blocks=(), status=execution.status, question=call.question)
    execution.readers.of(call.caller.reader).see(execution.fold.lines)
    return await report(
        execution,
        limits=call.services.limits,
        rendering=call.services.rendering,
        ahead=ahead_of(execution),
        notices=call.notices,
        wait=wait,
    )


def tell_session(call: Call, execution: Execution) -> None:
    """Add the notices about the execution's session that its client has not read yet."""
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
        reader = execution.readers.of(call.caller.reader)
        reader.hear(sessions.readers.notices(session, call.caller, since=execution.began))
        call.notices[:0] = reader.notices


async def _settled(call: Call, execution: Execution, wait: float) -> None:
    """Wait as `McpExecutions.settled`, with the code's questions brought to the person.

    The wait stands still while the person is asked. Where the call's result asks, nothing is
    waited for any longer.
    """
    executions = call.services.executions
    asks = call.elicitation is not None
    while True:
        await executions.settled(execution, call.left(wait), or_asking=asks)
        prompt = execution.prompts.current
        if call.elicitation is not None and prompt is not None:
            if call.elicitation.ask_now is None:
                call.ask(question(execution, prompt))
                return
            began = time.monotonic()
            await ask(call.elicitation.ask_now, execution, prompt)
            call.pause(time.monotonic() - began)
        elif execution.is_finished or call.left(wait) <= 0:
            return
