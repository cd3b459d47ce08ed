"""The tool that runs code, and what the tools share that start an execution."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from jupyter_mcp_ext.advice.fences import unfenced
from jupyter_mcp_ext.errors import ToolError
from jupyter_mcp_ext.variables.way import Query

from .call import Call
from .content import Answer
from .definition import tool
from .elicitation import Retry
from .reports import report_status
from .types import SessionId, Wait
from .waiting import answered, settle, tell_session

if TYPE_CHECKING:
    from jupyter_mcp_ext.executions.execution import Execution
    from jupyter_mcp_ext.sessions.session import Session

QUEUED = 5.0
"""Seconds for which a call waits behind a long run of its own client."""

COUNT = 2.0
"""Seconds for which code waits for the number of variables that its answer names."""


@tool(("execute", "kernels"), destructive=True, open_world=True, is_main=True)
async def execute_code(
    call: Call,
    code: str,
    session_id: SessionId = None,
    timeout: Annotated[
        float | None, Field(gt=0, description="Seconds; then the code is interrupted.")
    ] = None,
    wait: Wait = 50,
) -> Answer:
    """Run Python code (or R, Julia, bash) in a live kernel, for data analysis: analyze a pandas
    DataFrame, plot a chart, train a model, execute a shell command (`!ls`). Variables persist
    between calls. Returns text, tables and plots, or after `wait` seconds [running] with the
    get_output call to make: the code goes on, never run it again. wait=0 for long jobs.
    """
    sessions, executions = call.services.sessions, call.services.executions
    session = await used(call, session_id)
    if sessions.readers.wants_count(session, call.caller):
        await _count_variables(call, session)
    code = unfenced(code)
    execution = executions.start(
        code,
        session_id=session.id,
        kernel_name=session.kernel_name,
        kernel=partial(ready, call, session),
        prepare=partial(sessions.prepare, session),
        after=session.last_number,
        kernel_id=session.kernel_id if sessions.is_ready(session) else "",
        caller=call.caller,
        timeout=timeout,
        can_ask=call.elicitation is not None,
    )
    sessions.follow(session, execution)
    gate = call.services.files.gate
    call.services.written.follow(
        execution,
        session.cwd,
        but=lambda path: (
            sessions.paths.is_servers_file(session, path) or gate.leaves_out(path, call.hides)
        ),
    )
    call.remember(execution)
    # One that began with wait=0 is to go on alone.
    return await awaited(call, execution, wait, stops=wait > 0)


async def used(call: Call, session_id: str | None) -> Session:
    """The session that is meant; the default one is made where the caller may make it."""
    sessions = call.services.sessions
    if sessions.directory.would_make(call.caller, session_id):
        await call.require(("write", "sessions"))
    return await sessions.resolve(call.caller, session_id)


async def ready(call: Call, session: Session) -> str:
    """The id of a session's kernel, which is started where the caller may start it."""
    if not call.services.sessions.is_ready(session):
        await call.require(("write", "kernels"))
    return await call.services.sessions.ready(session)


async def resume(call: Call, *, retry: Retry, stops: bool, wait: float = 50, **_: object) -> Answer:
    """Go on with an execution that has asked: what a call does when it is made again.

    ``stops`` tells whether the call's end is the code's end, as it was for the first one.
    """
    execution = call.services.executions.find(call.caller, retry.execution_id)
    call.remember(execution)
    retry.deliver(execution)
    return await awaited(call, execution, wait, stops=stops)


async def awaited(call: Call, execution: Execution, wait: float, *, stops: bool) -> Answer:
    """What a call answers that has started an execution or goes on with one.

    ``stops`` tells whether the request's end is the execution's end too. Raises the ToolError that
    kept other work than code from being done.
    """
    if call.task_after is not None:
        wait = min(wait, call.task_after)
    try:
        allowed = await settle(call, execution, min(wait, QUEUED))
        is_over = execution.is_finished or call.question is not None
        if wait > QUEUED and not is_over and not _is_behind_own(call, execution):
            allowed = await settle(call, execution, wait)
    except asyncio.CancelledError:
        if stops and call.is_gone():
            call.services.executions.disconnect(execution)
        elif stops:  # its client no longer wants it
            call.services.executions.cancel(execution)
        raise
    if execution.failure is not None:
        raise execution.failure
    if call.task_after is not None and call.question is None and not execution.is_finished:
        call.task = execution
        return report_status(execution, ahead=call.services.executions.ahead(execution))
    if call.question is None:
        tell_session(call, execution)
    return await answered(call, execution, allowed)


def _is_behind_own(call: Call, execution: Execution) -> bool:
    """Whether an execution waits for a long run of the client, who can do something about that."""
    ahead = call.services.executions.ahead(execution)
    is_long = ahead is not None and ahead.seconds >= call.services.executions.long_run
    return is_long and ahead is not None and ahead.client == call.caller.client


async def _count_variables(call: Call, session: Session) -> None:
    """Have the session's introduction say how many variables it has, if that is told at once."""
    services = call.services
    kernel = services.kernels[session.kernel_id]
    if not kernel.info.kind.runs_functions:
        return
    try:
        looking = services.variables.listing(kernel, Query(limit=1))
        found = await asyncio.wait_for(looking, COUNT)
    except (ToolError, asyncio.TimeoutError):
        return
    services.sessions.readers.note_count(session, call.caller, found.data)
