"""The protocol's extension for tasks: answers that are fetched later, over any store of tasks.

It exists since the 2026-07-28 protocol. Whether a call becomes a task is decided where the call is
served, and what a task is in the store; this module has the messages.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Literal, Protocol, TypeVar

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from mcp.shared.inbound import MCP_NAME_HEADER, decode_header_value
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from jupyter_mcp_ext.errors import LimitReached, ToolError

EXTENSION = "io.modelcontextprotocol/tasks"

FORBIDDEN = -32003
"""The code for what the server's operator does not allow: one that the protocol leaves free."""

TaskStatus = Literal["working", "input_required", "completed", "failed", "cancelled"]
Context = ServerRequestContext[Any, Any]
Wire = dict[str, Any]

_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class Task:
    """A task as it is now. Times are seconds since the epoch."""

    id: str
    status: TaskStatus
    created: float
    updated: float
    poll_interval: float
    """Seconds after which the client should look again."""
    time_to_live: float | None = None
    """Seconds after its creation for which it is kept at least; None: no end is known."""
    message: str = ""
    """A description of the status for a model or a person."""
    result: Mapping[str, Any] | None = None
    """When completed: the result of the call, as JSON."""
    error: Mapping[str, Any] | None = None
    """When failed: the JSON-RPC error. An error of a tool is a result."""
    input_requests: Mapping[str, Any] | None = None
    """When input is required: the questions for the client, by key. No key is used twice."""


class TaskStore(Protocol):
    """The tasks of the client that makes the request.

    Each method raises ToolError for an unknown task.
    """

    async def get(self, ctx: Context, task_id: str) -> Task:
        """The task as it is now."""
        ...

    async def update(self, ctx: Context, task_id: str, responses: Mapping[str, Any]) -> None:
        """Take answers by key; keys of no open question are ignored."""
        ...

    async def cancel(self, ctx: Context, task_id: str) -> None:
        """Ask the task to end; a task that has ended stays as it is."""
        ...


class _TaskParams(types.RequestParams):
    task_id: str


class _UpdateParams(_TaskParams):
    input_responses: dict[str, Any]


def serve_tasks(server: Server[Any], store: TaskStore) -> None:
    """Add the extension to a server. Its ``tools/call`` may then answer with `created`."""

    async def get(ctx: Context, params: _TaskParams) -> Wire:
        _admit(ctx, params.task_id)
        return _on_wire(await _known(store.get(ctx, params.task_id)))

    async def update(ctx: Context, params: _UpdateParams) -> Wire:
        _admit(ctx, params.task_id)
        await _known(store.update(ctx, params.task_id, params.input_responses))
        return {}

    async def cancel(ctx: Context, params: _TaskParams) -> Wire:
        _admit(ctx, params.task_id)
        await _known(store.cancel(ctx, params.task_id))
        return {}

    server.extensions[EXTENSION] = {}
    server.add_request_handler("tasks/get", _TaskParams, get)
    server.add_request_handler("tasks/update", _UpdateParams, update)
    server.add_request_handler("tasks/cancel", _TaskParams, cancel)


def takes_tasks(ctx: Context) -> bool:
    """Whether this request may be answered with a task: each declares it again."""
    declared = ctx.session.client_capabilities
    return (
        ctx.protocol_version in MODERN_PROTOCOL_VERSIONS
        and declared is not None
        and EXTENSION in (declared.extensions or {})
    )


def require_tasks(ctx: Context) -> None:
    """Refuse a request that does not declare the extension."""
    if not takes_tasks(ctx):
        raise MCPError(
            code=types.MISSING_REQUIRED_CLIENT_CAPABILITY,
            message=f"Declare the extension {EXTENSION} in the request's clientCapabilities.",
            data={"requiredCapabilities": {"extensions": {EXTENSION: {}}}},
        )


def created(task: Task) -> Wire:
    """The answer to a call that has become a task."""
    return {"resultType": "task", **_state(task)}


def _on_wire(task: Task) -> Wire:
    details = {
        "result": task.result,
        "error": task.error,
        "inputRequests": task.input_requests,
    }
    return {**_state(task), **{name: value for name, value in details.items() if value is not None}}


def _state(task: Task) -> Wire:
    state: Wire = {
        "taskId": task.id,
        "status": task.status,
        "createdAt": _timestamp(task.created),
        "lastUpdatedAt": _timestamp(task.updated),
        "ttlMs": None if task.time_to_live is None else int(task.time_to_live * 1000),
        "pollIntervalMs": round(task.poll_interval * 1000),
    }
    return {**state, "statusMessage": task.message} if task.message else state


def _timestamp(seconds: float) -> str:
    time = datetime.fromtimestamp(seconds, timezone.utc)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _admit(ctx: Context, task_id: str) -> None:
    """Refuse a request that the extension does not allow."""
    if ctx.protocol_version not in MODERN_PROTOCOL_VERSIONS:
        raise MCPError(code=types.METHOD_NOT_FOUND, message="Method not found", data=ctx.method)
    # The SDK compares this header for the methods that it knows.
    if ctx.request is not None:
        named = decode_header_value(ctx.request.headers.get(MCP_NAME_HEADER))
        if named != task_id:
            raise MCPError(
                code=types.HEADER_MISMATCH,
                message=f"The header {MCP_NAME_HEADER} must be the request's taskId.",
            )
    require_tasks(ctx)


async def _known(asked: Awaitable[_T]) -> _T:
    try:
        return await asked
    except LimitReached as err:
        raise MCPError(code=FORBIDDEN, message=str(err)) from err
    except ToolError as err:
        raise MCPError(code=types.INVALID_PARAMS, message=str(err)) from err
