"""A hundred kernels that are used at once, and clients by the thousand."""

from __future__ import annotations

import os
import resource
import select
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import psutil

from tests.benchmarks.clients import Client
from tests.benchmarks.measures import Row, Samples
from tests.mcp_client import NEW, OLD, McpClient
from tests.protocol.notifications import streaming
from tests.servers import JupyterServer, running_server
from tests.users import OPTION

KERNELS = 100
CALLS, ROUNDS = 200, 3
CLIENTS = {NEW: 1_000, OLD: 300}
USERS = 100
AT_ONCE = 50
"""Clients that call at the same moment."""


def load(base: Path) -> list[Row]:
    """CPU time of a call with one kernel and with many, then many clients of the same server.

    The kernels are forked, since so many that are started take the memory of a large machine.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # for the clients' connections
    folder = base / "load"
    folder.mkdir()
    try:
        with running_server(folder, OPTION) as server:
            return [*_kernels(server), *_clients(server)]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _kernels(server: JupyterServer) -> list[Row]:
    _create(server, 0)
    _calls(server, 1)
    one = _calls(server, 1)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(partial(_create, server), range(1, KERNELS)))
    _calls(server, KERNELS)
    idle, many = _calls(server, 1), _calls(server, KERNELS)
    cpu = _cpu(server)
    in_turn = Samples()
    with ThreadPoolExecutor(KERNELS) as pool:
        list(pool.map(partial(_used, server, in_turn), range(KERNELS)))
    at_once = _cpu(server) - cpu
    return [
        Row(name="CPU of `1+1` on the only kernel", figures=f"{one:.1f} ms"),
        Row(
            name=f"the same with {KERNELS} kernels, of which it uses one",
            figures=f"{idle:.1f} ms, {idle / one:.2f} times",
            goal="flat",
        ),
        Row(name="the same on each in turn", figures=f"{many:.1f} ms, {many / one:.2f} times"),
        Row(
            name=f"`1+1` on {KERNELS} kernels at once, 5 times",
            figures=f"{in_turn}, CPU {at_once / len(in_turn.milliseconds):.1f} ms",
        ),
        Row(name=f"held with {KERNELS} kernels", figures=_held(server)),
    ]


def _create(server: JupyterServer, number: int) -> None:
    Client(server, NEW).call("create_session", name=f"s{number}")


def _used(server: JupyterServer, samples: Samples, number: int) -> None:
    client = Client(server, NEW)
    for _ in range(5):
        samples.measure(partial(_run, client, number))
    client.close()


def _run(client: Client, number: int) -> None:
    result = client.call("execute_code", code="1+1", session_id=f"s{number}")
    assert result["content"][0]["text"].endswith("2"), result


def _calls(server: JupyterServer, kernels: int) -> float:
    """The CPU time of the server for a call, in milliseconds: the least of some rounds."""
    client, found = Client(server, NEW), []
    for _ in range(ROUNDS):
        before = _cpu(server)
        for number in range(CALLS):
            _run(client, number % kernels)
        found.append((_cpu(server) - before) / CALLS)
    client.close()
    return min(found)


def _cpu(server: JupyterServer) -> float:
    times = psutil.Process(server.process.pid).cpu_times()
    return float(times.user + times.system) * 1_000


def _clients(server: JupyterServer) -> list[Row]:
    """Clients that are all there, each with a stream that says nothing, and call a tool."""
    samples, poll = Samples(), select.poll()
    with ExitStack() as stack:
        clients = [
            McpClient(server, era, name=f"client{n}", headers=_user(n))
            for era, count in CLIENTS.items()
            for n in range(count)
        ]
        for client in clients:
            poll.register(stack.enter_context(_stream(client)), select.POLLIN)
        held = _held(server)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            answered = sum(pool.map(partial(_asked, samples), clients))
        is_open = len(clients) - sum(_has_ended(number) for number, _ in poll.poll(0))
    name = " and ".join(f"{count:,} of {era}" for era, count in CLIENTS.items())
    return [
        Row(name=f"idle streams, {name}", figures=f"{is_open:,} stay open; {held}", goal="all"),
        Row(
            name=f"a call of each, {AT_ONCE} at a time",
            figures=f"{answered:,} answered, {samples}",
            goal="all",
        ),
        Row(name="held just after they have gone", figures=_held(server)),
    ]


def _user(number: int) -> dict[str, str]:
    return {"Authorization": f"Bearer user{number % USERS}"}


@contextmanager
def _stream(client: McpClient) -> Iterator[int]:
    """The descriptor of a stream that is read only when something comes."""
    if client.is_new:
        request = client.prepare(
            "subscriptions/listen", notifications={"resourcesListChanged": True}
        )
        with streaming(client, "POST", request) as notifications:
            notifications.message()  # it is acknowledged
            yield notifications.fileno()
    else:
        with streaming(client, "GET") as notifications:
            yield notifications.fileno()


def _has_ended(descriptor: int) -> bool:
    """Whether what came of a stream is its end, and not one of its comments."""
    said = os.read(descriptor, 1_000_000)
    return not said or said.endswith(b"0\r\n\r\n")


def _asked(samples: Samples, client: McpClient) -> bool:
    began = time.perf_counter()
    result = client.call("list_sessions")
    samples.milliseconds.append((time.perf_counter() - began) * 1_000)
    return not result.is_error


def _held(server: JupyterServer) -> str:
    process = psutil.Process(server.process.pid)
    return (
        f"{process.memory_info().rss / 1e6:.0f} MB, {process.num_fds():,} descriptors, "
        f"{process.num_threads()} threads"
    )
