"""What a client gets at its start while there is no server. Pure.

Without it a client would give up at its start, and would have to be restarted after the server.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyter_mcp_ext.version import __version__

from . import messages
from .handshake import VERSIONS
from .messages import Message
from .words import absent

_CAPABILITIES: Mapping[str, Any] = {
    "completions": {},
    "prompts": {"listChanged": True},
    "resources": {"listChanged": True, "subscribe": True},
    "tools": {"listChanged": True},
}
_INFO = {"name": "jupyter-mcp-ext", "title": "Jupyter", "version": __version__}
_LISTS = {
    "tools/list": "tools",
    "prompts/list": "prompts",
    "resources/list": "resources",
    "resources/templates/list": "resourceTemplates",
}
CHANGED = tuple(
    messages.notification(f"notifications/{kind}/list_changed")
    for kind in ("tools", "prompts", "resources")
)
"""What is said when the server has come."""


def answer(message: Message, sentence: str) -> bytes | None:
    """The answer to a request that needs no server; None for others.

    ``sentence`` says why there is none.
    """
    if message.method in _LISTS:
        cached = {"ttlMs": 0, "cacheScope": "private"} if message.version else {}
        empty = {_LISTS[message.method]: [], **cached, **messages.complete(message)}
        return messages.result(message.id, empty)
    about = {"capabilities": _CAPABILITIES, "instructions": absent(sentence)}
    if message.method == "initialize":
        wanted = message.params.get("protocolVersion")
        version = wanted if wanted in VERSIONS else VERSIONS[-1]
        return messages.result(
            message.id, {"protocolVersion": version, "serverInfo": _INFO, **about}
        )
    if message.method == "server/discover":
        return messages.result(
            message.id,
            {
                **about,
                "supportedVersions": [message.version],
                "cacheScope": "private",
                "ttlMs": 0,
                "_meta": {f"{messages.META}serverInfo": _INFO},
                **messages.complete(message),
            },
        )
    return None
