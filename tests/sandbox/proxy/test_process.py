"""The process of the proxy serves sandboxes from outside of them, and is there again if it dies."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from jupyter_mcp_ext.sandbox import bubblewrap
from jupyter_mcp_ext.sandbox.proxy.patterns import patterns
from jupyter_mcp_ext.sandbox.proxy.process import Connections, NoWayOut, Proxy
from tests.sandbox.internet import inside

CLIENT = """
import socket, sys
for line in sys.stdin:
    with socket.create_connection(("127.0.0.1", 3128)) as one:
        one.sendall(f"CONNECT {line.strip()}:443 HTTP/1.1\\r\\n\\r\\n".encode())
        print(one.makefile().readline().strip(), flush=True)
"""
REFUSED = "HTTP/1.1 403 This host is not among those that this sandbox may reach"


class Heard:
    """What the proxy has reported."""

    def __init__(self) -> None:
        self.all: list[Connections] = []
        self.is_there = asyncio.Event()

    def __call__(self, new: Connections) -> None:
        self.all.append(new)
        self.is_there.set()


class Said(logging.Handler):
    """What is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._more = asyncio.Event()
        self.log = logging.Logger("proxy")
        self.log.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        self.lines.append(record.getMessage())
        self._more.set()

    async def until(self, line: str) -> None:
        """Return when a line was logged."""
        while line not in self.lines:
            await self._more.wait()
            self._more.clear()


@asynccontextmanager
async def sandboxed() -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    """A program in a sandbox that asks the proxy, and the first process in there."""
    program = bubblewrap.program()
    assert program is not None
    reading, writing = os.pipe()
    process = await asyncio.create_subprocess_exec(
        *(program, "--unshare-user", "--disable-userns", "--unshare-net", "--unshare-pid"),
        *("--die-with-parent", "--cap-drop", "ALL", "--ro-bind", "/", "/", "--proc", "/proc"),
        *("--json-status-fd", str(writing), "--", sys.executable, "-I", "-c", CLIENT),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        pass_fds=[writing],
    )
    os.close(writing)
    with os.fdopen(reading) as status:
        try:
            yield process, json.loads(status.readline())["child-pid"]
        finally:
            process.kill()
            await process.communicate()  # to the end of its pipes


@asynccontextmanager
async def running(
    told: Callable[[Connections], object], log: logging.Logger | None = None
) -> AsyncIterator[Proxy]:
    """A proxy, until the block is left."""
    proxy = Proxy(patterns(["pypi.org"]), log or logging.getLogger(), told)
    try:
        yield proxy
    finally:
        await proxy.close()


