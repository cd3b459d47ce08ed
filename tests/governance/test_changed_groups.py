"""Groups and rights that change while sessions are open count from the next request on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests import users
from tests.mcp_client import McpClient
from tests.servers import Answer, JupyterServer

MODEL = {"path": "open.ipynb", "type": "notebook", "name": "", "kernel": {"name": "python3"}}
LOOP = "import time\nwhile True: time.sleep(0.01)"


@pytest.fixture(scope="module")
def server(start_server: Callable[..., JupyterServer]) -> JupyterServer:
    """A server whose tokens say in which groups their users are now."""
    return start_server(
        users.GROUPS_OPTION,
        "--McpPolicy.attach=listed",
        "--McpPolicy.attach_groups=staff",
        "--McpPolicy.admin_groups=admins",
        "--McpPolicy.disabled_group_tools={'students': ['write_file']}",
        token="alice@staff",
    )


def client(server: JupyterServer, token: str) -> McpClient:
    return McpClient(server, headers={"Authorization": f"Bearer {token}"})


def presses(server: JupyterServer, token: str, button: str, of: str) -> Answer:
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    return server.request("POST", f"of={of}".encode(), headers, path=f"/mcp/ui/{button}")


def used(session: str, kernel: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Calls about the notebook that a person has open."""
    for name in (session, kernel, "open.ipynb"):
        yield "execute_code", {"code": "kept", "session_id": name}
    for tool in (
        *("get_variables", "get_kernel_status", "interrupt_kernel", "restart_kernel"),
        *("shutdown_kernel", "get_output"),
    ):
        yield tool, {"session_id": session}
    yield "create_session", {"name": "copied", "copy_of": session}
    yield "create_session", {"path": "open.ipynb"}
    yield "install_package", {"package": "six", "session_id": session}
    yield "insert_cells", {"path": "open.ipynb", "cells": ["2"]}
    yield "run_cells", {"path": "open.ipynb"}


def test_who_has_left_a_group_uses_no_more_what_people_have_open(server: JupyterServer) -> None:
    body = json.dumps(MODEL).encode()
    assert server.request("POST", body, server.auth, path="/api/sessions").status == 201
    inside, outside = client(server, "alice@staff"), client(server, "alice")
    assert inside.call("create_session", path="open.ipynb").text
    ran = inside.run("kept = 'inside'; print(kept)", session_id="open.ipynb")
    running = inside.begin(LOOP, session_id="open.ipynb")
    session, kernel = ran.execution["session_id"], ran.execution["kernel_id"]

    for tool, arguments in used(session, kernel):
        said = outside.call(tool, **arguments)
        assert said.is_error, (tool, said.text)
        assert "inside" not in said.text, tool
    assert session not in outside.call("list_sessions").text
    assert session not in str(outside.request("resources/list"))
    assert "code" in outside.error("resources/read", uri=f"jupyter://sessions/{session}")

    # What the user has started before is the user's own still: to read, and to end.
    assert "inside" in outside.call("get_output", output_id=ran.id).text
    outside.call("interrupt_kernel", execution_id=running.id)
    assert inside.call("get_output", output_id=running.id, wait=20).status == "interrupted"
    assert inside.run("print(kept)", session_id=session).text.endswith("inside")


def test_tools_that_a_new_group_has_off_are_off_at_the_next_call(server: JupyterServer) -> None:
    before, after = client(server, "bob"), client(server, "bob@students")
    assert not before.call("write_file", path="bob.txt", content="1").is_error

    refused = after.refused("write_file", path="bob.txt", content="2")

    assert "McpPolicy.disabled_group_tools" in refused
    assert "write_file" not in [tool["name"] for tool in after.request("tools/list")["tools"]]
    assert (server.root_dir / "bob.txt").read_text() == "1"


def test_who_is_no_administrator_any_more_has_no_buttons_for_all(server: JupyterServer) -> None:
    carl = client(server, "carl")
    session = carl.run("1").execution["session_id"]
    path = "/mcp/ui"
    seen = server.request("GET", None, {"Authorization": "Bearer root@admins"}, path=path)
    assert session in str(seen.body)
    assert presses(server, "root@admins", "pause", "all").status == 303
    try:
        assert "root paused" in carl.refused("list_sessions")
        for button in ("resume", "read-only", "pause"):
            assert presses(server, "root", button, "all").status == 403
        assert "root paused" in carl.refused("list_sessions")
    finally:
        assert presses(server, "root2@admins", "resume", "all").status == 303

    unseen = server.request("GET", None, {"Authorization": "Bearer root"}, path=path)
    assert session not in str(unseen.body)
    assert presses(server, "root", "shutdown", session).status == 409
    assert not carl.run("1").is_error
