"""Clients of the TypeScript SDK, in its two versions, over the bridge."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.mcp_client import McpClient
from tests.npm import binaries
from tests.servers import environment, running_server

from .bridges import COMMAND

HERE = Path(__file__).parent


@pytest.mark.parametrize(("sdk", "protocol"), [("1", "legacy"), ("2", "legacy"), ("2", "auto")])
def test_code_images_progress_and_cancellation_pass(
    tmp_path: Path, sdk: str, protocol: str
) -> None:
    _, path = binaries(HERE, "mcpb")
    env = environment(tmp_path, {"PATH": path})
    with running_server(tmp_path) as server:
        pipe = server.root_dir / "pipe"
        os.mkfifo(pipe)
        client = subprocess.Popen(
            ["node", str(HERE / "client.mjs"), sdk, protocol, *COMMAND],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=env,
            text=True,
        )
        with client:
            assert client.stdin is not None
            assert client.stdout is not None
            assert client.stdout.readline() == "progress\n"  # of code that waits for this
            assert pipe.read_text() == ""
            said = client.stdout.readline()
            while said == "progress\n":
                said = client.stdout.readline()
            assert said == "waits\n"
            assert pipe.read_text() == ""  # the code to be cancelled has begun
            client.stdin.write("now\n")
            client.stdin.flush()
            seen = json.loads(client.stdout.readline())

        assert client.returncode == 0
        assert seen["tools"] == [
            tool["name"] for tool in McpClient(server).request("tools/list")["tools"]
        ]
        assert "execute_code" in seen["instructions"]
        assert seen["text"].endswith("hello\n42")
        assert "jupyter-mcp-ext/execution" in seen["meta"]
        assert seen["kinds"] == ["text", "image"]
        assert seen["progress"] > 0
        assert seen["after"].startswith("[interrupted]")
        assert seen["next"].endswith("\n4")
        sessions = McpClient(server).call("list_sessions").text
        assert f"typescript-{sdk}" in sessions
