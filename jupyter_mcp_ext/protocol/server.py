"""The MCP server object: the tools on the SDK's lowlevel ``Server``, for both protocol eras."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import mcp_types as types
from mcp.server.caching import CacheHint
from mcp.shared.exceptions import MCPError

from jupyter_mcp_ext import measured
from jupyter_mcp_ext.governance.caller import Caller, Principal
from jupyter_mcp_ext.tools.arguments import MAX_ITEMS
from jupyter_mcp_ext.tools.call import Call
from jupyter_mcp_ext.tools.confirmations import Confirmed, answers
from jupyter_mcp_ext.tools.consent import given
from jupyter_mcp_ext.tools.elicitation import Given, elicitation, retry
from jupyter_mcp_ext.tools.execution import resume
from jupyter_mcp_ext.tools.extra.loading import NONE, Loaded
from jupyter_mcp_ext.tools.registry import TOOLS, UNLISTED, unknown
from jupyter_mcp_ext.tools.road import run
from jupyter_mcp_ext.version import __version__

from .capabilities import McpServer
from .completion import Completions
from .execution_tasks import ExecutionTasks
from .prompts import get_prompt, list_prompts
from .resources import Resources
from .sealing import Sealing
from .subscriptions import Subscriptions
from .tasks import created, serve_tasks, takes_tasks
from .tracing import trace
from .uncallable import Uncallable
from .views import takes_views, with_view

if TYPE_CHECKING:
    from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
    from mcp.server.lowlevel import Server

    from jupyter_mcp_ext.services import Services
    from jupyter_mcp_ext.tools.definition import Tool

NAME = "jupyter-mcp-ext"

PRINCIPAL = "jupyter_mcp_ext.principal"
"""Key of the ASGI scope under which the transport puts the `Principal`."""

GONE = "jupyter_mcp_ext.gone"
"""Key for a function that tells whether the peer has closed its connection."""

MCP_SESSION = "jupyter_mcp_ext.mcp_session"
"""Key for a short string that tells protocol sessions apart."""

MAX_REQUEST_ID = 200
"""Characters of a request's id that are recorded."""

LIST_TTL = 300_000
"""Milliseconds for which a client may keep lists that change with a restart only."""

INSTRUCTIONS = """\
Runs Python (and other) code in live Jupyter kernels with execute_code: data analysis, plots, \
DataFrames, shell, notebooks, files.
This is a person's server: they may have the same notebooks and kernels open.
- execute_code keeps variables in a session of your own; its first result names the folder. \
Parallel tasks or subagents: each calls create_session(name="...") and passes that name as \
session_id.
- To look at the variables of a notebook a person has open, pass its path as session_id. Do not \
restart or shut down a kernel you did not start unless asked.
- Change .ipynb files only with the cell tools, by the handles of read_notebook or search_files. \
If an edit is refused, use the source in the refusal.
- Line 1 of a result is its status; lines with "!" tell of lost variables, queues or missing \
output. [error] means your code raised: fix it and go on.
- [running] is not a failure: the code goes on. Make the get_output call shown; never run the code \
again. After a lost connection call get_output() first.
- Print less rather than page more: head(), describe().
- Paths are relative to Jupyter's root, as in its file browser; with session_id, to that session's \
folder.
"""


