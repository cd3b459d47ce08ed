"""A server that cannot write its audit file says so in a line, and does not serve MCP."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.servers import JupyterServer


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--McpAudit.path={0}"], "McpAudit.path '{0}' cannot be used: it is a folder; name a"),
        (
            ["--McpAudit.path={0}/audit", "--McpApp.key_file={0}"],
            "McpAudit.path needs a key that lasts, and the key file '{0}' cannot be used",
        ),
    ],
)
def test_mcp_is_not_served_without_the_audit_file(
    start_server: Callable[..., JupyterServer], tmp_path: Path, options: list[str], said: str
) -> None:
    given = [option.format(tmp_path) for option in options]

    server = start_server(*given, ready="MCP is not served")

    assert any(f"MCP is not served: {said.format(tmp_path)}" in line for line in server.log)


def test_a_second_server_is_told_which_process_has_the_file(
    start_server: Callable[..., JupyterServer], tmp_path: Path
) -> None:
    option = f"--McpAudit.path={tmp_path / 'audit.jsonl'}"
    first = start_server(option)

    second = start_server(option, ready="MCP is not served")

    words = f"process {first.process.pid} writes into it; give each server a McpAudit.path"
    assert any(words in line for line in second.log)
