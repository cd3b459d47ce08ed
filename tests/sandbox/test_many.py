"""Many sandboxes at once and one after another: all confine their kernels and leave no trace."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psutil

from tests import bare_kernel
from tests.kernelspecs import add_kernelspec
from tests.mcp_client import McpClient
from tests.servers import JupyterServer

from .test_endings import directories, family
from .test_sandbox import CONFINED

MANY = 50
AT_ONCE = 4
"""Of those that start or end."""
ROUNDS = 2
SLACK = 25
"""Descriptors of closed ZeroMQ sockets that its thread may still have open; a leak of one for each
kernel would be a hundred."""

CONFINED_TO = (
    "[__import__('os').path.exists({secret!r}), "
    "sum(name.isdigit() for name in __import__('os').listdir('/proc')), "
    "__import__('os').listdir({root!r} + '/mcp-sessions') == "
    "[__import__('os').getcwd().split('/')[-1]]]"
)
"""Whether a file of the root is seen, how many processes, and whether no other session is."""


def test_fifty_kernels_at_once_and_a_hundred_in_all_leave_nothing(
    start_server: Callable[..., JupyterServer],
) -> None:
    server = start_server(*CONFINED, f"--McpSessions.max_kernels_per_user={MANY + 1}")
    add_kernelspec(server, "bare", inspect.getsource(bare_kernel))
    secret = server.root_dir / "private.txt"
    secret.write_text("private")
    code = CONFINED_TO.format(secret=str(secret), root=str(server.root_dir))
    client = McpClient(server)
    client.call("create_session", name="first", kernel_name="bare")
    client.call("shutdown_kernel", session_id="first", force=True)
    before = traces(server)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for number in range(ROUNDS):
            names = [f"s{number}-{n}" for n in range(MANY)]

            def begun(name: str) -> bool:
                made = client.call("create_session", name=name, kernel_name="bare")
                return not made.is_error

            def said(name: str) -> str:
                return client.run(code, session_id=name).text.splitlines()[-1]

            def ended(name: str) -> bool:
                return not client.call("shutdown_kernel", session_id=name, force=True).is_error

            assert all(pool.map(begun, names))
            assert sum(each.name() == "bwrap" for each in family(server)) == 2 * MANY
            assert set(pool.map(said, names)) == {"[False, 2, True]"}
            assert all(pool.map(ended, names))

    processes, folders, descriptors = traces(server)
    assert (processes, folders) == before[:2]
    assert descriptors <= before[2] + SLACK


def traces(server: JupyterServer) -> tuple[int, int, int]:
    """How many processes, directories of sockets and descriptors a server has."""
    process = psutil.Process(server.process.pid)
    return len(family(server)), len(directories(server)), process.num_fds()
