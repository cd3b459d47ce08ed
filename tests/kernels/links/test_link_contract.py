"""The contract of `KernelLink`, which the link of every transport has to pass."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.ioloop.manager import AsyncIOLoopKernelManager
from jupyter_client.manager import KernelManager

from jupyter_mcp_ext.kernels.links.excerpts import MAX_PARSED
from jupyter_mcp_ext.kernels.links.exchange import Content, Exchange
from jupyter_mcp_ext.kernels.links.link import KernelLink, Listener, Message
from jupyter_mcp_ext.kernels.links.requests import run
from jupyter_mcp_ext.kernels.links.transports import link_to
from jupyter_mcp_ext.kernels.losses import KernelLost, Loss

SECONDS = 30.0

LOSS = Loss(kind="stopped", detail="the test is over")

BLOCKED = "print('on', flush=True); open({gate!r}).read()"
"""Code that runs until something is written to a pipe."""


def over_zmq(file: Path, listener: Listener) -> KernelLink:
    """A link on the sockets of a connection file."""
    manager = AsyncIOLoopKernelManager(connection_file=str(file))
    manager.load_connection_file()
    return link_to("kernel", manager, logging.getLogger(__name__), listener)


TRANSPORTS = {"zmq": over_zmq}


class Heard(Listener):
    """Records its calls, and wakes tests that wait for them."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.interrupts = 0
        self._more = asyncio.Event()

    def hear(self, message: Message) -> None:
        self.messages.append(message.msg_type)
        self._more.set()

    def change(self) -> None:
        self._more.set()

    def interrupted(self) -> None:
        self.interrupts += 1
        self._more.set()

    async def until(self, happened: Callable[[], bool]) -> None:
        """Return when the link has reported something."""
        while not happened():
            self._more.clear()
            await asyncio.wait_for(self._more.wait(), SECONDS)


class Running:
    """Code that was sent over a link, and its output."""

    def __init__(self, link: KernelLink, code: str, **kwargs: Any) -> None:
        self.link = link
        self.steps: list[str] = []
        self.more = asyncio.Event()
        self.exchange: Exchange = link.execute(
            code,
            on_message=self.take,
            on_begin=lambda: self.steps.append("begun"),
            on_dropped=lambda _: self.steps.append("dropped"),
            **kwargs,
        )

    def take(self, msg_type: str, content: Content) -> None:
        self.steps.append(str(content.get("text", msg_type)))
        self.more.set()

    async def end(self) -> Content:
        reply = await asyncio.wait_for(self.exchange.finished(), SECONDS)
        self.link.forget(self.exchange)
        return reply


