"""Limits of several kernels together, whom limits concern, and what is left of control groups."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.kernelspecs import add_kernelspec
from tests.mcp_client import McpClient
from tests.sandbox.limits.means import HAS_GROUPS
from tests.sandbox.test_endings import living
from tests.servers import STARTED_KERNELS, JupyterServer, running_server

MB = 1 << 20
LIMITS = (
    f"--McpLimits.memory_in_all={600 * MB}",
    "--McpLimits.processes_per_user=70",
    "--McpSessions.spare_kernels=0",
    STARTED_KERNELS,
)
MANY = """
import subprocess, time
started = []
def start():
    while len(started) < {}:
        started.append(subprocess.Popen(["sleep", "600"]))
try:
    start()
except KeyboardInterrupt:  # a look was taken when there were some
    start()
"""
STAY = """
for _ in range(2):
    try:
        time.sleep(30)
    except KeyboardInterrupt:
        pass
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    with running_server(tmp_path_factory.mktemp("totals"), *LIMITS) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: JupyterServer) -> McpClient:
    return McpClient(server)


def command_of(process: psutil.Process) -> str:
    """Its command; empty if it is ending."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def groups(server: JupyterServer) -> list[Path]:
    """The control groups of a server's kernels."""
    return list(Path("/sys/fs/cgroup").rglob(f"jmcp-*-{server.process.pid}/k*/"))


def test_the_kernel_that_uses_most_is_ended_when_its_user_has_too_much(client: McpClient) -> None:
    client.call("create_session", name="small")
    client.run("x = 41", session_id="small")
    client.run(MANY.format(10), session_id="small")

    ended = client.run(MANY.format(60) + STAY)

    assert re.search(
        r"the kernel was ended: processes [0-9]+ of 70 that a user's kernels may use "
        r"\(McpLimits.processes_per_user\)",
        ended.text,
    )
    assert client.run("x + 1", session_id="small").text.splitlines()[-1] == "42"
    client.call("shutdown_kernel", session_id="small", force=True)


def test_memory_of_all_kernels_is_limited(client: McpClient) -> None:
    fat = "much = b'1' * (300 << 20)"
    client.call("create_session", name="fat")
    client.run("x = 41")
    client.run(fat, session_id="fat")

    both = client.run(fat)

    after = client.run("1", session_id="fat")
    assert "(McpLimits.memory_in_all)" in both.text + after.text
    client.call("shutdown_kernel", session_id="fat", force=True)


def test_kernels_of_people_are_not_limited(server: JupyterServer) -> None:
    made = server.request("POST", b"{}", server.auth, path=f"{server.base_url}api/kernels").json()
    own = Path("/proc/self/cgroup").read_text()

    persons = [
        process
        for process in psutil.Process(server.process.pid).children()
        if f"kernel-{made['id']}.json" in command_of(process)
    ]

    assert [Path(f"/proc/{each.pid}/cgroup").read_text() for each in persons] == [own]


def test_a_kernelspec_with_a_provisioner_of_its_own_is_refused(
    server: JupyterServer, client: McpClient
) -> None:
    add_kernelspec(server, "odd", "")
    spec = next(server.root_dir.parent.rglob("kernels/odd/kernel.json"))
    other = {"kernel_provisioner": {"provisioner_name": "local-provisioner"}}
    spec.write_text(json.dumps({**json.loads(spec.read_text()), "metadata": other}))

    said = client.refused("create_session", name="odd", kernel_name="odd")

    assert "cannot be limited: its kernelspec has a provisioner of its own" in said


def test_groups_go_with_their_kernels_and_those_of_a_killed_server_with_the_next(
    server: JupyterServer, client: McpClient, tmp_path: Path
) -> None:
    client.run("import subprocess; p = subprocess.Popen(['sleep', '600'], start_new_session=True)")
    left = psutil.Process(int(client.run("p.pid").text.splitlines()[-1]))
    assert bool(groups(server)) is HAS_GROUPS
    client.call("shutdown_kernel", session_id="default")
    assert not groups(server)
    assert not living([left])

    with running_server(tmp_path, *LIMITS) as killed:
        McpClient(killed).run("1")
        os.kill(killed.process.pid, signal.SIGKILL)
        killed.process.wait(10)
    assert bool(groups(killed)) is HAS_GROUPS
    with running_server(tmp_path, *LIMITS):
        assert not groups(killed)
