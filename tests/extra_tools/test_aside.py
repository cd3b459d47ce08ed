"""Functions of other packages in threads of their own: how long they may take, and their ends."""

from __future__ import annotations

import asyncio
import threading

import pytest

from jupyter_mcp_ext.errors import LimitReached, ToolError
from jupyter_mcp_ext.tools.extra.aside import Aside, Ended


async def test_a_function_gives_what_it_returns_whether_it_is_async_or_not() -> None:
    aside = Aside(most=1, within=60)

    async def later() -> str:
        await asyncio.sleep(0)
        return threading.current_thread().name

    assert await aside.run("one", lambda: threading.current_thread().name) == "mcp-tool-one"
    assert await aside.run("two", later) == "mcp-tool-two"


@pytest.mark.parametrize("within", [0.0, 0.01], ids=["before it begins", "soon"])
async def test_a_coroutine_that_takes_too_long_is_cancelled(within: float) -> None:
    aside = Aside(most=1, within=within)
    cancelled = threading.Event()

    async def slow() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            cancelled.set()

    with pytest.raises(ToolError, match=f"slow was stopped, since it took over {within:g} s"):
        await aside.run("slow", slow)

    assert await asyncio.to_thread(cancelled.wait, 60)


async def test_a_function_that_blocks_for_too_long_keeps_its_place_until_it_ends() -> None:
    aside = Aside(most=1, within=0.01)
    go, gone = threading.Event(), threading.Event()

    def block() -> None:
        go.wait(60)
        gone.set()

    with pytest.raises(ToolError, match="was stopped"):
        await aside.run("block", block)
    with pytest.raises(LimitReached, match="1 calls of tools of other packages"):
        await aside.run("other", lambda: 1)
    go.set()
    assert await asyncio.to_thread(gone.wait, 60)


async def test_the_time_of_a_person_does_not_count() -> None:
    aside = Aside(most=1, within=0.01)
    asked, answered = threading.Event(), threading.Event()
    paused = 0.0

    def ask() -> str:
        asked.set()
        answered.wait(60)
        return "yes"

    running = asyncio.ensure_future(aside.run("ask", ask, paused=lambda: paused))
    paused = 1_000.0  # before it begins
    assert await asyncio.to_thread(asked.wait, 60)
    answered.set()

    assert await running == "yes"


async def test_a_call_that_is_cancelled_cancels_its_coroutine() -> None:
    aside = Aside(most=1, within=60)
    begun, cancelled = threading.Event(), threading.Event()

    async def wait() -> None:
        begun.set()
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    running = asyncio.ensure_future(aside.run("wait", wait))
    assert await asyncio.to_thread(begun.wait, 60)
    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert await asyncio.to_thread(cancelled.wait, 60)


@pytest.mark.parametrize("failure", [SystemExit(2), KeyboardInterrupt()])
async def test_what_would_end_the_server_is_a_fault_of_the_tool(failure: BaseException) -> None:
    def fail() -> None:
        raise failure

    with pytest.raises(Ended):
        await Aside(most=1, within=60).run("fail", fail)
