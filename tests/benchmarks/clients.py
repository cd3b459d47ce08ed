"""Minimal clients: raw HTTP in both protocol eras, and a raw link to a kernel."""

from __future__ import annotations

import asyncio
import http.client
import itertools
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jupyter_client.ioloop.manager import AsyncIOLoopKernelManager

from jupyter_mcp_ext.kernels.links.link import KernelLink, Listener
from jupyter_mcp_ext.kernels.links.transports import link_to
from tests.servers import JupyterServer

META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "benchmark", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


class Client:
    """A persistent connection, speaking ``2026-07-28`` or an older version with a session."""

    def __init__(self, server: JupyterServer, version: str, scope: str = "") -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=300)
        self._ids = itertools.count(1)
        self._is_new = version == "2026-07-28"
        self._headers = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            **server.auth,
        }
        if scope:
            self._headers["Jupyter-Session"] = scope
        self._path = f"{server.base_url}mcp"
        if self._is_new:
            self._headers["MCP-Protocol-Version"] = version
        else:
            self._open(version)

    def _open(self, version: str) -> None:
        client = {"name": "benchmark", "version": "1"}
        params = {"protocolVersion": version, "capabilities": {}, "clientInfo": client}
        headers, _ = self._send("initialize", params, {})
        self._headers["Mcp-Session-Id"] = headers["mcp-session-id"]
        self._headers["MCP-Protocol-Version"] = version
        self._post({"jsonrpc": "2.0", "method": "notifications/initialized"}, {})

    def request(self, method: str, **params: Any) -> dict[str, Any]:
        """Make a request and give its result."""
        more: dict[str, str] = {}
        if self._is_new:
            params = {**params, "_meta": META}
            more = {"Mcp-Method": method}
            if "name" in params:
                more["Mcp-Name"] = params["name"]
        _, answer = self._send(method, params, more)
        result: dict[str, Any] = answer["result"]
        return result

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool and give its result."""
        return self.request("tools/call", name=tool, arguments=arguments)

    def size(self, tool: str, **arguments: Any) -> int:
        """Call a tool and give the characters of its result."""
        return len(json.dumps(self.call(tool, **arguments)))

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _send(
        self, method: str, params: Mapping[str, Any], more: Mapping[str, str]
    ) -> tuple[Mapping[str, str], dict[str, Any]]:
        message = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params}
        headers, body = self._post(message, more)
        text = body.decode()
        if headers.get("content-type", "").startswith("text/event-stream"):
            text = [line for line in text.splitlines() if line.startswith("data: {")][-1][6:]
        return headers, json.loads(text)

    def _post(self, message: object, more: Mapping[str, str]) -> tuple[Mapping[str, str], bytes]:
        self._connection.request(
            "POST", self._path, json.dumps(message).encode(), {**self._headers, **more}
        )
        response = self._connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return headers, response.read()


class RestKernel:
    """A kernel that was started through the server's own REST API."""

    def __init__(self, server: JupyterServer) -> None:
        answer = server.request(
            "POST", b"{}", server.auth, path=f"{server.base_url}api/kernels"
        ).json()
        runtime = server.root_dir.parent / "runtime"
        self.connection_file = runtime / f"kernel-{answer['id']}.json"


class RawLink:
    """A standing link from this process to a kernel of the server, with nothing in between."""

    def __init__(self, connection_file: Path) -> None:
        self._loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self._loop)
        self._link: KernelLink = self._loop.run_until_complete(_linked(connection_file))

    def execute(self, code: str) -> None:
        """Run code to its end."""
        self._loop.run_until_complete(self._execute(code))

    async def _execute(self, code: str) -> None:
        exchange = self._link.execute(
            code, on_message=lambda *_: None, on_begin=lambda: None, on_dropped=lambda _: None
        )
        await exchange.finished()
        self._link.forget(exchange)


async def _linked(connection_file: Path) -> KernelLink:
    manager = AsyncIOLoopKernelManager(connection_file=str(connection_file))
    manager.load_connection_file()
    link = link_to("benchmark", manager, logging.getLogger(__name__), Listener())
    await link.open(30)
    return link
