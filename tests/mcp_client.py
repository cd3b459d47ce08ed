"""A client for both protocol eras over raw HTTP, for tests that read results."""

from __future__ import annotations

import ast
import base64
import http.client
import itertools
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from mcp.shared.inbound import encode_header_value

from tests.servers import Answer, JupyterServer

NEW = "2026-07-28"
OLD = "2025-11-25"
OLDEST = "2025-06-18"
ERAS = (NEW, OLD)

INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": OLDEST,
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}
"""Opens a protocol session."""

_OF_META = "io.modelcontextprotocol/"


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a tool answered."""

    content: list[dict[str, Any]]
    meta: dict[str, Any]
    is_error: bool
    keys: frozenset[str]
    """The keys of the result on the wire."""
    size: int
    """Bytes of the HTTP answer."""

    @property
    def text(self) -> str:
        """The text blocks, joined by line breaks."""
        return "\n".join(block["text"] for block in self.content if block["type"] == "text")

    @property
    def status(self) -> str:
        """The word in brackets at the beginning of the first line."""
        found = re.match(r"\[(\w+)\]", self.text)
        return found[1] if found else ""

    @property
    def notices(self) -> list[str]:
        """The lines that follow the first and begin with an exclamation mark."""
        _, *lines = self.text.splitlines()
        return [line[2:] for line in itertools.takewhile(lambda s: s.startswith("! "), lines)]

    @property
    def images(self) -> list[bytes]:
        """The images, decoded."""
        return [base64.b64decode(b["data"]) for b in self.content if b["type"] == "image"]

    @property
    def execution(self) -> dict[str, Any]:
        """The `_meta` of an execution."""
        execution: dict[str, Any] = self.meta["jupyter-mcp-ext/execution"]
        return execution

    @property
    def id(self) -> str:
        """The id of the execution."""
        return str(self.execution["execution_id"])


@dataclass(frozen=True, kw_only=True)
class ProposedCall:
    """A tool call that a result spells out."""

    tool: str
    first: object
    """The argument without a name; None when there is none."""
    arguments: dict[str, Any]


class McpClient:
    """A client of one server; each request has a connection of its own.

    Clients of different names have different default sessions.
    """

    def __init__(
        self,
        server: JupyterServer,
        version: str = NEW,
        *,
        name: str = "tests",
        headers: Mapping[str, str] | None = None,
        capabilities: Mapping[str, Any] | None = None,
    ) -> None:
        self.server = server
        self.name = name
        self.capabilities = dict(capabilities or {})
        self.version = version
        self.is_new = version == NEW
        self._ids = itertools.count(1)
        self._info = {"name": name, "version": "1"}
        self._headers = {"MCP-Protocol-Version": version, **(headers or {})}
        if not self.is_new:
            self._initialize()

    def _initialize(self) -> None:
        params = {
            "protocolVersion": self.version,
            "capabilities": self.capabilities,
            "clientInfo": self._info,
        }
        message = self._message("initialize", params)
        answer = self.server.post(message, self._headers)
        self._headers["Mcp-Session-Id"] = answer.headers["mcp-session-id"]
        self.server.post({"jsonrpc": "2.0", "method": "notifications/initialized"}, self._headers)

    def _message(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params}

    def prepare(self, method: str, **params: Any) -> tuple[dict[str, Any], dict[str, str]]:
        """A request and its headers, unsent."""
        headers = dict(self._headers)
        if self.is_new:
            meta = {
                f"{_OF_META}protocolVersion": self.version,
                f"{_OF_META}clientInfo": self._info,
                f"{_OF_META}clientCapabilities": self.capabilities,
            }
            params = {**params, "_meta": {**meta, **params.get("_meta", {})}}
            headers["Mcp-Method"] = method
            named = params.get("name", params.get("taskId", params.get("uri")))
            if isinstance(named, str):
                headers["Mcp-Name"] = encode_header_value(named)
        return self._message(method, params), headers

    def send(self, method: str, **params: Any) -> Answer:
        """Make a request and give the HTTP answer."""
        return self.server.post(*self.prepare(method, **params))

    def request(self, method: str, **params: Any) -> dict[str, Any]:
        """Make a request and give its result."""
        answer = self.send(method, **params).json()
        assert "result" in answer, answer
        result: dict[str, Any] = answer["result"]  # type: ignore[assignment]  # JSON
        return result

    def error(self, method: str, **params: Any) -> dict[str, Any]:
        """Make a request that must be refused, and give its JSON-RPC error."""
        answer = self.send(method, **params).json()
        assert "error" in answer, answer
        error: dict[str, Any] = answer["error"]  # type: ignore[assignment]  # JSON
        return error

    def call(self, tool: str, /, **arguments: Any) -> Result:
        """Call a tool."""
        return self.call_with(tool, arguments)

    def call_with(self, tool: str, arguments: object) -> Result:
        """Call a tool with arguments of any shape."""
        answer = self.send("tools/call", name=tool, arguments=arguments)
        message = answer.json()
        assert "result" in message, message
        result: dict[str, Any] = message["result"]  # type: ignore[assignment]  # JSON
        return Result(
            content=result["content"],
            meta=result.get("_meta", {}),
            is_error=result.get("isError", False),
            keys=frozenset(result),
            size=len(answer.body),
        )

    def run(self, code: str, **arguments: Any) -> Result:
        """Execute code and wait for its end."""
        return self.call("execute_code", code=code, **arguments)

    def begin(self, code: str, **arguments: Any) -> Result:
        """Execute code without waiting; its status once the kernel has begun it."""
        known = self.run(code, **{**arguments, "wait": 0})
        while known.status == "queued":
            known = self.call("get_output", output_id=known.id, wait=0.1)
        return known

    def until_printed(self, known: Result, line: str) -> None:
        """Return when an execution has printed a line; ``known`` is the last answer about it.

        A look at an execution shows only what the looks before it have not shown.
        """
        while line not in known.text.splitlines():
            assert known.status in ("queued", "running"), known.text
            known = self.call("get_output", output_id=known.id, wait=0.1)

    def refused(self, tool: str, /, **arguments: Any) -> str:
        """Call a tool that must refuse, and give its message."""
        result = self.call(tool, **arguments)
        assert result.is_error, result.text
        assert len(result.content) == 1
        assert result.text.startswith("Error: ")
        assert "reference" not in result.text, result.text
        assert "pydantic" not in result.text
        assert "Traceback" not in result.text
        assert len(result.text) < 5_000
        return result.text

    def make(self, proposed: ProposedCall) -> Result:
        """Make a call that a result has spelled out."""
        return self.call_with(proposed.tool, self.named(proposed))

    def named(self, proposed: ProposedCall) -> dict[str, Any]:
        """The arguments of a proposed call, all with their names."""
        if proposed.first is None:
            return proposed.arguments
        tools = self.request("tools/list")["tools"]
        [schema] = [tool["inputSchema"] for tool in tools if tool["name"] == proposed.tool]
        return {next(iter(schema["properties"])): proposed.first, **proposed.arguments}

    @contextmanager
    def opened(self, tool: str, /, **arguments: Any) -> Iterator[int]:
        """Call a tool without waiting for its answer; leaving closes the connection.

        Gives the id of the request, for `cancel`.
        """
        message, headers = self.prepare("tools/call", name=tool, arguments=arguments)
        sent = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            **self.server.auth,
            **headers,
        }
        # The answer's header is not waited for: in the newer era it may come with the answer.
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        try:
            path = f"{self.server.base_url}mcp"
            connection.request("POST", path, json.dumps(message).encode(), sent)
            yield message["id"]
        finally:
            connection.close()

    def cancel(self, request_id: int) -> None:
        """Cancel a request, as protocols before 2026-07-28 do."""
        params = {"requestId": request_id}
        self.server.post(
            {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params},
            self._headers,
        )


def proposed_calls(text: str, tool: str = "get_output") -> list[ProposedCall]:
    """The calls of a tool that a text spells out, as a model would copy them."""
    return [_parsed(found[0]) for found in re.finditer(rf"{tool}\([^()]*\)", text)]


def _parsed(words: str) -> ProposedCall:
    node = ast.parse(words.replace("=true", "=True"), mode="eval").body
    assert isinstance(node, ast.Call)
    assert isinstance(node.func, ast.Name)
    first = ast.literal_eval(node.args[0]) if node.args else None
    arguments = {str(k.arg): ast.literal_eval(k.value) for k in node.keywords}
    return ProposedCall(tool=node.func.id, first=first, arguments=arguments)