def build_server(services: Services, extra: Loaded = NONE) -> Server[Any]:
    """The server object for one Jupyter server; ``extra`` are tools of other packages."""
    handlers = _Handlers(services, extra)
    services.executions.begun.add(trace)
    server = McpServer(
        NAME,
        version=__version__,
        title="Jupyter",
        instructions=INSTRUCTIONS,
        cache_hints={
            "tools/list": CacheHint(ttl_ms=LIST_TTL),
            "prompts/list": CacheHint(ttl_ms=LIST_TTL),
            "resources/templates/list": CacheHint(ttl_ms=LIST_TTL),
        },
        # For the arguments that are repeated in headers: no tool has any, and with a schema, or
        # without this, each call would look through the schema, or the whole list of tools.
        get_tool_input_schema=lambda _: None,
        on_list_tools=handlers.list_tools,
        on_list_resources=handlers.resources.list,
        on_list_resource_templates=handlers.resources.templates,
        on_read_resource=handlers.resources.read,
        on_list_prompts=list_prompts,
        on_get_prompt=get_prompt,
        on_completion=handlers.completions.complete,
        on_subscribe_resource=handlers.subscriptions.subscribe,
        on_unsubscribe_resource=handlers.subscriptions.unsubscribe,
        on_subscriptions_listen=handlers.subscriptions.listen,
        lifespan=handlers.lifespan,
    )
    # Not by the constructor, whose types do not know a task for an answer.
    server.add_request_handler("tools/call", types.CallToolRequestParams, handlers.call_tool)
    serve_tasks(server, handlers.tasks)
    server.middleware.append(handlers.notice_arrival)
    server.middleware.append(Uncallable(handlers.open_call))
    server.middleware.append(_unpack_arguments)
    server.middleware.append(Sealing(services.keys, NAME))
    return server


