"""Kernels in the sandbox reach hosts that are listed, and nothing of the proxy is left behind."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from jupyter_mcp_ext.sandbox.proxy.entrance import CONNECTIONS
from tests.mcp_client import McpClient
from tests.servers import JupyterServer, running_server

from .test_endings import family, living
from .test_sandbox import CONFINED, run

LISTED = (
    *CONFINED,
    "--McpSandbox.allow_hosts=pypi.org",
    "--McpSandbox.allow_hosts=*.example.org:8443",
)

ASK = """
import urllib.error, urllib.request
def ask(url):
    try:
        return urllib.request.urlopen(url, timeout=30).read()
    except urllib.error.HTTPError as err:
        return f'{err.code} {err.reason}: {err.read().decode().strip()}'
    except OSError as err:
        return str(err.reason)
"""
REFUSED = "403 This host is not among those that this sandbox may reach"


@pytest.fixture(scope="module")
def server(start_server: Callable[..., JupyterServer]) -> JupyterServer:
    return start_server(*LISTED)


@pytest.fixture
def client(server: JupyterServer, request: pytest.FixtureRequest) -> Iterator[McpClient]:
    client = McpClient(server, name=request.node.name)
    client.run(ASK)
    yield client
    client.call("shutdown_kernel", session_id="default", force=True)


def proxies(server: JupyterServer) -> list[psutil.Process]:
    """The processes of a server's proxy."""
    return [each for each in family(server) if any("proxy.program" in a for a in each.cmdline())]


def test_other_hosts_are_refused_with_the_reason(client: McpClient) -> None:
    said = run(client, "print(ask('https://evil.example.com/'))")
    plain = run(client, "print(ask('http://pypi.org/'))")

    assert REFUSED in said
    assert plain == (
        "403 Only https works from this sandbox: Only https works from this sandbox. "
        "Use https:// URLs."
    )
    assert "sandbox: bubblewrap, 2 hosts" in client.call("get_kernel_status").text


def test_hosts_are_reached_after_a_restart_too(client: McpClient) -> None:
    client.call("restart_kernel")
    client.run(ASK)

    assert REFUSED in run(client, "print(ask('https://evil.example.com/'))")


def test_the_network_is_still_none(client: McpClient, server: JupyterServer) -> None:
    said = run(
        client,
        f"""
import socket
reached = []
for address in (('127.0.0.1', {server.port}), ('1.1.1.1', 443), ('pypi.org', 443)):
    try:
        socket.create_connection(address, timeout=5)
        reached.append(address)
    except OSError as err:
        pass
print(reached)
""",
    )

    assert said == "[]"


def test_a_proxy_that_is_killed_is_there_again_and_the_kernel_goes_on(
    server: JupyterServer, client: McpClient
) -> None:
    run(client, "x = 1")
    [proxy] = proxies(server)
    proxy.send_signal(signal.SIGKILL)
    psutil.wait_procs([proxy], timeout=20)
    server.until_logged("can reach listed hosts again")

    assert REFUSED in run(client, "print(ask('https://evil.example.com/'))")
    assert run(client, "x") == "1"
    assert len(proxies(server)) == 1


def test_nothing_of_a_kernels_way_is_left_when_it_ends(server: JupyterServer) -> None:
    client = McpClient(server)
    asks = ASK + "print(ask('https://evil.example.com/'))"
    assert REFUSED in run(client, asks)
    # While a kernel runs: its server and the proxy close what they have of one that has ended some
    # time after that, but not so late as when the next kernel has been answered.
    before = descriptors(server)

    for _ in range(5):
        client.call("shutdown_kernel", session_id="default", force=True)
        assert REFUSED in run(client, asks)

    after = descriptors(server)
    client.call("shutdown_kernel", session_id="default", force=True)
    assert after[0] <= before[0] + 3
    assert after[1] <= before[1] + 1


def descriptors(server: JupyterServer) -> tuple[int, int]:
    """Those of a server and those of its proxy."""
    [proxy] = proxies(server)
    return psutil.Process(server.process.pid).num_fds(), proxy.num_fds()


FLOOD = """
import itertools, os, socket
reading, writing = os.pipe()
for child in range(4):
    if not os.fork():
        held = []
        for number in itertools.count():
            try:
                one = socket.create_connection(('127.0.0.1', 3128), timeout=0.2)
                one.settimeout(0.2)
                held.append(one)
                one.sendall([b'', b'CONNECT ', b'x' * 100_000, b'GET / HTTP/1.1\\r\\n'][number % 4])
            except OSError:
                pass
            if number == 30:
                os.write(writing, b'.')
            if len(held) > 1500:
                held.pop(0).close()
for child in range(4):
    os.read(reading, 1)
'flooding'
"""
"""Has children go on with it, when each has made more connections than are served at a time."""


def test_a_kernel_that_floods_the_proxy_holds_up_no_other(
    server: JupyterServer, client: McpClient
) -> None:
    other = McpClient(server, name="other")
    other.run(ASK)

    assert run(client, FLOOD) == "'flooding'"
    for _ in range(10):
        assert REFUSED in run(other, "print(ask('https://evil.example.com/'))")
    [proxy] = proxies(server)
    assert CONNECTIONS <= proxy.num_fds() < CONNECTIONS + 100
    assert proxy.memory_info().rss < 100_000_000
    assert run(client, "os.waitpid(-1, os.WNOHANG)") == "(0, 0)"  # it goes on

    client.call("shutdown_kernel", session_id="default", force=True)
    assert REFUSED in run(other, "print(ask('https://evil.example.com/'))")
    assert [each.pid for each in proxies(server)] == [proxy.pid]
    other.call("shutdown_kernel", session_id="default", force=True)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_a_server_takes_its_proxy_with_it(tmp_path: Path, end: signal.Signals) -> None:
    with running_server(tmp_path, *LISTED) as server:
        McpClient(server).run("1")
        processes = family(server)
        assert len(proxies(server)) == 1
        os.kill(server.process.pid, end)
        _, left = psutil.wait_procs(processes, timeout=20)

    assert not living(left)
