"""The messages about resources: listing, templates, reading."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import mcp_types as types
from mcp.shared.exceptions import MCPError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from jupyter_mcp_ext.errors import Forbidden, InternalError, LimitReached, ToolError
from jupyter_mcp_ext.resources.uris import MAX_LENGTH, Kind, parse
from jupyter_mcp_ext.tools.road import recorded

from . import execution_resource, notebook_resource, resource_list, session_resource, views
from .tasks import FORBIDDEN, Context

if TYPE_CHECKING:
    from jupyter_mcp_ext.governance.policy import Right
    from jupyter_mcp_ext.tools.call import Call

    from .execution_tasks import OpenCall
    from .resource import Content, Resource

T = TypeVar("T")

NOT_FOUND = -32002
"""The code for a resource that does not exist, until 2025-11-25; then INVALID_PARAMS."""

RIGHTS: Mapping[Kind, Sequence[Right]] = {
    "notebooks": notebook_resource.RIGHTS,
    "executions": execution_resource.RIGHTS,
    "sessions": session_resource.RIGHTS,
}
"""The rights that a caller needs for each kind."""

FIND: Mapping[Kind, Callable[[Call, str], Awaitable[Resource]]] = {
    "notebooks": notebook_resource.find,
    "executions": execution_resource.find,
    "sessions": session_resource.find,
}


async def find(call: Call, uri: str) -> Resource:
    """The resource of a URI, for a caller who may read it. Raises ToolError."""
    parsed = parse(uri)
    return await FIND[parsed.kind](call, parsed.name)


class Resources:
    """Answers requests for resources."""

    def __init__(
        self, open_call: OpenCall, *, on_list: Callable[[Context], Awaitable[None]]
    ) -> None:
        """``on_list`` is called when a client was shown the list."""
        self._open_call = open_call
        self._on_list = on_list
        self._views = views.Views()

    async def list(
        self, ctx: Context, params: types.PaginatedRequestParams | None
    ) -> types.ListResourcesResult:
        """Answer ``resources/list``."""
        call = self._open_call(ctx)
        cursor = params.cursor if params is not None else None
        try:
            page = await recorded(ctx.method, call, lambda: _ok(resource_list.page(call, cursor)))
        except ToolError as err:
            raise refused(err, types.INVALID_PARAMS) from err
        await self._on_list(ctx)
        return page

    async def templates(
        self, ctx: Context, params: types.PaginatedRequestParams | None
    ) -> types.ListResourceTemplatesResult:
        """Answer ``resources/templates/list``."""
        return types.ListResourceTemplatesResult(resource_templates=[*resource_list.LISTED])

    async def read(
        self, ctx: Context, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        """Answer ``resources/read``."""
        call = self._open_call(ctx)
        uri = params.uri
        found = False

        async def content() -> Content:
            nonlocal found
            if uri in views.URIS:
                return await self._views.read(uri)
            resource = await find(call, uri)
            found = True
            return await resource.read()

        try:
            read = await recorded(ctx.method, call, lambda: _ok(content()))
        except ToolError as err:
            code = types.INTERNAL_ERROR if found else not_found(ctx)
            raise refused(err, code, uri) from err
        contents = types.TextResourceContents(
            uri=uri, mime_type=read.mime_type, text=read.text, _meta=dict(read.meta) or None
        )
        return types.ReadResourceResult(contents=[contents], ttl_ms=read.fresh)


def not_found(ctx: Context) -> int:
    """The code for a resource that does not exist."""
    is_modern = ctx.protocol_version in MODERN_PROTOCOL_VERSIONS
    return types.INVALID_PARAMS if is_modern else NOT_FOUND


def refused(err: ToolError, code: int, uri: str | None = None) -> MCPError:
    """A ToolError as the protocol's error; ``code`` is for those that have none of their own."""
    if isinstance(err, Forbidden | LimitReached):
        code = FORBIDDEN
    elif isinstance(err, InternalError):
        code = types.INTERNAL_ERROR
    data: dict[str, Any] | None = (
        {"uri": uri} if uri is not None and len(uri) <= MAX_LENGTH else None
    )
    return MCPError(code=code, message=str(err), data=data)


async def _ok(work: Awaitable[T]) -> tuple[T, str]:
    return await work, "ok"
