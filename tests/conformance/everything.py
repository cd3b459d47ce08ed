"""The conformance suite's "everything" server over the SDK's lowlevel ``Server``.

It proves nothing of our tools: it is served through our transport, which the suite then tests.
"""

from __future__ import annotations

import asyncio
import json
import warnings
from collections.abc import Awaitable, Callable
from typing import Any

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp.server.subscriptions import (
    InMemorySubscriptionBus,
    ListenHandler,
    PromptsListChanged,
    ToolsListChanged,
)
from mcp.shared.exceptions import MCPDeprecationWarning, MCPError
from pydantic import BaseModel

from jupyter_mcp_ext.protocol.tasks import serve_tasks

from .everything_content import (
    DEFAULTS_FORM,
    ENUMS_FORM,
    IMAGE,
    PROMPTS,
    TOOL_CONTENT,
    input_schema,
    one_field_form,
    prompt_messages,
    text,
)
from .everything_rounds import ROUND_TOOLS, ask_once, call_round_tool
from .everything_tasks import TASK_TOOLS, FixtureTasks

Context = ServerRequestContext[Any, Any]
Result = dict[str, Any]

FORMS = {
    "test_elicitation": one_field_form("response"),
    "test_elicitation_sep1034_defaults": DEFAULTS_FORM,
    "test_elicitation_sep1330_enums": ENUMS_FORM,
}
TOOLS = (
    *TOOL_CONTENT,
    *ROUND_TOOLS,
    *TASK_TOOLS,
    *FORMS,
    "test_tool_with_logging",
    "test_logging_tool",
    "test_tool_with_progress",
    "test_streaming_elicitation",
    "test_error_handling",
    "test_sampling",
    "test_reconnection",
    "test_trigger_tool_change",
    "test_trigger_prompt_change",
)
RESOURCES: dict[str, dict[str, str]] = {
    "test://static-text": {
        "mimeType": "text/plain",
        "text": "This is the content of the static text resource.",
    },
    "test://static-binary": {"mimeType": "image/png", "blob": IMAGE},
    "test://watched-resource": {"mimeType": "text/plain", "text": "Watched resource content"},
}


