"""Functions that run in a kernel beside its code, and the subshells of a link."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp_ext.kernels.evaluation import FunctionRaised
from jupyter_mcp_ext.kernels.links.link import KernelLink
from tests.engine import Engine, printed, running

SOURCE = """
import os, threading, time
def thread():
    return threading.current_thread() is threading.main_thread()
def fails():
    raise ValueError("no")
def sleeps():
    time.sleep(600)
def waits(go):
    while not os.path.exists(go):
        time.sleep(0.01)
"""


@asynccontextmanager
async def busy(serverapp: Any) -> AsyncIterator[tuple[Engine, KernelLink]]:
    """A kernel that runs code until the block is left, and the link to it."""
    async with running(serverapp) as engine:
        session = await engine.session()
        link = await engine.services.kernels[str(session.kernel_id)].link()
        execution = await engine.start("print('begun')\nwhile True: import time; time.sleep(0.01)")
        await engine.until_printed(execution, "begun")
        yield engine, link
        await engine.services.executions.interrupt(execution)
        assert printed(execution) == "begun\n"


async def subshells(link: KernelLink) -> list[str]:
    """The ids of the kernel's subshells."""
    reply = await link.call("control", "list_subshell_request", {}, timeout=30)
    return list(reply["subshell_id"])


async def evaluate(
    engine: Engine, link: KernelLink, function: str, timeout: float = 30, **arguments: str
) -> Any:
    kernels = engine.services.kernels
    assert link.info.has_subshells
    return await kernels[link.kernel_id].connection.evaluate_beside(
        link, SOURCE, function, arguments, timeout=timeout
    )


async def test_a_function_runs_beside_the_code_and_its_subshell_ends(jp_serverapp: Any) -> None:
    async with busy(jp_serverapp) as (engine, link):
        assert await evaluate(engine, link, "thread") is False
        with pytest.raises(FunctionRaised, match="no"):
            await evaluate(engine, link, "fails")
        while await subshells(link):
            pass
        assert link.is_busy
        assert link.foreign is None


async def test_a_look_that_is_given_up_ends_its_subshell(jp_serverapp: Any, tmp_path: Path) -> None:
    go = tmp_path / "go"
    async with busy(jp_serverapp) as (engine, link):
        waiting = asyncio.ensure_future(evaluate(engine, link, "waits", go=str(go)))
        while not await subshells(link):
            pass
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        go.touch()
        while await subshells(link):
            pass


async def test_a_subshell_that_does_not_answer_delays_no_other(jp_serverapp: Any) -> None:
    async with busy(jp_serverapp) as (engine, link):
        with pytest.raises(asyncio.TimeoutError):
            await evaluate(engine, link, "sleeps", timeout=0.3)
        assert await evaluate(engine, link, "thread") is False


async def test_a_subshell_of_another_client_is_not_what_the_kernel_runs(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        session = await engine.session()
        link = await engine.services.kernels[str(session.kernel_id)].link()
        made = await link.call("control", "create_subshell_request", {}, timeout=30)
        person = jp_serverapp.kernel_manager.get_kernel(session.kernel_id).client()
        person.start_channels()
        try:
            await person.wait_for_ready(timeout=60)  # else it may not hear the beginning or the end
            content = {"code": "print('beside'); import time; time.sleep(0.3)", "silent": False}
            content |= {"store_history": False, "user_expressions": {}, "allow_stdin": False}
            message = person.session.msg("execute_request", content)
            message["header"]["subshell_id"] = made["subshell_id"]
            person.shell_channel.send(message)
            seen = []
            while True:
                heard = await person.get_iopub_msg(timeout=30)
                seen.append(link.is_busy)
                is_ours = heard["parent_header"].get("msg_id") == message["header"]["msg_id"]
                if is_ours and heard["content"].get("execution_state") == "idle":
                    break
        finally:
            person.stop_channels()

        assert set(seen) == {False}
        ended = {"subshell_id": made["subshell_id"]}
        await link.call("control", "delete_subshell_request", ended, timeout=30)
