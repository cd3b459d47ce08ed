"""The bridge's own two tools, which copy files between the client's machine and the server.

They are listed only where folders are allowed, and only with the server's tools that they use.
`download_file` is the server's own tool with arguments more: without them it is left to the server.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

UPLOAD = "upload_file"
DOWNLOAD = "download_file"
WRITE = "write_file"
RECEIVE = "receive_file"
"""The server's, which it does not list."""

_CHANGES = {
    "readOnlyHint": False,
    "destructiveHint": True,
    "idempotentHint": False,
    "openWorldHint": False,
}


def listed(result: dict[str, Any], words: str) -> dict[str, Any]:
    """The server's list of tools with these; ``words`` names the allowed folders."""
    tools = result.get("tools")
    if not isinstance(tools, list):
        return result
    names = {tool.get("name") for tool in tools if isinstance(tool, dict)}
    tools = [_downloading(t, words) if _name(t) == DOWNLOAD else t for t in tools]
    if WRITE in names and DOWNLOAD in names:
        tools.append(_uploading(words))
    return {**result, "tools": tools}


def is_own(tool: str, arguments: object) -> bool:
    """Whether a call is for the bridge."""
    if tool == DOWNLOAD:
        return isinstance(arguments, Mapping) and "local_path" in arguments
    return tool == UPLOAD


def _name(tool: object) -> object:
    return tool.get("name") if isinstance(tool, dict) else None


def _downloading(tool: dict[str, Any], words: str) -> dict[str, Any]:
    changed = copy.deepcopy(tool)
    changed["description"] = (
        f"{tool.get('description', '')} With local_path, the whole file is saved on the person's "
        f"own machine, in {words}."
    )
    schema = changed.setdefault("inputSchema", {"type": "object"})
    schema.setdefault("properties", {}).update(
        local_path={"type": "string"}, overwrite={"type": "boolean"}
    )
    changed["annotations"] = {**(tool.get("annotations") or {}), **_CHANGES}
    return changed


def _uploading(words: str) -> dict[str, Any]:
    return {
        "name": UPLOAD,
        "description": "Copy a file from the person's own machine to the Jupyter server, of any "
        f"kind. local_path is in {words}; path is on the server, by default its name. With "
        "session_id, path is from that session's folder.",
        "inputSchema": {
            "type": "object",
            "properties": {
                "local_path": {"type": "string"},
                "path": {"type": "string"},
                "session_id": {"type": "string"},
                "overwrite": {"type": "boolean"},
            },
            "required": ["local_path"],
        },
        "annotations": _CHANGES,
    }
