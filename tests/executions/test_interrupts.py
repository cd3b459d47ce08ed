"""Interrupts on real kernels: results say who sent one and whether the code obeyed it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

from jupyter_mcp_ext.executions.execution import Execution
from tests.engine import Engine, printed, running, value
from tests.executions.passing import LIMIT, pass_time

WAITING = """
import asyncio

async def lines():
    process = await asyncio.create_subprocess_exec("sleep", "600", stdout=asyncio.subprocess.PIPE)
    try:
        async for line in process.stdout:
            yield line
    finally:
        process.kill()
        await process.wait()

async def nothing(reader, writer):
    await asyncio.sleep(600)
"""

AWAITS = (
    "await asyncio.sleep(600)",
    "await asyncio.Event().wait()",
    "await asyncio.gather(asyncio.sleep(600), asyncio.sleep(600))",
    "async for line in lines(): pass",
    "server = await asyncio.start_server(nothing, '127.0.0.1', 0)\n"
    "reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())\n"
    "await reader.read()",
)

CATCHES = """
import time
try:
    print('begun', flush=True)
    time.sleep(600)
except BaseException:
    pass
'went on'
"""

RETRIES = """
import asyncio
for again in range(2):
    try:
        print('begun', flush=True)
        await asyncio.sleep(0 if again else 600)
    except BaseException:
        pass
