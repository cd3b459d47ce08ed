"""Answers through tornado to a client that disconnects, and to one that does not read."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest
from jupyter_server.serverapp import ServerApp
from jupyter_server.utils import url_path_join
from mcp.server.lowlevel import Server

from jupyter_mcp_ext.transport.asgi import Receive, Scope, Send
from jupyter_mcp_ext.transport.handler import McpHandler
from jupyter_mcp_ext.transport.host import McpHost, SessionOptions
from jupyter_mcp_ext.transport.password import PasswordCheck

from .test_host import META, Slow


def mount(serverapp: ServerApp, host: McpHost) -> str:
    """Serve a host at ``<base_url>/test`` of the in-process server."""
    path = url_path_join(serverapp.base_url, "test")
    shared = {
        "host": host,
        "passwords": PasswordCheck(),
        "on_activity": lambda: None,
        "overdrawn": lambda _: 0.0,
        "on_refused": lambda *_: None,
    }
    rules = [(path, McpHandler, shared)]
    serverapp.web_app.add_handlers(".*$", rules)  # type: ignore[no-untyped-call]  # jupyter_server's
    return path


def raw_call(path: str, token: str) -> bytes:
    """A tool call of the 2026-07-28 protocol, as it is sent."""
    params = {"name": "slow", "arguments": {}, "_meta": {**META, "progressToken": 1}}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
    head = [
        f"POST {path} HTTP/1.1",
        "Host: localhost",
        f"Authorization: Bearer {token}",
        "Content-Type: application/json",
        "Accept: application/json, text/event-stream",
        "MCP-Protocol-Version: 2026-07-28",
        "Mcp-Method: tools/call",
        "Mcp-Name: slow",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join([*head, "", body]).encode()


@pytest.fixture
def token(jp_serverapp: ServerApp) -> str:
    return str(jp_serverapp.identity_provider.token)


async def test_a_peer_that_closes_its_connection_cancels_its_call(
    jp_serverapp: ServerApp, http_server: object, jp_http_port: int, token: str
) -> None:
    slow = Slow()
    log = logging.getLogger("tests.asgi")
    host = McpHost(None, SessionOptions(limit=4, idle=60), log=log, build=slow.build)
    path = mount(jp_serverapp, host)
    _, writer = await asyncio.open_connection("127.0.0.1", jp_http_port)
    writer.write(raw_call(path, token))
    await asyncio.wait_for(slow.running.wait(), 60)

    writer.close()

    await asyncio.wait_for(slow.cancelled.wait(), 60)
    await host.stop()


async def test_a_peer_that_does_not_read_holds_the_tool_back(
    jp_serverapp: ServerApp, http_server: object, jp_http_port: int, token: str
) -> None:
    sent = 0
    stuck = asyncio.Event()
    size = 1_000_000

    async def call(ctx: Any, params: object) -> Any:
        nonlocal sent
        for number in range(100):
            try:
                report = ctx.session.report_progress(number, message="x" * size)
                await asyncio.wait_for(report, 1)
            except asyncio.TimeoutError:
                stuck.set()
                break
            sent += 1
        await asyncio.Event().wait()

    log = logging.getLogger("tests.asgi")
    host = McpHost(
        None,
        SessionOptions(limit=4, idle=60),
        log=log,
        build=lambda services: Server("flood", on_call_tool=call),
    )
    path = mount(jp_serverapp, host)
    _, writer = await asyncio.open_connection("127.0.0.1", jp_http_port, limit=2**16)
    writer.write(raw_call(path, token))

    await asyncio.wait_for(stuck.wait(), 30)

    assert sent < 50
    writer.close()
    await host.stop()


class Streaming:
    """A host whose answer is a stream of two parts, which it sends without a pause."""

    async def serve(self, subject: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for part, more in ((b"data: 1\r\n\r\n", True), (b"data: 2\r\n\r\n", False)):
            await send({"type": "http.response.body", "body": part, "more_body": more})


async def test_a_stream_that_ends_at_once_leaves_in_one_piece(
    jp_serverapp: ServerApp, http_server: object, jp_http_port: int, token: str
) -> None:
    path = mount(jp_serverapp, Streaming())  # type: ignore[arg-type]  # it has what a handler uses
    reader, writer = await asyncio.open_connection("127.0.0.1", jp_http_port)
    writer.write(raw_call(path, token))

    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)

    assert b"Content-Length: 22\r\n" in head
    assert await reader.readexactly(22) == b"data: 1\r\n\r\ndata: 2\r\n\r\n"
    writer.close()
