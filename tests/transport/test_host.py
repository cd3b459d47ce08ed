from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any

import anyio
import pytest
from mcp.server.lowlevel import Server

from jupyter_mcp_ext.transport.asgi import Message, Scope
from jupyter_mcp_ext.transport.host import HostUnavailable, McpHost, SessionOptions

META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


class Slow:
    """A tool that never ends by itself, and records when it runs and is cancelled."""

    def __init__(self) -> None:
        self.running = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def call(self, ctx: object, params: object) -> Any:
        self.running.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise

    def build(self, services: object) -> Server[Any]:
        return Server("slow", on_call_tool=self.call)


class Exchange:
    """One request of the 2026-07-28 protocol and its answer, without HTTP."""

    def __init__(self, method: str, **params: Any) -> None:
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": META}}
        self._body: bytes | None = json.dumps(message).encode()
        self.gone = asyncio.Event()
        self.sent: list[Message] = []
        headers = {
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
            "mcp-protocol-version": "2026-07-28",
            "mcp-method": method,
            **({"mcp-name": params["name"]} if "name" in params else {}),
        }
        self.scope: Scope = {
            "type": "http",
            "method": "POST",
            "path": "/mcp",
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }

    async def receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    async def served_by(self, host: McpHost) -> int:
        await host.serve("jupyter", self.scope, self.receive, self.send)
        return int(self.sent[0]["status"]) if self.sent else 0


def make_host(build: Callable[[Any], Server[Any]]) -> McpHost:
    log = logging.getLogger("tests.host")
    return McpHost(None, SessionOptions(limit=4, idle=60), log=log, build=build)


async def test_a_request_starts_the_host_if_it_is_not_running() -> None:
    host = make_host(lambda services: Server("plain"))

    assert await Exchange("server/discover").served_by(host) == 200

    await host.stop()


async def test_a_failed_start_is_told_logged_and_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tries = []

    def build(services: object) -> Server[Any]:
        tries.append(services)
        if len(tries) == 1:
            msg = "no disk"
            raise OSError(msg)
        return Server("plain")

    host = make_host(build)

    with pytest.raises(HostUnavailable, match="log says why"):
        await Exchange("server/discover").served_by(host)
    assert "no disk" in caplog.text
    assert await Exchange("server/discover").served_by(host) == 200
    await host.stop()


async def test_closing_the_stream_cancels_the_call() -> None:
    slow = Slow()
    host = make_host(slow.build)
    exchange = Exchange("tools/call", name="slow", arguments={})
    serving = asyncio.create_task(exchange.served_by(host))
    await slow.running.wait()

    exchange.gone.set()

    await asyncio.wait_for(slow.cancelled.wait(), 60)
    await asyncio.wait_for(serving, 60)
    await host.stop()


async def test_stopping_cancels_what_is_served_and_refuses_the_rest() -> None:
    slow = Slow()
    host = make_host(slow.build)
    exchange = Exchange("tools/call", name="slow", arguments={})
    serving = asyncio.create_task(exchange.served_by(host))
    await slow.running.wait()

    await asyncio.wait_for(host.stop(), 60)

    assert slow.cancelled.is_set()
    assert await asyncio.wait_for(serving, 60) == 0
    with pytest.raises(HostUnavailable, match="shutting down"):
        await Exchange("server/discover").served_by(host)


async def test_stopping_what_never_began_is_nothing() -> None:
    await make_host(lambda services: Server("plain")).stop()


async def test_stopping_is_bounded_by_its_timeout() -> None:
    held = asyncio.Event()
    running = asyncio.Event()

    async def stubborn(ctx: object, params: object) -> Any:
        running.set()
        with anyio.CancelScope(shield=True):
            await held.wait()
        raise asyncio.CancelledError

    host = make_host(lambda services: Server("stubborn", on_call_tool=stubborn))
    exchange = Exchange("tools/call", name="x", arguments={})
    serving = asyncio.create_task(exchange.served_by(host))
    await running.wait()

    await asyncio.wait_for(host.stop(timeout=0.05), 60)

    held.set()
    await asyncio.wait({serving}, timeout=60)
