"""The tool that runs code, and the answers of all tools that start an execution."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from jupyter_mcp_ext.advice.fences import unfenced
from jupyter_mcp_ext.executions.turns import ahead_of
from jupyter_mcp_ext.operations.run import run_code
from jupyter_mcp_ext.operations.session import count_variables

from .answer import Answer
from .call import Call
from .definition import tool
from .elicitation import Retry
from .reports import report_status
from .types import UsedSession, Wait
from .waiting import answered, settle, tell_session

if TYPE_CHECKING:
    from jupyter_mcp_ext.executions.execution import Execution

QUEUED = 5.0
"""Seconds for which a call waits behind a long run of its own client."""


@tool(("execute", "kernels"), destructive=True, open_world=True, is_main=True)
async def execute_code(
    call: Call,
    code: str,
    session: UsedSession,
    timeout: Annotated[
        float | None, Field(gt=0, description="Seconds; then it is interrupted.")
    ] = None,
    wait: Wait = 50,
) -> Answer:
    """Run Python code (or R, Julia, bash) in a live kernel, for data analysis: analyze a pandas
    DataFrame, plot a chart, train a model, execute a shell command (`!ls`). Variables persist
    between calls. Returns text, tables and plots, or after `wait` seconds [running] with the
    get_output call to make: the code goes on, never run it again. wait=0 for long jobs.
    """
    await count_variables(call.services, session, call.caller)
    execution = run_code(
        call.services,
        session,
        unfenced(code),
        caller=call.caller,
        require=call.require,
        timeout=timeout,
        can_ask=call.elicitation is not None,
    )
    # Code that was started with wait=0 goes on when its request has ended.
    return await awaited(call, execution, wait, stops=wait > 0)


async def resume(call: Call, *, retry: Retry, stops: bool, wait: float = 50, **_: object) -> Answer:
    """Go on with an execution that has asked: what a call does when it is made again.

    ``stops`` tells whether the call's end is the code's end, as it was for the first one.
    """
    execution = call.services.executions.directory.find(call.caller, retry.execution_id)
    retry.deliver(execution)
    return await awaited(call, execution, wait, stops=stops)


async def awaited(call: Call, execution: Execution, wait: float, *, stops: bool) -> Answer:
    """What a call answers that has started an execution or goes on with one.

    ``stops`` tells whether the request's end is the execution's end too. Raises the ToolError that
    kept other work than code from being done.
    """
    call.follow(execution)
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
        call.follow(execution, as_task=True)
        return report_status(execution, ahead=ahead_of(execution))
    if call.question is None:
        tell_session(call, execution)
    return await answered(call, execution, allowed)


def _is_behind_own(call: Call, execution: Execution) -> bool:
    """Whether an execution waits for a long one of the same client, which can interrupt it."""
    ahead = ahead_of(execution)
    is_long = ahead is not None and ahead.seconds >= call.services.executions.long_run
    return is_long and ahead is not None and ahead.client == call.caller.client