async def asked(process: asyncio.subprocess.Process, host: str) -> str:
    """What the proxy answers to a program in the sandbox."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{host}\n".encode())
    return (await process.stdout.readline()).decode().strip()


def own(name: str = "python") -> list[psutil.Process]:
    """The processes of proxies that this process has started, and that run."""
    return [child for child in psutil.Process().children(recursive=True) if is_proxy(child, name)]


def is_proxy(child: psutil.Process, name: str) -> bool:
    try:
        return child.name().startswith(name) and "proxy.program" in " ".join(child.cmdline())
    except psutil.NoSuchProcess:  # it has ended, by itself or unwaited for by its parent
        return False


async def test_programs_in_sandboxes_find_the_proxy_and_are_told_apart() -> None:
    heard = Heard()
    async with sandboxed() as (one, first), sandboxed() as (other, second), running(heard) as proxy:
        ways = [await proxy.enter("one", first), await proxy.enter("other", second)]
        assert await asked(one, "evil.example.org") == REFUSED
        assert await asked(other, "evil.example.org") == REFUSED
        assert await asked(other, "127.0.0.1") == REFUSED
        assert len(own()) == 1
        proxy.leave(ways[1])
        await heard.is_there.wait()
        assert heard.all == [
            Connections(kernel_id="other", host=None, outcome="not listed", count=2)
        ]

    assert not own()


async def test_a_proxy_that_is_killed_is_there_again() -> None:
    said = Said()
    async with sandboxed() as (one, pid), running(Heard(), said.log) as proxy:
        await proxy.enter("one", pid)
        assert await asked(one, "evil.example.org") == REFUSED

        [process] = own()
        os.kill(process.pid, signal.SIGKILL)
        await said.until("Kernel one can reach listed hosts again.")
        assert await asked(one, "evil.example.org") == REFUSED
        assert "The proxy of sandboxes ended (exit code -9). It is started again." in said.lines

    assert not own()


async def test_no_message_is_lost_when_very_many_are_sent_at_once() -> None:
    heard = Heard()
    async with sandboxed() as (one, pid), running(heard) as proxy:
        way = await proxy.enter("one", pid)
        assert await asked(one, "evil.example.org") == REFUSED
        [process] = own()
        process.suspend()

        async def leave_and_go_on() -> None:
            proxy.leave(way)
            process.resume()

        same = (proxy.enter("same", pid) for _ in range(400))
        *ways, _ = await asyncio.gather(*same, leave_and_go_on(), return_exceptions=True)
        await heard.is_there.wait()

    # Only one can listen, and that only when the first has left.
    failures = [str(each) for each in ways if isinstance(each, NoWayOut)]
    assert len(failures) >= 399
    assert all("Address already in use" in each for each in failures)
    assert heard.all == [Connections(kernel_id="one", host=None, outcome="not listed", count=1)]
    assert not own()


async def test_a_fault_of_who_is_told_leaves_all_as_it_is() -> None:
    said = Said()

    def fail(_: Connections) -> None:
        msg = "the log of events is gone"
        raise RuntimeError(msg)

    async with (
        sandboxed() as (one, first),
        sandboxed() as (other, second),
        running(fail, said.log) as proxy,
    ):
        way = await proxy.enter("one", first)
        await proxy.enter("other", second)
        [process] = own()
        assert await asked(one, "evil.example.org") == REFUSED
        proxy.leave(way)
        await said.until("A report on connections failed.")

        assert await asked(other, "evil.example.org") == REFUSED
        assert [each.pid for each in own()] == [process.pid]

    assert not own()


async def test_a_proxy_without_a_free_descriptor_says_so_and_goes_on() -> None:
    async with (
        sandboxed() as (one, first),
        sandboxed() as (other, second),
        running(Heard()) as proxy,
    ):
        await proxy.enter("one", first)
        [process] = own()
        _, most = process.rlimit(psutil.RLIMIT_NOFILE)
        process.rlimit(psutil.RLIMIT_NOFILE, (3, most))
        asking = asyncio.create_task(asked(one, "evil.example.org"))
        with pytest.raises(NoWayOut, match="too many files open"):
            await proxy.enter("other", second)
        process.rlimit(psutil.RLIMIT_NOFILE, (most, most))

        assert await asking == REFUSED
        await proxy.enter("other", second)
        assert await asked(other, "evil.example.org") == REFUSED
        assert [each.pid for each in own()] == [process.pid]


async def test_the_network_of_the_server_itself_is_not_entered() -> None:
    proxy = Proxy(patterns(["pypi.org"]), logging.getLogger(), Heard())

    with pytest.raises(NoWayOut, match="the process has the network of this server"):
        await proxy.enter("one", os.getpid())
    with pytest.raises(NoWayOut, match="No such file"):
        await proxy.enter("one", 2**22 + 1)

    assert not own()


async def test_a_network_in_which_it_cannot_listen_is_an_error_that_says_so() -> None:
    async with sandboxed() as (_, pid), running(Heard()) as proxy:
        await proxy.enter("one", pid)

        with pytest.raises(NoWayOut, match="Address already in use") as refused:
            await proxy.enter("same", pid)

    assert "setns" not in str(refused.value)


def test_names_are_looked_up_as_they_are_listed_and_in_no_search_domain(tmp_path: Path) -> None:
    printed = inside("tests.sandbox.proxy.names_asked", tmp_path)

    assert dict(map(json.loads, printed.splitlines())) == {
        "told": "HTTP/1.1 502 The server could not connect to this host: its name was not found",
        "names": ["data.example.org"],
    }
