"""Executions as tasks of the protocol: a task is an execution, its id the execution's id.

The functions are not listed as tools but are called on the same road, so that a task answers what
its tool would have answered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import mcp_types as types
from pydantic import ValidationError

from jupyter_mcp_ext.errors import LimitReached, ToolError, UnknownExecution
from jupyter_mcp_ext.executions.execution import Execution
from jupyter_mcp_ext.executions.turns import ahead_of
from jupyter_mcp_ext.tools.answer import Answer, to_error
from jupyter_mcp_ext.tools.call import Call
from jupyter_mcp_ext.tools.definition import Tool, tool
from jupyter_mcp_ext.tools.elicitation import Retry
from jupyter_mcp_ext.tools.reports import report, report_status
from jupyter_mcp_ext.tools.road import attempt
from jupyter_mcp_ext.tools.waiting import settle, tell_session

from .tasks import Context, Task, TaskStatus

OpenCall = Callable[[Context], Call]
"""Makes the `Call` of a request."""

Result = types.CallToolResult | types.InputRequiredResult

SHORTEST_POLL = 1.0
LONGEST_POLL = 10.0
"""Seconds between two looks at a task; in between, a tenth of the time that it has taken."""


@tool(("read", "kernels"), read_only=True, same_as="get_output")
async def get_task(call: Call, task_id: str) -> Answer:
    """Look at an execution; when it has ended, at all of it."""
    execution = _followed(call, task_id)
    await settle(call, execution, 0)
    if call.question is not None:
        return Answer(blocks=(), status=execution.status, question=call.question)
    if execution.failure is not None:
        raise execution.failure
    if not execution.is_finished:
        return report_status(execution, ahead=ahead_of(execution))
    tell_session(call, execution)
    return await report(
        execution,
        limits=call.services.limits,
        rendering=call.services.rendering,
        notices=call.notices,
    )


@tool(("execute", "kernels"), idempotent=True, same_as="interrupt_kernel")
async def cancel_task(call: Call, task_id: str) -> Answer:
    """Interrupt an execution, or take it from the queue."""
    execution = _followed(call, task_id)
    execution.was_cancelled |= not execution.is_finished
    execution.request_stop("interrupted", "because its task was cancelled")
    return report_status(execution)


@tool(("execute", "kernels"), same_as="execute_code")
async def update_task(call: Call, task_id: str, responses: dict[str, Any]) -> Answer:
    """Answer what the code of an execution asks."""
    execution = _followed(call, task_id)
    prompt = execution.prompts.current
    if prompt is not None and _key(execution) in responses:
        response = _response(responses[_key(execution)])
        Retry(execution_id=execution.id, number=prompt.number, response=response).deliver(execution)
    return report_status(execution)


def _followed(call: Call, task_id: str) -> Execution:
    """The execution that is a task. Raises UnknownExecution."""
    found = call.services.executions.directory.find(call.caller, task_id)
    return call.follow(found, as_task=True)


class ExecutionTasks:
    """The caller's executions as tasks of the protocol's extension."""

    def __init__(self, open_call: OpenCall) -> None:
        self._open_call = open_call

    async def get(self, ctx: Context, task_id: str) -> Task:
        """The task as it is now."""
        return self.task(*await self._run(get_task, ctx, task_id=task_id))

    async def update(self, ctx: Context, task_id: str, responses: Mapping[str, Any]) -> None:
        """Answer what it asks."""
        await self._run(update_task, ctx, task_id=task_id, responses=dict(responses))

    async def cancel(self, ctx: Context, task_id: str) -> None:
        """Interrupt it."""
        await self._run(cancel_task, ctx, task_id=task_id)

    def task(self, call: Call, result: Result) -> Task:
        """The task that a call is about, with the call's result."""
        execution = _about(call, result)
        status = self._status(execution, result)
        return Task(
            id=execution.id,
            status=status,
            created=execution.created,
            updated=execution.ended or execution.began or execution.created,
            poll_interval=min(max(SHORTEST_POLL, execution.duration / 10), LONGEST_POLL),
            time_to_live=_time_to_live(execution, call.services.executions.max_age),
            message=_first_line(result),
            result=_on_wire(result) if status == "completed" else None,
            input_requests=_requests(execution, result) if status == "input_required" else None,
        )

    def _status(self, execution: Execution, result: Result) -> TaskStatus:
        """Code that raised has completed, and so has code that never reached a kernel: the
        protocol's ``failed`` is for a call whose answer is no result at all."""
        if isinstance(result, types.InputRequiredResult):
            return "input_required"
        if not execution.is_finished:
            return "working"
        # An interrupt may come from elsewhere too.
        was_cancelled = execution.status == "interrupted" and execution.was_cancelled
        return "cancelled" if was_cancelled else "completed"

    async def _run(self, tool: Tool, ctx: Context, **arguments: Any) -> tuple[Call, Result]:
        """Raises LimitReached, which says nothing about the task, and UnknownExecution."""
        call = self._open_call(ctx)
        try:
            result = await attempt(tool, arguments, call)
        except LimitReached:
            raise
        except ToolError as err:
            result = to_error(str(err))
        _about(call, result)
        return call, result


def _about(call: Call, result: Result) -> Execution:
    """The execution that a call has found. Raises UnknownExecution with the call's message."""
    if call.task is None:
        raise UnknownExecution(_first_line(result).removeprefix("Error: "))
    return call.task


def _time_to_live(execution: Execution, max_age: float) -> float | None:
    """Seconds from its start for which a finished execution is kept; None while it runs."""
    if execution.ended is None or not max_age:
        return None
    return execution.ended - execution.created + max_age


def _first_line(result: Result) -> str:
    first = result.content[0] if isinstance(result, types.CallToolResult) else None
    return first.text.partition("\n")[0] if isinstance(first, types.TextContent) else ""


def _on_wire(result: Result) -> dict[str, Any]:
    return result.model_dump(mode="json", by_alias=True, exclude_none=True)


def _requests(execution: Execution, result: Result) -> dict[str, Any]:
    """The questions for the client; in a task, unlike in a call, each has a key of its own."""
    return {_key(execution): question for question in _on_wire(result)["inputRequests"].values()}


def _key(execution: Execution) -> str:
    prompt = execution.prompts.current
    return f"input-{prompt.number}" if prompt is not None else ""


def _response(given: object) -> types.ElicitResult | None:
    """The answer, if it is one; anything else leaves the question open."""
    try:
        return types.ElicitResult.model_validate(given)
    except ValidationError:
        return None
