"""A server that inherits orphans, since it is process 1, leaves no zombie of a sandbox."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator

import psutil
import pytest

from tests.mcp_client import McpClient
from tests.servers import STARTED_KERNELS, JupyterServer, running_server

PROCESS_1 = (
    "-c",
    "import os, sys\n"
    "options = ['-pf', '--mount-proc', *(['-Ur'] if os.geteuid() else [])]\n"
    "server = [sys.executable, '-m', 'jupyter_server', *sys.argv[1:]]\n"
    "os.execvp('unshare', ['unshare', *options, '--kill-child', *server])",
)
"""A server in a PID namespace of its own."""


def killed(place: int) -> Callable[[McpClient], object]:
    """Kill what makes the sandbox, the first process in it, or what that has started."""

    def kill(client: McpClient) -> None:
        processes = process_1(client.server).children(recursive=True)
        processes[place].send_signal(signal.SIGKILL)
        psutil.wait_procs(processes, timeout=20)

    return kill


def stopped(*, force: bool) -> Callable[[McpClient], object]:
    """Shut the kernel down."""
    return lambda client: client.call("shutdown_kernel", session_id="default", force=force)


MAKES = "what makes the sandbox is killed"
ENDINGS: dict[str, Callable[[McpClient], object]] = {
    MAKES: killed(0),
    "the first process is killed": killed(1),
    "the second process is killed": killed(2),
    "the kernel exits": lambda client: client.run("import os; os._exit(3)"),
    "the kernel is restarted": lambda client: client.call("restart_kernel"),
    "the kernel is shut down": stopped(force=False),
    "the kernel is ended": stopped(force=True),
}


TRIED = [
    (mode, ending)
    for mode in ("bubblewrap", "landlock")
    for ending in ENDINGS
    # Landlock's launcher reaps what others leave to it; nothing does that in its place.
    if (mode, ending) != ("landlock", MAKES)
]


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[JupyterServer]:
    options = (f"--McpSandbox.mode={request.param}", STARTED_KERNELS)
    folder = tmp_path_factory.mktemp("init")
    with running_server(folder, *options, command=PROCESS_1) as server:
        yield server
        process_1(server).terminate()


def process_1(server: JupyterServer) -> psutil.Process:
    """The server's process, which ``unshare`` has started."""
    [process] = psutil.Process(server.process.pid).children()
    return process


@pytest.mark.parametrize(("server", "ending"), TRIED, indirect=["server"])
def test_no_zombie_is_left(server: JupyterServer, ending: str) -> None:
    client = McpClient(server)
    client.run("import subprocess; p = subprocess.Popen(['sleep', '600'], start_new_session=True)")

    ENDINGS[ending](client)

    client.call("shutdown_kernel", session_id="default", force=True)
    _, left = psutil.wait_procs(process_1(server).children(recursive=True), timeout=20)
    assert left == []