'went on'
"""

SHELL = "!echo begun; sleep 600\nprint('on')\n'went on'"

DEAF = """
import signal
before = signal.signal(signal.SIGINT, signal.SIG_IGN)
print('begun', flush=True)
open({gate!r}).read()
"""
"""Code that ignores interrupts until something is written to a pipe."""


async def timed_out(engine: Engine, code: str) -> Execution:
    """Code whose timeout was over after it had printed "begun"."""
    execution = await engine.start(code, timeout=LIMIT)
    await engine.until_printed(execution, "begun\n")
    pass_time()
    return await engine.services.executions.settled(execution, 60)


async def test_code_that_awaits_heeds_an_interrupt_and_keeps_its_variables(
    jp_serverapp: Any,
) -> None:
    async with running(jp_serverapp, interrupt_grace=30) as engine:
        await engine.run(WAITING + "kept = 42")

        for code in AWAITS:
            execution = await engine.start(code + " # awaits", timeout=0.2)
            await engine.services.executions.settled(execution, 60)

            assert execution.status == "timeout", code
            assert execution.reason == "", code
        assert value(await engine.run("kept")) == "42"


async def test_code_that_awaits_heeds_an_interrupt_of_a_person(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        execution = await engine.start("import asyncio; print('on'); await asyncio.sleep(600)")
        await engine.until_printed(execution, "on")
        session = await engine.session()

        await jp_serverapp.kernel_manager.interrupt_kernel(session.kernel_id)
        await engine.services.executions.settled(execution, 60)

        assert execution.status == "interrupted"
        assert execution.reason == "interrupted from outside"


async def test_code_that_swallows_its_timeout_is_said_to_have_gone_on(jp_serverapp: Any) -> None:
    async with running(jp_serverapp, interrupt_grace=30) as engine:
        for code in (CATCHES, RETRIES, SHELL):
            execution = await timed_out(engine, code)

            assert execution.status == "ok"
            assert value(execution) == "'went on'"
            [notice] = [n for n in execution.notices if n.startswith("interrupted after ")]
            assert "(its timeout)" in notice


async def test_code_that_swallows_an_interrupt_of_a_person_is_said_to_have_gone_on(
    jp_serverapp: Any,
) -> None:
    async with running(jp_serverapp) as engine:
        execution = await engine.start(CATCHES)
        await engine.until_printed(execution, "begun")
        session = await engine.session()

        await jp_serverapp.kernel_manager.interrupt_kernel(session.kernel_id)
        await engine.services.executions.settled(execution, 60)

        assert execution.status == "ok"
        [notice] = execution.notices
        assert "(from outside)" in notice


async def test_an_interrupt_request_of_another_client_is_known(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        execution = await engine.start("import time; print('on', flush=True); time.sleep(600)")
        await engine.until_printed(execution, "on")
        session = await engine.session()
        person = jp_serverapp.kernel_manager.get_kernel(session.kernel_id).client()
        person.start_channels()
        try:
            person.control_channel.send(person.session.msg("interrupt_request", {}))
            await engine.services.executions.settled(execution, 60)
        finally:
            person.stop_channels()

        assert (execution.status, execution.reason) == ("interrupted", "interrupted from outside")


async def test_a_keyboard_interrupt_that_the_code_raises_is_its_own(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        for name in ("KeyboardInterrupt", "asyncio.CancelledError"):
            execution = await engine.run(f"import asyncio\nprint('mine')\nraise {name}")

            assert execution.status == "error"
            assert execution.reason == ""
            assert execution.notices == []
            assert printed(execution) == "mine\n"


async def test_an_earlier_interrupt_is_not_what_the_code_raises(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        first = await engine.start("import time; print('on', flush=True); time.sleep(600)")
        await engine.until_printed(first, "on")
        session = await engine.session()
        await jp_serverapp.kernel_manager.interrupt_kernel(session.kernel_id)
        await asyncio.wait_for(engine.services.executions.settled(first, 60), 30)

        assert (await engine.run("raise KeyboardInterrupt")).status == "error"
        assert first.reason == "interrupted from outside"


async def test_code_that_ignored_its_interrupt_is_told_as_it_ended(
    jp_serverapp: Any, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    async with running(jp_serverapp, interrupt_grace=0.3) as engine:
        await engine.run("kept = 42")
        execution = await timed_out(engine, f"{DEAF.format(gate=str(gate))}print('over')")
        assert f'interrupt_kernel(execution_id="{execution.id}")' in execution.reason

        await asyncio.to_thread(gate.write_text, "go on")
        await engine.until(lambda: not execution.goes_on)

        assert execution.reason == "the code ignored the interrupt and went on to its end"
        assert printed(execution) == "begun\nover\n"
        assert value(await engine.run("kept")) == "42"


async def test_code_that_ignored_its_interrupt_can_be_interrupted_again(
    jp_serverapp: Any, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    hears = "signal.signal(signal.SIGINT, before)\nprint('hears', flush=True)\n"
    code = f"{DEAF.format(gate=str(gate))}{hears}import time; time.sleep(600)"
    async with running(jp_serverapp, interrupt_grace=0.6) as engine:
        await engine.run("kept = 42")
        execution = await timed_out(engine, code)
        assert "goes on" in execution.reason
        await asyncio.to_thread(gate.write_text, "go on")
        await engine.until(lambda: "hears" in printed(execution))

        await engine.services.executions.interrupt(execution)
        await engine.until(lambda: not execution.goes_on)  # the grace may be over before

        assert "goes on" not in execution.reason
        assert value(await engine.run("kept")) == "42"


async def test_code_that_ignored_its_interrupt_and_lost_its_kernel_is_told_so(
    jp_serverapp: Any, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    async with running(jp_serverapp, interrupt_grace=0.3) as engine:
        execution = await timed_out(engine, DEAF.format(gate=str(gate)))
        session = await engine.session()

        await engine.services.sessions.readiness.restart(session, by="test", now=True)
        await engine.until(lambda: not execution.goes_on)

        assert "goes on" not in execution.reason
        assert "the kernel was restarted by test" in execution.reason


async def test_code_that_is_not_on_disk_yet_is_not_sent_and_can_be_stopped(
    jp_serverapp: Any,
) -> None:
    async with running(jp_serverapp) as engine:
        await engine.session()
        execution = await engine.start("sent = True")
        execution.recorded = asyncio.get_running_loop().create_future()
        await engine.services.executions.interrupt(execution)
        after = await engine.run("'sent' in dir()")

    assert (execution.status, execution.reason) == ("interrupted", "stopped before it began")
    assert execution.sent is None
    assert value(after) == "False"


async def test_code_that_is_stopped_as_soon_as_it_is_sent_is_not_said_never_to_have_begun(
    jp_serverapp: Any,
) -> None:
    async with running(jp_serverapp) as engine:
        await engine.session()
        execution = await engine.start("began = True; import time; time.sleep(600)")
        await engine.until(lambda: execution.sent is not None)

        await engine.services.executions.interrupt(execution)

    assert execution.status == "interrupted"
    assert execution.began is not None
    assert "before" not in execution.reason


async def test_code_that_is_stopped_behind_that_of_a_person_says_when_it_began_after_all(
    jp_serverapp: Any, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    async with running(jp_serverapp) as engine:
        session = await engine.session()
        await engine.run("pass")
        person = jp_serverapp.kernel_manager.get_kernel(session.kernel_id).client()
        person.start_channels()
        try:
            person.execute(f"open({str(gate)!r}).read()")
            await engine.until(lambda: session.kernel.foreign_since is not None)
            execution = await engine.start("import time; time.sleep(600)")
            await engine.until(lambda: execution.sent is not None)
            await engine.services.executions.interrupt(execution)
            first = execution.reason
            await asyncio.to_thread(gate.write_text, "go on")
            assert value(await engine.run("1")) == "1"
        finally:
            person.stop_channels()

    assert execution.status == "interrupted"
    assert first == "stopped before the kernel began with it; as soon as it does, it is interrupted"
    assert (
        execution.reason == "stopped before the kernel began with it, and interrupted when it did"
    )
