"""Requests of the checks to a server: plain HTTP and single messages of MCP, each bounded."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import anyio
import httpx2

from jupyter_mcp_ext.clients.asking import MAX_ANSWER, Reply, client_options, token_header
from jupyter_mcp_ext.clients.servers import Server

MODERN = "2026-07-28"
LEGACY = "2025-11-25"
CLIENT = "jupyter-mcp-doctor"
TIMEOUT = 20.0
"""Seconds within which a simple request is answered, however slowly its bytes arrive."""

_META = "io.modelcontextprotocol/"
_BOTH = "application/json, text/event-stream"


@dataclass(kw_only=True)
class Wire:
    """Reaches a server; ``path`` is that of MCP below its base URL."""

    server: Server
    path: str
    cafile: str
    client: httpx2.AsyncClient
    seconds: float = TIMEOUT
    password: str = field(default="", repr=False)
    """Used where there is no token; empty if it is not known."""

    @property
    def endpoint(self) -> str:
        """The URL of MCP."""
        return self.server.endpoint(self.path)

    @property
    def credentials(self) -> dict[str, str]:
        """The header that lets requests in."""
        if self.server.token or not self.password:
            return token_header(self.server)
        pair = b64encode(f"jupyter:{self.password}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}

    def sdk_client(self, read: float) -> httpx2.AsyncClient:
        """A client for the protocol's SDK; ``read`` bounds a silence, in seconds."""
        return httpx2.AsyncClient(
            headers=self.credentials,
            timeout=httpx2.Timeout(TIMEOUT, read=read),
            **client_options(self.server, self.cafile, httpx2.AsyncHTTPTransport),
        )

    async def ask(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        with_token: bool = True,
        seconds: float = 0.0,
    ) -> Reply:
        """Make a request and read the answer, up to `MAX_ANSWER` bytes; no redirect is followed.

        ``url`` is a path below the base URL, or a whole URL of the same host. Raises
        httpx2.HTTPError if there is no whole answer within ``seconds``, or those of the wire.
        """
        asked = self.stream(method, url, headers=headers, body=body, with_token=with_token)
        seconds = seconds or self.seconds
        try:
            with anyio.fail_after(seconds):
                async with asked as response:
                    return await _read(response)
        except TimeoutError:
            msg = f"no answer within {seconds:g} s"
            raise httpx2.ReadTimeout(msg) from None

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        with_token: bool = True,
    ) -> AsyncIterator[httpx2.Response]:
        """Make a request whose answer is read by the caller."""
        whole = url if "://" in url else self.server.url + url.lstrip("/")
        sent = {**(self.credentials if with_token else {}), **(headers or {})}
        async with self.client.stream(method, whole, headers=sent, content=body) as response:
            yield response

    async def post(
        self,
        message: Mapping[str, Any],
        headers: Mapping[str, str] | None = None,
        *,
        with_token: bool = True,
        seconds: float = 0.0,
    ) -> Reply:
        """Post a message of MCP."""
        return await self.ask(
            "POST",
            self.path,
            headers={**JSON, **(headers or {})},
            body=json.dumps(message).encode(),
            with_token=with_token,
            seconds=seconds,
        )


async def _read(response: httpx2.Response) -> Reply:
    read = b""
    async for chunk in response.aiter_bytes(65_536):
        read += chunk
        if len(read) > MAX_ANSWER:
            break
    return Reply(status=response.status_code, headers=response.headers, body=read[:MAX_ANSWER])


JSON = {"Content-Type": "application/json", "Accept": _BOTH}
"""The headers of every message."""


@asynccontextmanager
async def opened(
    server: Server,
    path: str,
    cafile: str = "",
    *,
    password: str = "",
    seconds: float = TIMEOUT,
) -> AsyncIterator[Wire]:
    """A wire, until the block is left. Raises OSError if ``cafile`` cannot be used."""
    options = client_options(server, cafile, httpx2.AsyncHTTPTransport)
    # A cookie of an answer would let in what comes without a token.
    none = CookieJar(DefaultCookiePolicy(allowed_domains=()))
    async with httpx2.AsyncClient(timeout=TIMEOUT, cookies=none, **options) as client:
        yield Wire(
            server=server,
            path=path,
            cafile=cafile,
            client=client,
            password=password,
            seconds=seconds,
        )


def modern(method: str, **params: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """A request of protocol 2026-07-28, which has no session, and its headers."""
    meta = {
        f"{_META}protocolVersion": MODERN,
        f"{_META}clientInfo": {"name": CLIENT, "version": "1"},
        f"{_META}clientCapabilities": {},
    }
    whole = {**params, "_meta": {**meta, **params.get("_meta", {})}}
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": whole}
    return message, {"Mcp-Protocol-Version": MODERN, "Mcp-Method": method}


def initialize() -> dict[str, Any]:
    """The opening request of the older protocols."""
    params = {
        "protocolVersion": LEGACY,
        "capabilities": {},
        "clientInfo": {"name": CLIENT, "version": "1"},
    }
    return {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}


def message_of(reply: Reply) -> dict[str, Any]:
    """The JSON-RPC message of an answer, also of the first event of a stream; else empty."""
    parsed = reply.json()
    if parsed is None:
        events = (line for line in reply.body.splitlines() if line.startswith(b"data: "))
        try:
            parsed = json.loads(next(events, b"").removeprefix(b"data: "))
        except (ValueError, RecursionError):
            return {}
    return parsed if isinstance(parsed, dict) else {}


def error_of(reply: Reply) -> str:
    """The words of an answer's JSON-RPC error; empty if it is none."""
    error = message_of(reply).get("error")
    return str(error.get("message", "")) if isinstance(error, dict) else ""
