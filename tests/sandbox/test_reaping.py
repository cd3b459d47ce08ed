"""A server that inherits orphans, as process 1 of a container, leaves no zombie of a sandbox."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator

import psutil
import pytest

from tests.mcp_client import McpClient
from tests.servers import JupyterServer, running_server

from .test_endings import confined
from .test_sandbox import CONFINED

INHERITS = (
    "-c",
    "import ctypes; ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER\n"
    "from jupyter_server.serverapp import main; main()",
)


def killed(place: int) -> Callable[[McpClient], object]:
    """Kill bubblewrap, its first process or the kernel."""

    def kill(client: McpClient) -> None:
        processes = confined(client.server, "bubblewrap")
        processes[place].send_signal(signal.SIGKILL)
        psutil.wait_procs(processes, timeout=20)

    return kill


def stopped(*, force: bool) -> Callable[[McpClient], object]:
    """Shut the kernel down."""
    return lambda client: client.call("shutdown_kernel", session_id="default", force=force)


ENDINGS: dict[str, Callable[[McpClient], object]] = {
    "bubblewrap is killed": killed(0),
    "the first process is killed": killed(1),
    "the kernel is killed": killed(2),
    "the kernel exits": lambda client: client.run("import os; os._exit(3)"),
    "the kernel is restarted": lambda client: client.call("restart_kernel"),
    "the kernel is shut down": stopped(force=False),
    "the kernel is ended": stopped(force=True),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    with running_server(tmp_path_factory.mktemp("init"), *CONFINED, command=INHERITS) as server:
        yield server


@pytest.mark.parametrize("ending", ENDINGS)
def test_no_zombie_is_left(server: JupyterServer, ending: str) -> None:
    client = McpClient(server)
    client.run("import subprocess; p = subprocess.Popen(['sleep', '600'], start_new_session=True)")

    ENDINGS[ending](client)

    client.call("shutdown_kernel", session_id="default", force=True)
    _, left = psutil.wait_procs(psutil.Process(server.process.pid).children(), timeout=20)
    assert left == []
