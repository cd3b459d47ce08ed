"""How clients in the field connect: their headers and bodies, and the official Python client."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from tests.servers import JupyterServer

EVERYTHING = (
    "--ServerApp.jpserver_extensions=tests.conformance.extension=True",
    "--ServerApp.jpserver_extensions=jupyter_mcp_ext=False",
)
MODERN = "2026-07-28"


def modern(method: str, client: str, **params: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """A request of the 2026-07-28 protocol with its headers."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientInfo": {"name": client, "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}
    headers = {"MCP-Protocol-Version": MODERN, "Mcp-Method": method}
    if "name" in params:
        headers["Mcp-Name"] = params["name"]
    return message, headers


def initialize(version: str, client: str) -> dict[str, Any]:
    """The opening request of the older protocols."""
    params = {
        "protocolVersion": version,
        "capabilities": {"elicitation": {}},
        "clientInfo": {"name": client, "version": "1"},
    }
    return {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}


@pytest.fixture(scope="module")
def everything(start_server: Callable[..., JupyterServer]) -> JupyterServer:
    """The test server object behind our handler, with a token."""
    return start_server(*EVERYTHING)


def test_claude_code_speaks_without_a_session(everything: JupyterServer) -> None:
    discovered = everything.post(*modern("server/discover", "claude-code"))
    listed = everything.post(*modern("tools/list", "claude-code"))
    called = everything.post(
        *modern("tools/call", "claude-code", name="test_simple_text", arguments={})
    )

    assert [answer.status for answer in (discovered, listed, called)] == [200, 200, 200]
    assert "mcp-session-id" not in called.headers
    assert called.headers["content-type"] == "application/json"
    assert "simple text" in called.body.decode()


def test_claude_code_gets_progress_while_a_tool_runs(everything: JupyterServer) -> None:
    message, headers = modern("tools/call", "claude-code", name="test_tool_with_progress")
    message["params"]["arguments"] = {}
    message["params"]["_meta"]["progressToken"] = "p1"

    answer = everything.post(message, headers)

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.body.count(b"notifications/progress") == 3
    assert "result" in answer.json()


@pytest.mark.parametrize(
    ("client", "version"), [("codex-mcp-client", "2025-06-18"), ("opencode", "2025-11-25")]
)
def test_older_clients_keep_a_session_until_they_end_it(
    everything: JupyterServer, client: str, version: str
) -> None:
    opened = everything.post(initialize(version, client))
    session = {
        "Mcp-Session-Id": opened.headers["mcp-session-id"],
        "MCP-Protocol-Version": version,
    }
    ready = everything.post({"jsonrpc": "2.0", "method": "notifications/initialized"}, session)
    call = {"name": "test_simple_text", "arguments": {}}
    message = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call}
    called = everything.post(message, session)
    with everything.stream(
        "GET", {**everything.auth, **session, "Accept": "text/event-stream"}
    ) as stream:
        streamed = stream.status
    ended = everything.request("DELETE", None, {**everything.auth, **session})
    after = everything.post(message, session)

    result = opened.json()["result"]
    assert isinstance(result, dict)
    assert result["protocolVersion"] == version
    assert ready.status == 202
    assert "simple text" in called.body.decode()
    assert streamed == 200
    assert ended.status == 200
    assert after.status == 404


def test_a_stream_begins_before_it_has_anything_to_say(everything: JupyterServer) -> None:
    opened = everything.post(initialize("2025-06-18", "codex-mcp-client"))
    headers = {
        **everything.auth,
        "Accept": "text/event-stream",
        "Accept-Encoding": "gzip",
        "Mcp-Session-Id": opened.headers["mcp-session-id"],
    }

    with everything.stream("GET", headers) as response:
        assert response.status == 200
        assert response.headers["Content-Encoding"] is None


@pytest.mark.parametrize("mode", ["legacy", MODERN])
async def test_the_official_client_connects(everything: JupyterServer, mode: str) -> None:
    async with httpx2.AsyncClient(headers=everything.auth) as http:
        transport = streamable_http_client(everything.url, http_client=http)
        async with Client(transport, mode=mode) as client:
            tools = await client.list_tools()
            result = await client.call_tool("test_simple_text", {})

    assert "test_simple_text" in [tool.name for tool in tools.tools]
    assert "simple text" in result.content[0].model_dump()["text"]


def test_clients_side_by_side_get_their_own_answers(everything: JupyterServer) -> None:
    answers: dict[int, object] = {}

    def call(number: int) -> None:
        message, headers = modern("tools/list", "many")
        answers[number] = everything.post({**message, "id": number}, headers).json()["id"]

    threads = [threading.Thread(target=call, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert answers == {number: number for number in range(12)}
