"""What confines kernels is named: in the log, in the status and in the event of each call."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp_ext.governance.audit import SCHEMA_ID
from jupyter_mcp_ext.sandbox.confinement import MODES, Mode
from tests.mcp_client import McpClient
from tests.sandbox.test_sandbox import start_as_person
from tests.servers import STARTED_KERNELS, JupyterServer

Start = Callable[..., JupyterServer]

CONFIG = """
import logging
calls = logging.FileHandler("mcp-calls.jsonl")
calls.addFilter(lambda event: "/jupyter_mcp_ext/" in event.msg["__schema__"])
c.EventLogger.handlers = [calls]
"""


@pytest.fixture
def options(tmp_path: Path) -> tuple[str, ...]:
    config = tmp_path / "jupyter_server_config.py"
    config.write_text(CONFIG)
    return (f"--config={config}",)


def events(server: JupyterServer) -> list[dict[str, Any]]:
    written = (server.root_dir.parent / "mcp-calls.jsonl").read_text()
    every = [json.loads(line) for line in written.splitlines()]
    return [event for event in every if event["__schema__"] == SCHEMA_ID]


def named(server: JupyterServer) -> list[tuple[str, str | None]]:
    return [(event["tool"], event["sandbox"]) for event in events(server)]


@pytest.mark.parametrize("mode", MODES)
def test_the_sandbox_is_named(start_server: Start, options: tuple[str, ...], mode: Mode) -> None:
    server = start_server(
        *(f"--McpSandbox.mode={mode}", STARTED_KERNELS, "--McpSandbox.people=allow", *options)
    )
    client = McpClient(server)

    client.call("list_files")
    client.run("1", wait=0)  # its kernel has only begun to start
    client.run("1")
    status = client.call("get_kernel_status").text
    client.call("create_session", name="other")
    client.call("create_notebook", path="theirs.ipynb")
    start_as_person(server, "theirs.ipynb")
    client.call("run_cells", path="theirs.ipynb")

    assert f"sandbox: {mode}, no network" in status
    assert named(server) == [
        ("list_files", None),
        ("execute_code", mode),
        ("execute_code", mode),
        ("get_kernel_status", mode),
        ("create_session", mode),
        ("create_notebook", None),
        ("run_cells", "none"),
    ]
    [line] = [line for line in server.log if "The sandbox of agents' kernels" in line]
    assert line.rstrip().endswith(f"{mode}, no network")


def test_that_there_is_none_is_named_too(start_server: Start, options: tuple[str, ...]) -> None:
    server = start_server(*options)
    client = McpClient(server)

    client.run("1")

    assert "sandbox: none" in client.call("get_kernel_status").text
    assert named(server)[0] == ("execute_code", "none")
    assert any(line.rstrip().endswith("kernels: none") for line in server.log)
