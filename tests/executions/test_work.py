"""Executions that do other work than running code, however they end."""

from __future__ import annotations

import asyncio
from typing import Any

from jupyter_mcp_ext.errors import InstallationFailed
from jupyter_mcp_ext.executions.execution import Execution
from jupyter_mcp_ext.executions.order import Destination
from jupyter_mcp_ext.executions.work import Say, Work
from tests.engine import ALICE, Engine, printed, running


def start(engine: Engine, work: Work, *, session_id: str = "abcdefgh") -> Execution:
    return engine.services.executions.start_work(
        "some work", work, Destination(session_id=session_id, kernel_name="python3"), caller=ALICE
    )


async def settled(engine: Engine, execution: Execution) -> Execution:
    return await engine.services.executions.settled(execution, 30)


async def forever(execution: Execution, say: Say) -> None:
    say("on")
    await asyncio.get_running_loop().create_future()


async def test_work_tells_and_ends(jp_serverapp: Any) -> None:
    async def work(execution: Execution, say: Say) -> None:
        say("one")
        say("two")

    async with running(jp_serverapp) as engine:
        execution = await settled(engine, start(engine, work))

        assert (execution.status, execution.id) == ("ok", "abcdefgh-1")
        assert printed(execution) == "one\ntwo\n"
        assert engine.services.executions.directory.latest(ALICE, "abcdefgh") is execution
        assert engine.services.kernels.default_name
        assert not jp_serverapp.kernel_manager.list_kernel_ids()


async def test_work_that_cannot_be_done_says_why(jp_serverapp: Any) -> None:
    async def work(execution: Execution, say: Say) -> None:
        msg = "There is no such thing. Ask for another."
        raise InstallationFailed(msg)

    async with running(jp_serverapp) as engine:
        execution = await settled(engine, start(engine, work))

        assert execution.status == "error"
        assert isinstance(execution.failure, InstallationFailed)
        assert execution.error is not None
        assert execution.error.evalue == "There is no such thing. Ask for another."


async def test_a_bug_in_other_work_is_reported_without_its_traceback(jp_serverapp: Any) -> None:
    async def work(execution: Execution, say: Say) -> None:
        msg = "secret"
        raise RuntimeError(msg)

    async with running(jp_serverapp) as engine:
        execution = await settled(engine, start(engine, work))

        assert execution.status == "error"
        assert "secret" not in str(execution.failure)


async def test_work_is_interrupted(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        execution = start(engine, forever)
        await engine.until_printed(execution, "on")
        await engine.services.executions.interrupt(execution)

        assert execution.status == "interrupted"
        assert execution.failure is None


async def test_work_that_is_too_far_to_be_stopped_comes_to_its_end(jp_serverapp: Any) -> None:
    async def work(execution: Execution, say: Say) -> None:
        try:
            await forever(execution, say)
        except asyncio.CancelledError:
            say("done all the same")

    async with running(jp_serverapp) as engine:
        execution = start(engine, work)
        await engine.until_printed(execution, "on")
        await engine.services.executions.interrupt(execution)

        assert execution.status == "ok"
        assert printed(execution) == "on\ndone all the same\n"


async def test_the_end_of_the_server_ends_work_and_keeps_what_it_said(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        execution = start(engine, forever)
        await engine.until_printed(execution, "on")
    async with running(jp_serverapp) as engine:
        kept = engine.services.executions.directory.find(ALICE, execution.id)
        await engine.services.executions.load(kept)

        assert kept.status == "interrupted"
        assert printed(kept) == "on\n"
        assert start(engine, forever).id == "abcdefgh-2"


async def test_a_missing_module_is_not_proposed_while_an_installation_runs(
    jp_serverapp: Any,
) -> None:
    async with running(jp_serverapp) as engine:
        work = start(engine, forever)
        during = await engine.run("import is_not_here")
        await engine.services.executions.interrupt(work)
        after = await engine.run("import is_not_here")

        assert work.id in during.notices[-1]
        assert "install_package" in after.notices[-1]
