"""Files that are being passed between processes: Linux counts them for the account as a whole."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.mcp_client import McpClient
from tests.sandbox.test_attacks import USER
from tests.servers import FRESH, JupyterServer, running_server

from .test_hosts import ASK, LISTED, REFUSED
from .test_landlock import LANDLOCK
from .test_sandbox import run

MODES = {"bubblewrap": LISTED, "landlock": LANDLOCK}
SOFT = 4_096
"""Files that the server may have open until it asks for more, as Jupyter sets it."""

FLOOD = """
import errno, os, resource, socket
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
opened, pairs, said = os.open('/dev/null', os.O_RDONLY), [], ''
while not said:
    pairs.append(socket.socketpair())
    pairs[-1][0].setblocking(False)
    try:
        while True:
            socket.send_fds(pairs[-1][0], [b'x'], [opened] * 100)
    except BlockingIOError:
        pass
    except OSError as err:
        said = errno.errorcode[err.errno]
print(said)
"""
RAISE = """
import resource
soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
try:
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, most + 1))
    print('raised')
except ValueError:
    print(soft, most)
"""


@contextmanager
def soft_limit(files: int) -> Iterator[int]:
    """What is started may have so many files open until it asks for more; how many then."""
    soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(files, most), most))
    try:
        yield most
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, most))


@pytest.fixture(scope="module", params=MODES)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[JupyterServer]:
    """A server of an ordinary user: for root, Linux sets no bound."""
    folder: Path = tmp_path_factory.mktemp("home")
    (folder / "root").mkdir()
    command = FRESH
    if not os.geteuid():
        command = ("-m", "tests.sandbox.as_user", str(USER), str(folder), *FRESH)  # type: ignore[assignment]
    with soft_limit(SOFT), running_server(folder, *MODES[request.param], command=command) as server:
        yield server


def test_a_kernel_that_uses_up_what_it_may_pass_keeps_no_other_from_starting(
    server: JupyterServer,
) -> None:
    hostile = McpClient(server, name="hostile")
    flooded = run(hostile, FLOOD)

    others = [McpClient(server, name=f"other-{number}") for number in range(2)]
    said = [other.run("print('started')").text for other in others]

    assert flooded == "ETOOMANYREFS"
    assert all(text.endswith("\nstarted") for text in said), said
    if "bubblewrap" in others[0].call("get_kernel_status").text:
        assert REFUSED in run(others[0], f"{ASK}print(ask('https://evil.example.com/'))")
    others[1].call("restart_kernel")
    assert run(others[1], "print('again')") == "again"
    for client in (hostile, *others):
        client.call("shutdown_kernel", session_id="default", force=True)


def test_a_kernel_may_open_as_many_files_as_before_until_it_asks_for_more(
    server: JupyterServer,
) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    client = McpClient(server, name="files")

    soft, hard = map(int, run(client, RAISE).split())

    assert soft == min(SOFT, hard)
    assert most - 1_024 <= hard < most
    client.call("shutdown_kernel", session_id="default", force=True)
