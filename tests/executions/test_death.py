"""Kernels that die, are restarted, shut down or culled: the right reason is given, once."""

from __future__ import annotations

import asyncio
import os
import re
import resource
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp_ext.errors import KernelUnavailable
from jupyter_mcp_ext.executions.execution import Execution
from jupyter_mcp_ext.kernels.deaths import MAX_DEATHS
from jupyter_mcp_ext.kernels.kernel import Kernel
from jupyter_mcp_ext.kernels.links.link import NO_INFO
from tests.engine import ALICE, Engine, running, value

DIE = "import os; os._exit(3)"

PATIENT = "\nimport time; print('on', flush=True); time.sleep(60)"
BUSY = "\nprint('on', flush=True)\nwhile True: pass"
DEAF = """
import signal, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
print('on', flush=True)
while True:
    time.sleep(60)
"""
"""Ways to run for long: the interrupt with which Jupyter begins a restart ends the first two."""

RESTARTED = "the kernel was restarted from outside"
SHUT_DOWN = "the kernel was shut down from outside"
MISSED = "while this code waited, which ran after that"


async def restart_as_lab_does(fetch: Callable[..., Any], engine: Engine) -> None:
    session = await engine.session()
    await fetch("api/kernels", session.kernel_id, "restart", method="POST", body=b"{}")


async def shut_down_as_lab_does(fetch: Callable[..., Any], engine: Engine) -> None:
    session = await engine.session()
    await fetch("api/sessions", session.record.jupyter_id, method="DELETE")


async def next_notices(engine: Engine) -> tuple[str, ...]:
    """What the next result in the default session says about it."""
    execution = await engine.run("'next'")
    assert value(execution) == "'next'"
    readers = engine.services.sessions.readers
    return readers.notices(await engine.session(), ALICE, since=execution.began)


async def introduced(engine: Engine) -> None:
    """Get the session's first result, which has its introduction."""
    await next_notices(engine)


async def begun(engine: Engine, code: str) -> Execution:
    execution = await engine.start(code)
    await engine.until_printed(execution, "on")
    return execution


async def test_a_death_tells_its_signal_and_its_peak(jp_serverapp: Any) -> None:
    piece = 64 << 20
    started_by = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    async with running(jp_serverapp) as engine:
        # More than the process that starts the kernel ever had: a lower peak is not exact.
        # It is the same memory each time, and counts every time.
        execution = await engine.run(
            "import mmap, os\n"
            f"fd = os.memfd_create('peak'); os.ftruncate(fd, {piece})\n"
            f"flags = mmap.MAP_SHARED | mmap.MAP_POPULATE\n"
            f"maps = [mmap.mmap(fd, {piece}, flags) for _ in range({started_by // piece + 5})]\n"
            "os.kill(os.getpid(), 9)"
        )

        peak = re.fullmatch(
            r"killed by signal 9 \(SIGKILL\), peak ([\d.]+) ([MG])B", execution.reason
        )
        assert peak is not None, execution.reason
        assert float(peak[1]) * {"M": 1e6, "G": 1e9}[peak[2]] > started_by


