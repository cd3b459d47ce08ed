"""How many protocol sessions of the older eras are kept, and for how long."""

from __future__ import annotations

import json
from collections.abc import Callable

from jupyter_mcp_ext.app import McpApp
from tests.mcp_client import OLD, McpClient
from tests.servers import Answer, JupyterServer


def opened(server: JupyterServer) -> Answer:
    """Open one more session."""
    client = {"name": "limits", "version": "1"}
    params = {"protocolVersion": OLD, "capabilities": {}, "clientInfo": client}
    return server.post({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params})


def test_sessions_are_bounded_and_short_by_default() -> None:
    assert McpApp.max_mcp_sessions.default_value == 1_000
    assert McpApp.mcp_session_idle_timeout.default_value == 600


def test_a_session_beyond_the_limit_takes_the_place_of_an_idle_one(
    start_server: Callable[..., JupyterServer],
) -> None:
    server = start_server("--McpApp.max_mcp_sessions=1")
    first = McpClient(server, OLD, name="limits")
    running = first.begin("import time\nwhile True: time.sleep(0.01)")
    message, headers = first.prepare(
        "tools/call", name="get_output", arguments={"output_id": running.id, "wait": 50}
    )
    accepts = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    sent = {**server.auth, **headers, **accepts}
    with server.stream("POST", sent, json.dumps(message).encode()) as response:
        refused = opened(server)
        first.call("interrupt_kernel", execution_id=running.id)
        response.read()
    later = opened(server)

    assert refused.status == 503
    assert later.status == 200
    assert first.run("1").status == "ok"
