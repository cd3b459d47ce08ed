"""What Jupyter's ``/metrics`` tells of MCP, at a real server with real kernels."""

from __future__ import annotations

import re
from pathlib import Path

from tests.mcp_client import NEW, McpClient
from tests.monitoring.page import Page
from tests.servers import JupyterServer

OPERATIONS = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
FOREVER = "import time\nprint('begun', flush=True)\ntime.sleep(600)"


def test_calls_are_counted_by_tool_and_status(server: JupyterServer) -> None:
    client = McpClient(server, NEW, name="counted")
    before = Page(server)

    client.run("1")
    client.run("1 / 0")
    client.refused("get_output", output_id="none")
    client.request("resources/list")
    for number in range(3):
        client.error("tools/call", name=f"tool_{number}", arguments={})

    after = Page(server)
    for tool, status, number in (
        ("execute_code", "ok", 1),
        ("execute_code", "error", 1),
        ("get_output", "error", 1),
        ("resources/list", "ok", 1),
        ("unknown", "error", 3),
    ):
        name = "jupyter_mcp_calls_total"
        more = [page.value(name, tool=tool, status=status) for page in (before, after)]
        assert more[1] - more[0] == number, (tool, status)
    count = "jupyter_mcp_call_duration_seconds_count"
    assert after.value(count, tool="execute_code") - before.value(count, tool="execute_code") == 2


def test_no_label_has_what_a_client_chooses(server: JupyterServer) -> None:
    client = McpClient(server, NEW, name="a-client-of-this-name")
    client.call("create_session", name="a-session-of-this-name")
    client.error("tools/call", name="a-tool-of-this-name", arguments={})

    page = Page(server)

    assert "of-this-name" not in page.text
    keys = {key for name in page.names for labels in page.labels(name) for key in labels}
    assert keys - {"setting"} == {
        *("tool", "status", "state", "owner", "kernel", "event", "cause", "le"),
        *("version", "sandbox"),
    }


def test_executions_that_run_and_wait_are_shown_as_such(server: JupyterServer) -> None:
    client = McpClient(server, NEW, name="waiting")
    before = Page(server)

    first = client.begin(FOREVER)
    client.run("1", wait=0)

    during = Page(server)
    client.call("interrupt_kernel", execution_id=first.id)
    client.run("2")
    after = Page(server)
    name = "jupyter_mcp_executions"
    for status in ("running", "queued"):
        values = [page.value(name, status=status) for page in (before, during, after)]
        assert values == [0, 1, 0], status
    ended = "jupyter_mcp_executions_ended_total"
    assert after.value(ended, status="interrupted") - before.value(ended, status="interrupted") == 1
    ran = "jupyter_mcp_execution_duration_seconds_count"
    assert after.value(ran) - before.value(ran) == 3


def test_kernels_are_shown_by_state_and_by_whose_they_are(server: JupyterServer) -> None:
    client = McpClient(server, NEW, name="kernels")
    before = Page(server)

    begun = client.begin(FOREVER)
    server.request("POST", b"{}", server.auth, path=f"{server.base_url}api/kernels")

    during = Page(server)
    client.call("interrupt_kernel", execution_id=begun.id)
    client.call("shutdown_kernel", session_id="default")
    after = Page(server)
    name = "jupyter_mcp_kernels"
    busy = [page.value(name, state="busy", owner="agent") for page in (before, during, after)]
    assert busy == [0, 1, 0]
    people = [
        sum(
            page.value(name, **labels)
            for labels in page.labels(name)
            if labels["owner"] == "person"
        )
        for page in (before, during)
    ]
    assert people[1] - people[0] == 1
    links = [page.value("jupyter_mcp_links") for page in (before, during, after)]
    assert (links[1] - links[0], links[2] - links[0]) == (1, 0)
    sessions = [page.value("jupyter_mcp_sessions", kernel="none") for page in (during, after)]
    assert sessions[1] - sessions[0] == 1


def test_every_metric_is_in_the_documentation(server: JupyterServer) -> None:
    # Which has the disk measured.
    server.request("GET", headers=server.auth, path=f"{server.base_url}mcp/health")

    page = Page(server)

    documented = set(re.findall(r"^\| `(jupyter_mcp\w*)` \|", OPERATIONS, re.MULTILINE))

    assert documented == page.metrics


def test_the_version_and_the_sandbox_are_told(server: JupyterServer) -> None:
    [labels] = Page(server).labels("jupyter_mcp_info")

    assert labels["sandbox"] == "none"