async def test_the_first_result_after_a_death_between_calls_tells_of_it(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        await introduced(engine)
        session = await engine.session()
        gone = died(engine, session.kernel_id)

        os.kill(engine.pid(session), signal.SIGKILL)
        await gone
        said = await next_notices(engine)

        assert len(said) == 1
        assert said[0].startswith("the kernel died (killed by signal 9 (SIGKILL)")
        assert said[0].endswith("its variables are lost")


async def died(engine: Engine, kernel_id: str) -> None:
    """Return when the link has noticed that its kernel died."""
    kernels = engine.services.kernels
    before = len(kernels[kernel_id].losses)
    while len(kernels[kernel_id].losses) == before:  # noqa: ASYNC110  # no event reports it
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("code", [PATIENT, BUSY, DEAF])
async def test_a_persons_restart_ends_what_runs_and_lets_run_what_waits(
    jp_serverapp: Any, jp_fetch: Any, code: str
) -> None:
    async with running(jp_serverapp) as engine:
        await introduced(engine)
        execution = await begun(engine, code)
        behind = await engine.start("'behind'")

        await restart_as_lab_does(jp_fetch, engine)
        await engine.services.executions.settled(execution, 60)
        await engine.services.executions.settled(behind, 60)

        assert (execution.status, execution.reason) == ("interrupted", RESTARTED)
        assert value(behind) == "'behind'"
        assert behind.notices == [f"{RESTARTED} {MISSED}: its variables are lost"]
        session = await engine.session()
        said = engine.services.sessions.readers.notices(session, ALICE, since=behind.began)
        assert [line.partition(" from outside")[0] for line in said] == ["the kernel was restarted"]


async def test_code_that_waited_while_its_kernel_died_says_so_itself(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        await introduced(engine)
        first = await engine.start("import os; os._exit(3)")
        behind = await engine.start("'behind'")
        later = await engine.run("'later'")

        assert first.status == "dead"
        assert value(behind) == "'behind'"
        assert [MISSED in notice for notice in behind.notices] == [True]
        assert behind.notices[0].startswith("the kernel died (exit code 3")
        assert (await engine.run("1")).notices == []
        assert value(later) == "'later'"


async def test_code_behind_a_persons_cell_at_a_restart_never_began_and_says_so(
    jp_serverapp: Any, jp_fetch: Any, tmp_path: Path
) -> None:
    begun = tmp_path / "begun"
    os.mkfifo(begun)
    async with running(jp_serverapp) as engine:
        await introduced(engine)
        session = await engine.session()
        kernels = engine.services.kernels
        person = jp_serverapp.kernel_manager.get_kernel(session.kernel_id).client()
        person.start_channels()
        try:
            # Before it has begun, an interrupt would end it.
            person.execute(DEAF.replace("print('on', flush=True)", f"open({str(begun)!r}, 'w')"))
            await asyncio.to_thread(begun.read_text)
            await engine.until(lambda: kernels[session.kernel_id].foreign_since is not None)
            execution = await engine.start(f"open({str(tmp_path / 'ran')!r}, 'w')")
            await engine.until(lambda: execution.sent is not None)
            await restart_as_lab_does(jp_fetch, engine)
            await engine.services.executions.settled(execution, 60)
        finally:
            person.stop_channels()

        assert execution.status == "interrupted"
        assert execution.reason == f"{RESTARTED} before this code began: it never ran"
        assert not (tmp_path / "ran").exists()


async def test_a_persons_code_is_known_on_a_kernel_where_no_agents_code_ran(
    jp_serverapp: Any, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    async with running(jp_serverapp) as engine:
        manager = jp_serverapp.kernel_manager
        kernel_id = await manager.start_kernel()
        kernels = engine.services.kernels
        await manager.get_kernel(kernel_id).ready
        person = manager.get_kernel(kernel_id).client()
        person.start_channels()
        try:
            # Jupyter does not know what the kernel sent before it listened.
            while manager.get_kernel(kernel_id).execution_state != "idle":
                person.kernel_info()
                await person.get_shell_msg()
            person.execute(f"open({str(gate)!r}).read()")
            await engine.until(lambda: kernels[kernel_id].foreign_since is not None)
            assert (await kernels[kernel_id].status()).foreign_since is not None
            await asyncio.to_thread(gate.write_text, "go on")
            await engine.until(lambda: kernels[kernel_id].foreign_since is None)
        finally:
            person.stop_channels()


@pytest.mark.parametrize("code", [PATIENT, BUSY])
async def test_a_persons_shutdown_ends_what_runs_and_refuses_what_waits(
    jp_serverapp: Any, jp_fetch: Any, code: str
) -> None:
    async with running(jp_serverapp) as engine:
        await introduced(engine)
        execution = await begun(engine, code)
        behind = await engine.start("'behind'")

        await shut_down_as_lab_does(jp_fetch, engine)
        await engine.services.executions.settled(execution, 60)

        assert (execution.status, execution.reason) == ("interrupted", SHUT_DOWN)
        with pytest.raises(KernelUnavailable, match=SHUT_DOWN):
            await engine.services.executions.settled(behind, 60)
        assert (await next_notices(engine))[0].startswith(SHUT_DOWN)


async def test_a_shutdown_of_a_kernel_that_must_be_killed_ends_what_runs(
    jp_serverapp: Any, jp_fetch: Any
) -> None:
    async with running(jp_serverapp) as engine:
        await introduced(engine)
        execution = await begun(engine, DEAF)

        await shut_down_as_lab_does(jp_fetch, engine)
        await engine.services.executions.settled(execution, 60)

        assert execution.status == "interrupted"
        assert "shut down from outside" in execution.reason
        assert "shut down from outside" in (await next_notices(engine))[0]


@pytest.mark.parametrize(
    ("act", "words"),
    [(restart_as_lab_does, RESTARTED), (shut_down_as_lab_does, SHUT_DOWN)],
)
async def test_what_a_person_did_between_calls_is_told_by_the_next_result_once(
    jp_serverapp: Any, jp_fetch: Any, act: Callable[..., Any], words: str
) -> None:
    async with running(jp_serverapp) as engine:
        await introduced(engine)

        await act(jp_fetch, engine)
        first = await next_notices(engine)
        second = await next_notices(engine)

        assert first == (f"{words} just now: its variables are lost",)
        assert second == ()


async def test_a_cull_between_calls_is_told_as_one(jp_serverapp: Any) -> None:
    manager = jp_serverapp.kernel_manager
    async with running(jp_serverapp, snapshot_delay=3600) as engine:
        await introduced(engine)
        kernel = manager.get_kernel((await engine.session()).kernel_id)
        # Jupyter's own socket may subscribe only after the first code has run.
        while kernel.execution_state != "idle":
            await engine.run("1")
        manager.cull_idle_timeout = 3600
        kernel.last_activity -= timedelta(hours=2)

        await manager.cull_kernel_if_idle(kernel.kernel_id)
        said = await next_notices(engine)

        assert len(said) == 1
        assert said[0].startswith("the kernel was shut down after 120 min without use")
        assert "its variables are lost" in said[0]


async def test_a_session_stops_starting_a_kernel_that_dies_again_and_again(
    jp_serverapp: Any,
) -> None:
    async with running(jp_serverapp) as engine:
        deaths = [await engine.run(DIE) for _ in range(MAX_DEATHS)]

        assert [d.status for d in deaths] == ["dead"] * MAX_DEATHS
        assert "restart_kernel" not in deaths[-2].reason
        assert "the 5th death in a row: restart_kernel" in deaths[-1].reason
        with pytest.raises(KernelUnavailable, match=r"died 5 times in a row .*exit code 3"):
            await engine.run("1")
        session = await engine.session()
        status = await engine.services.kernels[session.kernel_id].status()
        assert status.state == "dead"


async def test_jupyters_own_restarter_leaves_such_a_kernel_alone(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        session = await engine.session()
        kernel = jp_serverapp.kernel_manager.get_kernel(session.kernel_id)
        assert polls(kernel)

        for _ in range(MAX_DEATHS):
            await engine.run(DIE)

        assert not polls(kernel)
        await engine.services.sessions.readiness.restart(session, by="test", now=True)
        assert polls(kernel)


def polls(kernel: Any) -> bool:
    """Whether Jupyter's restarter polls the kernel, to start it again."""
    return kernel._restarter._pcallback is not None


async def test_a_restart_that_was_asked_for_makes_such_a_session_usable(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        for _ in range(MAX_DEATHS):
            await engine.run(DIE)

        await engine.services.sessions.readiness.restart(
            await engine.session(), by="test", now=True
        )

        assert value(await engine.run("'again'")) == "'again'"
        assert "in a row" not in (await engine.run(DIE)).reason


async def test_a_persons_restart_makes_such_a_session_usable(
    jp_serverapp: Any, jp_fetch: Any
) -> None:
    async with running(jp_serverapp) as engine:
        for _ in range(MAX_DEATHS):
            await engine.run(DIE)

        await restart_as_lab_does(jp_fetch, engine)

        assert value(await engine.run("'again'")) == "'again'"


LEAVING = """
import atexit
def leave():
    open({leaving!r}, 'w').close()
    open({gate!r}).close()
atexit.register(leave)
"""
"""A kernel's end takes until its gate is opened."""


@asynccontextmanager
async def restarted_after_deaths(
    engine: Engine, fetch: Callable[..., Any], *, is_told_at_once: bool
) -> AsyncIterator[tuple[Kernel, Callable[[], object]]]:
    """A kernel that was dead for good until a person restarted it, and what tells it to end.

    Jupyter asks the dead one to shut down, and its socket keeps that for the next process, if that
    starts within a second. In its place this socket keeps it for any time: ``is_told_at_once`` says
    whether it is asked then, or only when the test does.
    """
    for _ in range(MAX_DEATHS):
        await engine.run(DIE)
    kernel = (await engine.session()).kernel
    manager = kernel.hosted.manager
    with closing(manager.connect_control()) as control, pytest.MonkeyPatch.context() as patch:

        def tell() -> None:
            manager.session.send(control, "shutdown_request", {"restart": True})

        async def ask(restart: bool = False) -> None:
            if is_told_at_once:
                tell()

        patch.setattr(manager, "_async_request_shutdown", ask)
        await restart_as_lab_does(fetch, engine)
        patch.undo()
        yield kernel, tell


@pytest.mark.parametrize("is_met", [False, True])
async def test_a_kernel_that_gets_what_was_meant_for_the_dead_one_is_started_again(
    jp_serverapp: Any, jp_fetch: Any, monkeypatch: pytest.MonkeyPatch, is_met: bool
) -> None:
    monkeypatch.setattr("jupyter_mcp_ext.kernels.death.LINGER", 3600)
    async with (
        running(jp_serverapp) as engine,
        restarted_after_deaths(engine, jp_fetch, is_told_at_once=not is_met) as (kernel, tell),
    ):
        task = asyncio.create_task(engine.run("import time; time.sleep(1); 'again'"))
        if is_met:
            await engine.until(lambda: kernel.info is not NO_INFO)
            tell()

        assert value(await task) == "'again'"


async def test_a_kernel_that_is_slow_to_end_as_the_dead_one_was_told_gets_no_code(
    jp_serverapp: Any, jp_fetch: Any, tmp_path: Path
) -> None:
    leaving, gate = tmp_path / "leaving", tmp_path / "gate"
    os.mkfifo(leaving)
    os.mkfifo(gate)
    async with (
        running(jp_serverapp) as engine,
        restarted_after_deaths(engine, jp_fetch, is_told_at_once=False) as (kernel, tell),
    ):
        person = kernel.hosted.manager.client()
        person.start_channels()
        person.execute(LEAVING.format(leaving=str(leaving), gate=str(gate)))
        await person.get_shell_msg()
        person.stop_channels()

        task = asyncio.create_task(engine.run("'again'"))
        await engine.until(lambda: kernel.info is not NO_INFO)
        link = kernel.connection.current
        assert link is not None
        tell()
        await asyncio.to_thread(leaving.read_text)
        await engine.until(lambda: link.is_idle)
        await engine.until(lambda: not link.is_idle)  # it is asked once more
        await asyncio.to_thread(gate.write_text, "")

        assert value(await task) == "'again'"


async def test_an_execution_that_succeeds_between_deaths_breaks_the_row(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        for _ in range(MAX_DEATHS - 1):
            await engine.run(DIE)
        await engine.run("1")

        assert "in a row" not in (await engine.run(DIE)).reason
        assert value(await engine.run("'goes on'")) == "'goes on'"


async def test_where_no_process_can_be_watched_the_restarters_word_counts(
    jp_serverapp: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on macOS and Windows."""
    monkeypatch.setattr(
        "jupyter_mcp_ext.kernels.process.ProcessWatch.start", lambda pid, on_exit: None
    )
    async with running(jp_serverapp) as engine:
        execution = await engine.run(DIE)

        assert (execution.status, execution.reason) == ("dead", "exit code 3")
        assert value(await engine.run("'again'")) == "'again'"
