"""An MCP server over stdio with three tools, two of which have hints for the client in `_meta`."""

from __future__ import annotations

import json
import sys
from typing import Any

NONE, LOADED, SEARCHED = "look_outside", "open_window", "close_door"
WORD = "zebra"
"""Stands in a hint, and nowhere else."""
HINTS: dict[str, dict[str, Any]] = {
    NONE: {},
    LOADED: {"anthropic/alwaysLoad": True},
    SEARCHED: {"anthropic/searchHint": WORD},
}


def answered(method: str, params: dict[str, Any]) -> dict[str, Any] | None:
    """The result of a request; None for a method that it does not know."""
    match method:
        case "initialize":
            return {
                "protocolVersion": params["protocolVersion"],
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "hinting", "version": "1"},
            }
        case "tools/list":
            schema = {"type": "object", "properties": {}}
            return {
                "tools": [
                    {"name": n, "description": "Does it.", "inputSchema": schema, "_meta": meta}
                    for n, meta in HINTS.items()
                ]
            }
    return None


def main() -> None:
    """Serve until stdin is closed."""
    for line in sys.stdin:
        message = json.loads(line)
        if "id" not in message:
            continue
        result = answered(message.get("method", ""), message.get("params") or {})
        unknown = {"error": {"code": -32601, "message": "Method not found"}}
        answer = {"jsonrpc": "2.0", "id": message["id"]}
        sys.stdout.write(json.dumps(answer | ({"result": result} if result else unknown)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