class Everything:
    """The handlers of the server and their shared state."""

    def __init__(self) -> None:
        self.bus = InMemorySubscriptionBus()
        self.tasks = FixtureTasks()

    async def list_tools(self, ctx: Context, params: object) -> Result:
        """List the fixtures."""
        tools = [
            {"name": name, "description": f"Fixture {name}.", "inputSchema": input_schema(name)}
            for name in TOOLS
        ]
        return {"tools": tools}

    async def call_tool(self, ctx: Context, params: types.CallToolRequestParams) -> Result:
        """Run a fixture."""
        name = params.name
        arguments: dict[str, Any] = dict(params.arguments or {})
        if name in TOOL_CONTENT:
            return {"content": TOOL_CONTENT[name]}
        if name in ROUND_TOOLS:
            capabilities = ctx.session.client_capabilities
            declared = capabilities.model_dump(exclude_none=True) if capabilities else {}
            responses = dict(params.input_responses or {})
            return call_round_tool(name, responses, params.request_state, declared)
        if name in TASK_TOOLS:
            return await self.tasks.call(ctx, name, arguments, dict(params.input_responses or {}))
        if name in FORMS:
            return await self._elicit(ctx, name, arguments)
        return await self._call_other(ctx, name, arguments)

    async def _call_other(self, ctx: Context, name: str, arguments: dict[str, Any]) -> Result:
        match name:
            case "test_tool_with_logging" | "test_logging_tool":
                for words in ("started", "processing data", "completed"):
                    await self._log(ctx, f"Tool execution {words}")
            case "test_tool_with_progress" | "test_streaming_elicitation":
                await self._report_progress(ctx)
            case "test_error_handling":
                words = "This tool intentionally returns an error for testing"
                return {"content": [text(words)], "isError": True}
            case "test_sampling":
                return await self._sample(ctx, arguments)
            case "test_reconnection":
                if ctx.close_sse_stream is not None:
                    await ctx.close_sse_stream()
            case "test_trigger_tool_change":
                await self.bus.publish(ToolsListChanged())
            case "test_trigger_prompt_change":
                await self.bus.publish(PromptsListChanged())
            case _:
                raise MCPError(types.INVALID_PARAMS, f"There is no tool {name!r}.")
        return {"content": [text(f"{name} is done.")]}

    async def _log(self, ctx: Context, words: str) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MCPDeprecationWarning)
            await ctx.session.send_log_message("info", words, related_request_id=ctx.request_id)
        await asyncio.sleep(0.05)  # the scenario asks for messages that are apart

    async def _report_progress(self, ctx: Context) -> None:
        for done in (0, 50, 100):
            await ctx.session.report_progress(done, 100, f"Completed step {done} of 100")
            await asyncio.sleep(0.05)  # the scenario asks for messages that are apart

    async def _sample(self, ctx: Context, arguments: dict[str, Any]) -> Result:
        words = types.TextContent(type="text", text=arguments["prompt"])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MCPDeprecationWarning)
            answer = await ctx.session.create_message(
                [types.SamplingMessage(role="user", content=words)],
                max_tokens=100,
                related_request_id=ctx.request_id,
            )
        said = answer.content.text if isinstance(answer.content, types.TextContent) else ""
        return {"content": [text(f"LLM response: {said}")]}

    async def _elicit(self, ctx: Context, name: str, arguments: dict[str, Any]) -> Result:
        answer = await ctx.session.elicit_form(
            arguments.get("message", "Please fill this in"),
            FORMS[name],
            related_request_id=ctx.request_id,
        )
        content = json.dumps(answer.content or {})
        return {"content": [text(f"User response: action={answer.action}, content={content}")]}

    async def list_prompts(self, ctx: Context, params: object) -> Result:
        """List the prompts."""
        prompts = [
            {
                "name": name,
                "description": f"Fixture {name}.",
                "arguments": [{"name": argument, "required": True} for argument in arguments],
            }
            for name, arguments in PROMPTS.items()
        ]
        return {"prompts": prompts}

    async def get_prompt(self, ctx: Context, params: types.GetPromptRequestParams) -> Result:
        """Give a prompt, or ask for what it needs."""
        if params.name not in PROMPTS:
            raise MCPError(types.INVALID_PARAMS, f"There is no prompt {params.name!r}.")
        if params.name == "test_input_required_result_prompt":
            responses = dict(params.input_responses or {})
            if question := ask_once(params.name, responses, params.request_state):
                return question
        return {"messages": prompt_messages(params.name, params.arguments or {})}

    async def list_resources(self, ctx: Context, params: object) -> Result:
        """List the resources."""
        resources = [
            {"uri": uri, "name": uri.partition("://")[2], "mimeType": contents["mimeType"]}
            for uri, contents in RESOURCES.items()
        ]
        return {"resources": resources}

    async def list_templates(self, ctx: Context, params: object) -> Result:
        """List the resource templates."""
        uri = "test://template/{id}/data"
        template = {"uriTemplate": uri, "name": "template", "mimeType": "application/json"}
        return {"resourceTemplates": [template]}

    async def read_resource(self, ctx: Context, params: types.ReadResourceRequestParams) -> Result:
        """Read a resource."""
        uri = str(params.uri)
        if uri in RESOURCES:
            return {"contents": [{"uri": uri, **RESOURCES[uri]}]}
        if uri.startswith("test://template/") and uri.endswith("/data"):
            key = uri.removeprefix("test://template/").removesuffix("/data")
            words = json.dumps({"id": key, "templateTest": True, "data": f"Data for ID: {key}"})
            return {"contents": [{"uri": uri, "mimeType": "application/json", "text": words}]}
        raise MCPError(types.INVALID_PARAMS, "Resource not found", {"uri": uri})

    async def acknowledge(self, ctx: Context, params: object) -> Result:
        """Accept the request and do nothing."""
        return {}

    async def complete(self, ctx: Context, params: object) -> Result:
        """Complete nothing."""
        return {"completion": {"values": [], "total": 0, "hasMore": False}}


def _as(model: type[BaseModel], handler: Callable[..., Awaitable[Result]]) -> Any:
    """Give a handler's answer in the shape of the call's protocol version."""

    async def answer(ctx: Context, params: object) -> BaseModel | Result:
        result = await handler(ctx, params)
        if result.get("resultType") == "task":
            return result
        asks = result.get("resultType") == "input_required"
        return (types.InputRequiredResult if asks else model).model_validate(result)

    return answer


def build_everything(services: object) -> Server[Any]:
    """Make the server; a `McpHost` takes it as its ``build``."""
    del services
    everything = Everything()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MCPDeprecationWarning)
        server: Server[Any] = Server(
            "everything",
            version="1.0.0",
            on_list_tools=_as(types.ListToolsResult, everything.list_tools),
            on_call_tool=_as(types.CallToolResult, everything.call_tool),
            on_list_prompts=_as(types.ListPromptsResult, everything.list_prompts),
            on_get_prompt=_as(types.GetPromptResult, everything.get_prompt),
            on_list_resources=_as(types.ListResourcesResult, everything.list_resources),
            on_list_resource_templates=_as(
                types.ListResourceTemplatesResult, everything.list_templates
            ),
            on_read_resource=_as(types.ReadResourceResult, everything.read_resource),
            on_subscribe_resource=_as(types.EmptyResult, everything.acknowledge),
            on_unsubscribe_resource=_as(types.EmptyResult, everything.acknowledge),
            on_set_logging_level=_as(types.EmptyResult, everything.acknowledge),
            on_completion=_as(types.CompleteResult, everything.complete),
            on_subscriptions_listen=ListenHandler(everything.bus),
        )
    serve_tasks(server, everything.tasks)
    security = RequestStateSecurity.ephemeral()
    server.middleware.append(RequestStateBoundary(security, default_audience="everything"))
    return server
