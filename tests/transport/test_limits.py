"""How many protocol sessions of the older eras are kept, and for how long."""

from __future__ import annotations

import time
from collections.abc import Callable

from jupyter_mcp_ext.app import McpApp
from tests.mcp_client import OLD
from tests.servers import Answer, JupyterServer

DEADLINE = 30
"""Seconds after which a session that is to expire after one has not expired."""


def opened(server: JupyterServer) -> Answer:
    """Ask for one more session."""
    client = {"name": "limits", "version": "1"}
    params = {"protocolVersion": OLD, "capabilities": {}, "clientInfo": client}
    return server.post({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params})


def test_sessions_are_few_and_short_by_default() -> None:
    assert McpApp.max_mcp_sessions.default_value == 256
    assert McpApp.mcp_session_idle_timeout.default_value == 600


def test_a_session_beyond_the_limit_is_refused_until_an_idle_one_has_expired(
    start_server: Callable[..., JupyterServer],
) -> None:
    server = start_server("--McpApp.max_mcp_sessions=1", "--McpApp.mcp_session_idle_timeout=2")
    first = opened(server)
    assert first.status == 200

    assert opened(server).status == 503

    end = time.monotonic() + DEADLINE
    while (later := opened(server)).status == 503:
        assert time.monotonic() < end
    assert later.status == 200
    assert later.headers["mcp-session-id"] != first.headers["mcp-session-id"]
