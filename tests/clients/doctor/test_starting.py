"""What keeps MCP from being served at start-up is said in the log, which points to the doctor."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.clients.doctor.examined import looked
from tests.servers import running_server

POINTS = "See also: jupyter mcp doctor"
NOT_SERVED = "MCP is not served"


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--McpPolicy.read_only=17x", "'read_only' trait"),
        ("--McpLimits.memory=much", "'memory' trait"),
        ("--McpPage.enabled=17x", "'enabled' trait"),
        ("--McpApp.path=/api", "already answers /api. Set McpApp.path to another path."),
        ("--McpApp.extra_tools=nothing", "McpApp.extra_tools names 'nothing'"),
        ("--McpPolicy.disabled_tools=no_tool", "no_tool"),
        ("--McpAudit.path=/no/such/folder/audit", "audit"),
        ("--McpSandbox.read_only_paths=/no/such/folder --McpSandbox.mode=landlock", "/no/such"),
    ],
)
def test_what_is_wrong_at_start_is_logged_points_to_the_doctor_and_lets_jupyter_end(
    tmp_path: Path, option: str, words: str
) -> None:
    with running_server(tmp_path, *option.split(), ready=NOT_SERVED) as server:
        server.until_answered()
        found = looked(tmp_path, until="mcp")
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(30)

    [line] = [line for line in server.log if NOT_SERVED in line]
    assert words in line
    assert POINTS in line
    assert not [line for line in server.log if "Traceback" in line]
    assert found.one("mcp")["level"] == "fault"
    assert "is loaded and does not serve MCP" in found.one("mcp")["what"]
    assert "begins with `MCP is not served:`" in found.one("mcp")["do"]
