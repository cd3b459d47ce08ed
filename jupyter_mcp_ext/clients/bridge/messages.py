"""JSON-RPC messages as they pass the bridge: read only as far as it must know them. Pure."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Id: TypeAlias = str | int | float | None
Kind: TypeAlias = Literal["request", "notification", "response"]

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
INVALID_PARAMS = -32602
UNAVAILABLE = -32000
"""Code of the errors that the bridge itself answers with: the server did not answer."""

META = "io.modelcontextprotocol/"
_VERSION = f"{META}protocolVersion"
SUBSCRIPTION_ID = f"{META}subscriptionId"

_PLAIN = re.compile(r"[\x20-\x7e]*")
_CODED = re.compile(r"=\?base64\?.*\?=")


class NotAMessage(Exception):
    """A line that is not one JSON-RPC message; ``answer`` is the line that says so."""

    def __init__(self, code: int, sentence: str, message_id: Id = None) -> None:
        super().__init__(sentence)
        self.answer = error(message_id, code, sentence)


@dataclass(frozen=True, kw_only=True)
class Message:
    """One message."""

    line: bytes
    """As it came, without the line break."""
    kind: Kind
    id: Id = None
    method: str = ""
    params: Mapping[str, Any]
    """Empty unless they are an object."""

    @property
    def key(self) -> str:
        """What tells its id from others: 1 is not "1"."""
        return json.dumps(self.id)

    @property
    def version(self) -> str:
        """The protocol version in it, of 2026-07-28 or later; empty in earlier ones."""
        version = self.meta.get(_VERSION)
        return version if isinstance(version, str) else ""

    @property
    def meta(self) -> Mapping[str, Any]:
        """Its ``_meta``."""
        return _object(self.params.get("_meta"))

    @property
    def tool(self) -> str:
        """The tool that it calls; empty if it calls none."""
        name = self.params.get("name") if self.method == "tools/call" else ""
        return name if isinstance(name, str) else ""


def parse(line: bytes) -> Message:
    """The message in a line. Raises NotAMessage."""
    try:
        found = json.loads(line.decode())
    except UnicodeDecodeError:
        raise NotAMessage(
            PARSE_ERROR, "A line is not UTF-8. Send JSON-RPC messages as UTF-8, one in a line."
        ) from None
    except (ValueError, RecursionError):
        raise NotAMessage(
            PARSE_ERROR, "A line is not JSON. Send one JSON-RPC message in each line."
        ) from None
    if not isinstance(found, dict):
        raise NotAMessage(
            INVALID_REQUEST, "A line is not an object. Send one JSON-RPC message in each line."
        )
    message_id, method = found.get("id"), found.get("method")
    if isinstance(message_id, bool) or not isinstance(message_id, str | int | float | None):
        raise NotAMessage(INVALID_REQUEST, "An id is a string or a number. Send such an id.")
    kind: Kind
    if isinstance(method, str):
        kind = "notification" if message_id is None else "request"
    elif "method" not in found and ("result" in found or "error" in found):
        kind = "response"
    else:
        raise NotAMessage(
            INVALID_REQUEST, "This is no JSON-RPC message: it has no method.", message_id
        )
    return Message(
        line=line,
        kind=kind,
        id=message_id,
        method=method if isinstance(method, str) else "",
        params=_object(found.get("params")),
    )


def routing(message: Message) -> dict[str, str]:
    """The headers that repeat parts of a message, from 2026-07-28 on."""
    if not message.version:
        return {}
    headers = {"MCP-Protocol-Version": message.version, "Mcp-Method": coded(message.method)}
    names = (message.params.get(key) for key in ("name", "taskId", "uri"))
    name = next((each for each in names if isinstance(each, str)), None)
    if name is not None:
        headers["Mcp-Name"] = coded(name)
    return headers


def coded(value: str) -> str:
    """A text as the value of a header: in base64 where it could not be read back otherwise."""
    if _PLAIN.fullmatch(value) and value == value.strip() and not _CODED.fullmatch(value):
        return value
    return f"=?base64?{base64.b64encode(value.encode('utf-8', 'replace')).decode()}?="


def line_of(message: object) -> bytes:
    """A message in one line."""
    return json.dumps(message, separators=(",", ":")).encode()


def request(message_id: Id, method: str, params: Mapping[str, Any]) -> bytes:
    """A request."""
    return line_of({"jsonrpc": "2.0", "id": message_id, "method": method, "params": params})


def notification(method: str, params: Mapping[str, Any] | None = None) -> bytes:
    """A notification."""
    given = {"params": params} if params else {}
    return line_of({"jsonrpc": "2.0", "method": method, **given})


def result(message_id: Id, value: Mapping[str, Any]) -> bytes:
    """A result."""
    return line_of({"jsonrpc": "2.0", "id": message_id, "result": value})


def error(message_id: Id, code: int, sentence: str) -> bytes:
    """An error of the protocol."""
    about = {"code": code, "message": sentence}
    return line_of({"jsonrpc": "2.0", "id": message_id, "error": about})


def failed(message: Message, sentence: str) -> bytes:
    """The answer to a request that failed; that of a tool's call is a result, for the model."""
    if message.method != "tools/call":
        return error(message.id, UNAVAILABLE, sentence)
    return result(message.id, tool_result(message, f"Error: {sentence}", is_error=True))


def tool_result(
    message: Message, words: str, *, is_error: bool = False, meta: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """What a tool answers, in the protocol version of its call."""
    return {
        "content": [{"type": "text", "text": words}],
        "isError": is_error,
        **complete(message),
        **({"_meta": meta} if meta else {}),
    }


def complete(message: Message) -> dict[str, str]:
    """What a result has in the protocol version of its request."""
    return {"resultType": "complete"} if message.version else {}


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
