"""Nothing of a sandbox is left: no process, directory or descriptor, whatever ends first."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
import pytest

from tests.mcp_client import McpClient
from tests.servers import STARTED_KERNELS, JupyterServer, running_server

STARTS = 10


def family(server: JupyterServer) -> list[psutil.Process]:
    """The processes that a server has started, but for those that only wait to be reaped."""
    return living(psutil.Process(server.process.pid).children(recursive=True))


def living(processes: Sequence[psutil.Process]) -> list[psutil.Process]:
    """Those that have not ended."""

    def lives(process: psutil.Process) -> bool:
        try:
            return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    return [process for process in processes if lives(process)]


def confined(server: JupyterServer, mode: str) -> list[psutil.Process]:
    """The processes that make the sandboxes and those in them, from the outermost."""
    part = {"bubblewrap": "bwrap", "landlock": "launcher.py"}[mode]
    own = psutil.Process(server.process.pid).children()
    outer = [each for each in own if any(part in word for word in each.cmdline())]
    return [*outer, *(child for one in outer for child in one.children(recursive=True))]


def directories(server: JupyterServer) -> set[Path]:
    """The directories of a server's sockets."""
    return set(Path("/tmp").glob(f"jmcp-{server.process.pid}-*"))  # noqa: S108  # where they are


@pytest.fixture(scope="module", params=["bubblewrap", "landlock"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def server(start_server: Callable[..., JupyterServer], mode: str) -> JupyterServer:
    return start_server(f"--McpSandbox.mode={mode}", STARTED_KERNELS)


def test_kernels_that_were_started_and_stopped_leave_nothing(server: JupyterServer) -> None:
    client, process = McpClient(server), psutil.Process(server.process.pid)
    client.run("1")
    assert len(directories(server)) == 1
    # While a kernel runs: ZeroMQ closes the sockets of one that has ended in a thread, some time
    # after that, but not so late as when the next kernel has started.
    opened = [process.num_fds()]
    client.call("shutdown_kernel", session_id="default")
    before = directories(server), len(family(server))

    for number in range(STARTS):
        client.run("import subprocess; subprocess.Popen(['sleep', '600'], start_new_session=True)")
        opened.append(process.num_fds())
        client.call("shutdown_kernel", session_id="default", force=number % 2 == 0)

    assert (directories(server), len(family(server))) == before
    assert opened[-1] <= opened[0] + 3


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_sandbox_ends_as_a_whole(server: JupyterServer, mode: str, place: int) -> None:
    """Whichever is killed: the one that makes it, its helper or first process, or the kernel."""
    client = McpClient(server)
    client.run("import subprocess; p = subprocess.Popen(['sleep', '600'], start_new_session=True)")
    processes = confined(server, mode)
    assert any("ipykernel" in part for part in processes[2].cmdline())
    assert "sleep" in [each.name() for each in processes]

    processes[place].send_signal(signal.SIGKILL)
    _, left = psutil.wait_procs(processes, timeout=20)

    assert not living(left)
    assert client.run("6 * 7").text.endswith("42")


def test_a_server_that_is_killed_takes_its_sandboxes_with_it(tmp_path: Path, mode: str) -> None:
    options = (f"--McpSandbox.mode={mode}", STARTED_KERNELS)
    with running_server(tmp_path, *options) as server:
        McpClient(server).run(
            "import subprocess; p = subprocess.Popen(['sleep', '600'], start_new_session=True)"
        )
        processes = confined(server, mode)
        assert "sleep" in [each.name() for each in processes]
        assert len(directories(server)) == 1
        os.kill(server.process.pid, signal.SIGKILL)
        _, left = psutil.wait_procs(processes, timeout=20)

    assert not living(left)
    with running_server(tmp_path, *options):
        assert not directories(server)  # the next server has removed those of the killed one