@pytest.fixture(scope="module")
def connection_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A kernel for all tests that leave it unchanged."""
    yield from started(tmp_path_factory.mktemp("kernel"))


@pytest.fixture
def own_connection_file(tmp_path: Path) -> Iterator[Path]:
    """A kernel for one test."""
    yield from started(tmp_path)


def started(folder: Path) -> Iterator[Path]:
    file = folder / "connection.json"
    manager = KernelManager(kernel_name="python3", connection_file=str(file))
    manager.start_kernel(env={"IPYTHONDIR": str(folder)})
    try:
        yield file
    finally:
        manager.shutdown_kernel(now=True)


@pytest.fixture(params=list(TRANSPORTS.values()), ids=list(TRANSPORTS))
def transport(request: pytest.FixtureRequest) -> Callable[[Path, Listener], KernelLink]:
    found: Callable[[Path, Listener], KernelLink] = request.param
    return found


@asynccontextmanager
async def opened(transport: Any, file: Path) -> AsyncIterator[tuple[KernelLink, Heard]]:
    heard = Heard()
    link: KernelLink = transport(file, heard)
    await link.open(SECONDS)
    try:
        yield link, heard
    finally:
        link.lose(LOSS)


async def test_an_open_link_knows_the_kernel_and_has_nothing_to_do(
    transport: Any, connection_file: Path
) -> None:
    async with opened(transport, connection_file) as (link, _):
        assert (link.kernel_id, link.info.implementation) == ("kernel", "ipython")
        assert link.info.kind.runs_functions
        assert (link.is_open, link.is_idle, link.is_busy) == (True, True, False)
        assert (link.foreign, link.heard_restart) == (None, None)


async def test_code_begins_puts_out_and_is_replied_to(
    transport: Any, connection_file: Path
) -> None:
    async with opened(transport, connection_file) as (link, heard):
        one = Running(link, "print('a'); print('b')", expressions={"sum": "1 + 1"})
        assert (link.is_idle, link.is_busy) == (False, True)
        reply = await one.end()

        assert one.steps[0] == "begun"
        assert "".join(one.steps[1:]) == "a\nb\n"
        assert reply["status"] == "ok"
        assert reply["user_expressions"]["sum"]["data"]["text/plain"] == "2"
        assert one.exchange.complete
        assert {"status", "execute_input", "stream"} <= set(heard.messages)
        assert (link.is_idle, link.is_busy, link.heard) == (True, False, "idle")
        assert link.latest is not None
        assert link.latest["msg_id"] == one.exchange.msg_id


async def test_what_a_thread_prints_after_its_code_is_taken(
    transport: Any, connection_file: Path, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    source = (
        "import os, threading\n"
        f"os.mkfifo({str(gate)!r})\n"
        f"threading.Thread(target=lambda: print(open({str(gate)!r}).read())).start()"
    )
    async with opened(transport, connection_file) as (link, _):
        one = Running(link, source)
        await one.end()
        await asyncio.to_thread(gate.write_text, "late")
        await asyncio.wait_for(one.more.wait(), SECONDS)

        assert one.steps[1].startswith("late")


async def test_what_is_too_large_to_be_read_is_counted_and_the_rest_is_read(
    transport: Any, connection_file: Path
) -> None:
    async with opened(transport, connection_file) as (link, _):
        large = Running(link, f"print('x' * {MAX_PARSED + 1}); print('end')")
        await large.end()

        assert "dropped" in large.steps
        assert "".join(large.steps).rstrip().endswith("end")


async def test_input_is_asked_for_only_where_it_can_be(
    transport: Any, connection_file: Path
) -> None:
    asked: list[tuple[str, bool]] = []

    def answer(prompt: str, is_password: bool, reply: Callable[[str], None]) -> None:
        asked.append((prompt, is_password))
        reply("Ada")

    async with opened(transport, connection_file) as (link, _):
        one = Running(link, "print(input('who? '))", can_ask=True, on_input=answer)
        await one.end()
        refused = await Running(link, "input()", on_input=answer).end()

        assert asked == [("who? ", False)]
        assert "Ada" in "".join(one.steps)
        assert refused["ename"] == "StdinNotImplementedError"


async def test_control_answers_beside_code_and_the_shell_only_after_it(
    transport: Any, connection_file: Path, tmp_path: Path
) -> None:
    gate = str(tmp_path / "gate")
    async with opened(transport, connection_file) as (link, _):
        await run(link, f"import os; os.mkfifo({gate!r})", timeout=SECONDS)
        one = Running(link, BLOCKED.format(gate=gate))
        beside = await link.call("control", "kernel_info_request", {}, timeout=SECONDS)
        with pytest.raises(asyncio.TimeoutError):
            await link.call("shell", "kernel_info_request", {}, timeout=0.05)
        await asyncio.to_thread(Path(gate).write_text, "")
        await one.end()

        assert beside["implementation"] == "ipython"
        assert link.is_idle


async def test_code_of_another_client_is_foreign_and_that_of_calls_is_not(
    transport: Any, connection_file: Path, tmp_path: Path
) -> None:
    gate = str(tmp_path / "gate")
    async with (
        opened(transport, connection_file) as (link, heard),
        opened(transport, connection_file) as (other, _),
    ):
        await run(link, f"import os; os.mkfifo({gate!r})", timeout=SECONDS)
        assert not link.is_busy
        one = Running(other, BLOCKED.format(gate=gate))
        await heard.until(lambda: link.foreign is not None)

        assert link.foreign is not None
        assert link.foreign.msg_id == one.exchange.msg_id
        assert (link.is_busy, link.is_idle) == (True, True)
        await asyncio.wait_for(one.more.wait(), SECONDS)  # it has heard what ran before too
        assert other.foreign is None
        await other.call("control", "interrupt_request", {}, timeout=SECONDS)
        await heard.until(lambda: heard.interrupts > 0)
        assert (await one.end())["ename"] == "KeyboardInterrupt"
        await heard.until(lambda: link.foreign is None)
        assert not link.is_busy


async def test_code_that_ran_before_the_link_is_foreign_until_it_ends(
    transport: Any, connection_file: Path, tmp_path: Path
) -> None:
    gate = str(tmp_path / "gate")
    async with opened(transport, connection_file) as (other, _):
        await run(other, f"import os; os.mkfifo({gate!r})", timeout=SECONDS)
        one = Running(other, BLOCKED.format(gate=gate))
        await asyncio.wait_for(one.exchange.started, SECONDS)
        async with opened(transport, connection_file) as (link, heard):
            link.find_running()
            assert link.foreign is not None
            await asyncio.to_thread(Path(gate).write_text, "")
            await one.end()
            await heard.until(lambda: link.foreign is None)


async def test_a_lost_link_fails_what_waits_and_takes_nothing_more(
    transport: Any, connection_file: Path, tmp_path: Path
) -> None:
    gate = str(tmp_path / "gate")
    async with opened(transport, connection_file) as (link, _):
        await run(link, f"import os; os.mkfifo({gate!r})", timeout=SECONDS)
        one = Running(link, BLOCKED.format(gate=gate))
        await asyncio.wait_for(one.exchange.started, SECONDS)
        calling = asyncio.ensure_future(run(link, "1", timeout=SECONDS))
        await asyncio.sleep(0)  # it has been sent

        link.lose(LOSS)
        link.lose(Loss(kind="died", detail="the first loss counts"))
        await asyncio.to_thread(Path(gate).write_text, "")

        for lost in (one.exchange.finished(), calling):
            with pytest.raises(KernelLost, match=LOSS.detail):
                await lost
        with pytest.raises(KernelLost):
            Running(link, "1")
        with pytest.raises(KernelLost):
            await run(link, "1", timeout=SECONDS)
        link.wake()
        link.forget(one.exchange)
        assert (link.is_open, link.is_idle, link.heard) == (False, True, "")


async def test_a_kernel_that_does_not_answer_is_not_waited_for_longer_than_told(
    transport: Any, connection_file: Path, tmp_path: Path
) -> None:
    info = json.loads(connection_file.read_text())
    silent = tmp_path / "silent.json"
    # Nothing listens there: the kernel's heartbeat and stdin do not matter here.
    silent.write_text(json.dumps({**info, "shell_port": 1, "control_port": 1, "iopub_port": 1}))
    link: KernelLink = transport(silent, Listener())

    with pytest.raises(TimeoutError):
        await link.open(0.2)
    link.lose(LOSS)

    assert not link.is_open


async def test_a_kernel_that_ends_while_its_link_is_opened_is_lost(
    transport: Any, connection_file: Path, tmp_path: Path
) -> None:
    info = json.loads(connection_file.read_text())
    silent = tmp_path / "silent.json"
    silent.write_text(json.dumps({**info, "shell_port": 1, "control_port": 1, "iopub_port": 1}))
    link: KernelLink = transport(silent, Listener())
    opening = asyncio.ensure_future(link.open(SECONDS))
    await asyncio.sleep(0)

    link.lose(LOSS)

    with pytest.raises(KernelLost):
        await opening


@pytest.mark.parametrize("is_restart", [True, False])
async def test_a_kernel_that_is_asked_to_go_says_for_what(
    transport: Any, own_connection_file: Path, is_restart: bool
) -> None:
    async with opened(transport, own_connection_file) as (link, heard):
        asking = {"restart": is_restart}
        await link.call("control", "shutdown_request", asking, timeout=SECONDS)
        await heard.until(lambda: link.heard_restart is not None)

        assert link.heard_restart is is_restart