class _Handlers:
    """What the server object does with requests."""

    def __init__(self, services: Services, extra: Loaded) -> None:
        self._services = services
        self._extra = extra
        self._tools = (*TOOLS, *extra.tools)
        self._by_name = {tool.name: tool for tool in (*self._tools, *UNLISTED)}
        self._listed = {tool.name: listed(tool) for tool in self._tools}
        self.tasks = ExecutionTasks(self.open_call)
        self.completions = Completions(self.open_call)
        self.subscriptions = Subscriptions(self.open_call, services.changes)
        self.resources = Resources(self.open_call, on_list=self.subscriptions.note_list)

    @asynccontextmanager
    async def lifespan(self, server: Server[Any]) -> AsyncIterator[None]:
        """End the subscriptions with the server object."""
        try:
            yield
        finally:
            self.subscriptions.close()

    async def list_tools(
        self, ctx: ServerRequestContext[Any, Any], params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        """Answer ``tools/list`` with what the caller may use."""
        allowed = await self._services.policy.allowed(_principal(ctx), self._tools)
        tools = [self._listed[tool.name] for tool in allowed]
        return types.ListToolsResult(tools=[*map(with_view, tools)] if takes_views(ctx) else tools)

    async def call_tool(
        self, ctx: ServerRequestContext[Any, Any], params: types.CallToolRequestParams
    ) -> HandlerResult:
        """Answer ``tools/call`` with a result, a question or a task."""
        tool = self._by_name.get(params.name)
        if tool is None:
            words = self._extra.why_not(params.name) or unknown(params.name, self._extra.names)
            raise MCPError(code=types.INVALID_PARAMS, message=words)
        reads = tool.annotations["readOnlyHint"]
        may_become_task = takes_tasks(ctx) and not reads
        task_after = self._services.executions.task_after if may_become_task else None
        consent = given(params)
        confirmed = answers(params, tool.name)
        call = self.open_call(ctx, task_after=task_after, consent=consent, confirmed=confirmed)
        again = retry(params) if consent is None and confirmed is None else None
        instead = partial(resume, retry=again, stops=not reads) if again is not None else None
        result = await run(tool, params.arguments, call, instead=instead)
        return result if call.task is None else created(self.tasks.task(call, result))

    async def notice_arrival(
        self, ctx: ServerRequestContext[Any, Any], call_next: CallNext
    ) -> HandlerResult:
        """Note that a client has connected, where the protocol has no sessions."""
        if ctx.method in ("server/discover", "tools/list"):
            caller = _caller(ctx, _principal(ctx), self._services)
            self._services.transcript.hear(caller)
            if ctx.method == "server/discover":
                self._services.sessions.readers.arrive(caller)
        return await call_next(ctx)

    def open_call(
        self,
        ctx: ServerRequestContext[Any, Any],
        *,
        task_after: float | None = None,
        consent: Given | None = None,
        confirmed: Confirmed | None = None,
    ) -> Call:
        """The call that a request is."""
        principal = _principal(ctx)
        caller = _caller(ctx, principal, self._services)
        self._services.transcript.hear(caller)
        wants_progress = "progress_token" in (ctx.meta or {})
        return Call(
            services=self._services,
            caller=caller,
            principal=principal,
            origin=principal.origin,
            progress=ctx.session.report_progress if wants_progress else None,
            elicitation=elicitation(ctx),
            consent=consent,
            confirmed=confirmed,
            request_id=None if ctx.request_id is None else str(ctx.request_id)[:MAX_REQUEST_ID],
            is_gone=_is_gone(ctx),
            task_after=task_after,
        )


async def _unpack_arguments(
    ctx: ServerRequestContext[Any, Any], call_next: CallNext
) -> HandlerResult:
    """Unpack arguments that arrive as one JSON string, which the SDK would refuse."""
    params = ctx.params
    if ctx.method == "tools/call" and params and isinstance(params.get("arguments"), str):
        try:
            text = params["arguments"] or "{}"
            arguments = measured.loads(text.encode(), max_items=MAX_ITEMS)
        except (ValueError, RecursionError):
            arguments = None
        if not isinstance(arguments, dict):
            raise MCPError(
                code=types.INVALID_PARAMS,
                message="The arguments are text, not an object. Send them as a JSON object.",
            )
        ctx = replace(ctx, params={**params, "arguments": arguments})
    return await call_next(ctx)


def listed(tool: Tool) -> types.Tool:
    """A tool as ``tools/list`` shows it."""
    return types.Tool(
        name=tool.name,
        description=tool.description,
        input_schema=dict(tool.input_schema),
        annotations=types.ToolAnnotations.model_validate(dict(tool.annotations)),
        _meta={"anthropic/alwaysLoad": True} if tool.is_main else None,
    )


def _principal(ctx: ServerRequestContext[Any, Any]) -> Principal:
    request = ctx.request
    principal = request.scope.get(PRINCIPAL) if request is not None else None
    if not isinstance(principal, Principal):
        raise MCPError(code=types.INVALID_REQUEST, message="The request is not authenticated.")
    return principal


def _is_gone(ctx: ServerRequestContext[Any, Any]) -> Callable[[], bool]:
    is_gone: Callable[[], bool] | None = ctx.request.scope.get(GONE) if ctx.request else None
    return is_gone or (lambda: False)


def _caller(
    ctx: ServerRequestContext[Any, Any], principal: Principal, services: Services
) -> Caller:
    sessions = services.sessions
    params = ctx.session.client_params
    info = params.client_info if params is not None else None
    client = _client_name(info.name if info is not None else "")
    mcp_session = _mcp_session(ctx)
    return Caller(
        subject=principal.subject,
        username=principal.subject,
        client=client,
        client_version=info.version[:64] if info is not None else "",
        scope=principal.scope
        or _conversation(ctx.meta or {}, sessions.conversation_keys)
        or (mcp_session if sessions.readers.is_nameless(client) else ""),
        mcp_session=mcp_session,
        may_attach=services.policy.may_attach(principal),
    )


def _mcp_session(ctx: ServerRequestContext[Any, Any]) -> str:
    """A short string for the protocol session of a request, where the protocol has one."""
    return str(ctx.request.scope.get(MCP_SESSION, "")) if ctx.request is not None else ""


def _client_name(name: str) -> str:
    """The client's name without what a proxy adds, printable and short."""
    plain = "".join(c for c in name.partition(" (via ")[0] if c.isprintable()).strip()
    return plain[:64] or "unknown"


def _conversation(meta: Mapping[str, Any], keys: list[str]) -> str:
    for key in keys:
        value = meta.get(key)
        if isinstance(value, str) and value:
            return "".join(c for c in value if c.isprintable())[:64]
    return ""
