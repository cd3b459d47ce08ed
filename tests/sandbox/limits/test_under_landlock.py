"""Limits of kernels under Landlock, which have temporary files on the disk and no namespaces."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.mcp_client import McpClient
from tests.servers import STARTED_KERNELS, JupyterServer, running_server

MB = 1 << 20
LIMITS = (
    "--McpSandbox.mode=landlock",
    f"--McpLimits.memory={400 * MB}",
    "--McpLimits.processes=60",
    f"--McpLimits.disk={24 * MB}",
    "--McpSessions.spare_kernels=0",
    STARTED_KERNELS,
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    with running_server(tmp_path_factory.mktemp("landlock"), *LIMITS) as running:
        yield running


@pytest.fixture
def client(server: JupyterServer, request: pytest.FixtureRequest) -> McpClient:
    return McpClient(server, name=request.node.name)


def test_temporary_files_count_for_the_disk(client: McpClient) -> None:
    client.run("x = 41")

    stopped = client.run(
        """
import os, tempfile
os.chdir(tempfile.gettempdir())
n = 0
while True:
    with open(f"many-{n}", "wb") as file:
        file.write(bytes(100_000))
    n += 1
"""
    )
    kept = client.run("import glob; many = glob.glob('many-*'); len(many) > 200, x + 1")
    client.run("for path in many: os.remove(path)")

    assert stopped.status == "interrupted"
    assert re.search(r"at a limit: disk [0-9.]+ [MG]B of 24 MB \(McpLimits.disk\)", stopped.text)
    assert kept.text.endswith("(True, 42)")


def test_several_processes_that_fill_the_memory_are_ended_and_no_other_kernel(
    client: McpClient,
) -> None:
    client.call("create_session", name="other")
    client.run("x = 41", session_id="other")

    ended = client.run(
        """
import os, subprocess, sys
much = "much = b'1' * 150_000_000; import sys; sys.stdin.read()"
held = {"stdin": subprocess.PIPE}
started = [subprocess.Popen([sys.executable, "-c", much], **held) for _ in range(6)]
os.wait()  # for one that was ended, if not all were
for each in started:
    each.communicate()
"""
    )

    assert "(McpLimits.memory)" in ended.text
    assert client.run("x + 1", session_id="other").text.endswith("42")
