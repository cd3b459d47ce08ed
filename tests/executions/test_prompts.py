"""Questions of running code, first without a kernel, then on real kernels."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from typing import Any

from jupyter_mcp_ext.executions import questions
from jupyter_mcp_ext.executions.execution import Execution
from jupyter_mcp_ext.executions.prompts import Prompt, Prompts, unanswerable
from jupyter_mcp_ext.outputs.model import Error
from tests.engine import Engine, printed, running
from tests.executions.passing import LIMIT, pass_time


def asked(prompts: Prompts, text: str, heard: list[str]) -> Prompt:
    return prompts.open(text, heard.append, timeout=60, on_timeout=lambda _: None)


async def test_a_question_is_answered_once() -> None:
    prompts, heard = Prompts(), list[str]()
    prompt = asked(prompts, "who? ", heard)

    first = prompts.answer(prompt.number, "Ada")
    second = prompts.answer(prompt.number, "Eve")

    assert (first, second) == (True, False)
    assert heard == ["Ada"]
    assert prompt.closed.done()


async def test_an_answer_to_an_earlier_question_does_not_count_for_the_next() -> None:
    prompts, heard = Prompts(), list[str]()
    first = asked(prompts, "one", heard)
    prompts.answer(first.number, "1")
    asked(prompts, "two", heard)

    assert not prompts.answer(first.number, "again")
    assert heard == ["1"]


async def test_a_new_question_ends_the_one_that_was_open() -> None:
    prompts, heard = Prompts(), list[str]()
    first = asked(prompts, "one", heard)

    second = asked(prompts, "two", heard)

    assert first.closed.done()
    assert prompts.current is second
    assert prompts.opened.done()


async def test_it_is_told_that_a_question_is_open_and_that_it_no_longer_is() -> None:
    prompts = Prompts()
    before = prompts.opened
    asked(prompts, "one", [])

    assert before.done()
    prompts.close()
    assert not prompts.opened.done()
    assert not prompts.answer(1, "late")


async def test_the_time_limit_is_not_reported_when_there_was_an_answer() -> None:
    prompts, ended = Prompts(), asyncio.Queue[Prompt]()
    prompts.open("quick", lambda _: None, timeout=0.01, on_timeout=ended.put_nowait)
    prompts.answer(1, "yes")
    late = prompts.open("late", lambda _: None, timeout=0.02, on_timeout=ended.put_nowait)

    assert await asyncio.wait_for(ended.get(), 60) is late
    assert ended.empty()


async def test_a_question_is_shown_without_control_characters_and_not_endless() -> None:
    prompts = Prompts()

    prompt = asked(prompts, "\x1b[31mred\x1b[0m\ud800 " + "x" * 100_000, [])

    assert prompt.text.startswith("red xxx")
    assert len(prompt.text) == 1_000
    assert len(prompt.quoted) < 250


async def test_an_answer_that_is_not_valid_unicode_is_made_valid() -> None:
    prompts, heard = Prompts(), list[str]()

    prompts.answer(asked(prompts, "who? ", heard).number, "A\ud800")

    assert heard == ["A?"]


def test_what_to_do_instead_depends_on_what_was_asked_for() -> None:
    def instead(ename: str, evalue: str, *traceback: str) -> str:
        return str(unanswerable(Error(ename=ename, evalue=evalue, traceback=traceback)))

    ipykernel = "StdinNotImplementedError"
    xeus = "RuntimeError", "This frontend does not support input requests"

    assert "into the code" in instead(ipykernel, "raw_input was called, but")
    assert "into a file" in instead(ipykernel, "getpass was called, but")
    assert "into the code" in instead(*xeus, "----> 1 input()")
    assert "into a file" in instead(*xeus, "----> 1 getpass.getpass()")
    assert instead("ValueError", "getpass") == "None"


async def asking(engine: Engine, code: str = "print('got', input('who? '))") -> Execution:
    """An execution that waits for an answer."""
    execution = await engine.start(code, can_ask=True)
    await engine.services.executions.settled(execution, 30, or_asking=True)
    assert execution.status == "input", execution.reason
    return execution


async def assert_free(engine: Engine) -> None:
    after = await engine.run("print('free')")
    assert printed(after) == "free\n"


async def test_code_waits_for_an_answer_and_goes_on_with_it(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        execution = await asking(engine)
        assert execution.prompts.current is not None
        assert execution.prompts.current.text == "who? "

        answered = questions.answer(execution, 1, "Ada Lovelace, née Byron")
        assert execution.status == "running"
        await engine.services.executions.settled(execution, 30)

        assert answered
        assert (execution.status, printed(execution)) == ("ok", "got Ada Lovelace, née Byron\n")


async def test_code_that_is_being_stopped_takes_no_answer(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        execution = await asking(engine)

        engine.services.executions.cancel(execution)

        assert execution.status == "running"
        assert not questions.answer(execution, 1, "late")
        await engine.services.executions.settled(execution, 30)
        assert printed(execution) == ""


async def stopped_by(
    jp_serverapp: Any, stop: Callable[[Engine, Execution], Any], **config: float
) -> Execution:
    """Return when an execution has ended whose question was open, and its kernel is free."""
    async with running(jp_serverapp, **config) as engine:
        execution = await asking(engine)
        prompt = execution.prompts.current
        assert prompt is not None

        await stop(engine, execution)
        await engine.services.executions.settled(execution, 30)

        assert execution.is_finished
        assert prompt.closed.done()
        assert not questions.answer(execution, prompt.number, "late")
        await assert_free(engine)
    return execution


async def test_an_interrupt_ends_the_question(jp_serverapp: Any) -> None:
    execution = await stopped_by(
        jp_serverapp, lambda engine, asking: engine.services.executions.interrupt(asking)
    )

    assert execution.status == "interrupted"


async def test_a_question_ends_in_time_without_an_answer(jp_serverapp: Any) -> None:
    async def let_time_pass(engine: Engine, execution: Execution) -> None:
        pass_time()

    execution = await stopped_by(jp_serverapp, let_time_pass, input_timeout=LIMIT)

    assert execution.status == "interrupted"
    assert execution.reason == 'no one answered within 60 s: "who?"'
    assert "put the value into the code" in execution.notices[-1]


async def test_a_restart_ends_the_question(jp_serverapp: Any) -> None:
    async def restart(engine: Engine, execution: Execution) -> None:
        await engine.services.kernels[execution.kernel_id].restart(by="a test", now=True)

    execution = await stopped_by(jp_serverapp, restart)

    assert execution.status == "interrupted"
    assert "restarted" in execution.reason


async def test_the_kernels_death_ends_the_question(jp_serverapp: Any) -> None:
    async def kill(engine: Engine, execution: Execution) -> None:
        os.kill(engine.pid(await engine.session()), signal.SIGKILL)

    execution = await stopped_by(jp_serverapp, kill)

    assert execution.status == "dead"


async def test_a_declined_question_interrupts_the_code(jp_serverapp: Any) -> None:
    async def decline(engine: Engine, execution: Execution) -> None:
        assert questions.decline(execution, 1, "the person declined to answer")

    execution = await stopped_by(jp_serverapp, decline)

    assert execution.status == "interrupted"
    assert execution.error is not None
    assert execution.error.ename == "KeyboardInterrupt"
    assert execution.reason == 'the person declined to answer "who?"'


async def test_a_password_is_not_asked_for_and_the_kernel_is_free(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        execution = await engine.run("import getpass; getpass.getpass('pw: ')", can_ask=True)

        assert execution.status == "interrupted"
        assert execution.prompts.current is None
        assert "passwords are never asked for" in execution.notices[0]
        await assert_free(engine)


async def test_code_that_cannot_ask_a_person_is_told_what_to_do(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        execution = await engine.run("input('who? ')")

        assert execution.status == "error"
        assert "put the value into the code" in execution.notices[0]
        await assert_free(engine)


async def test_the_timeout_stands_still_while_a_person_is_asked(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        await engine.run("1")
        execution = await engine.start("input('who? ')", timeout=LIMIT, can_ask=True)
        await asyncio.wait({execution.prompts.opened})

        pass_time(2 * LIMIT)
        await asyncio.wait({execution.done}, timeout=0.1)
        prompt = execution.prompts.current
        assert prompt is not None
        assert questions.answer(execution, prompt.number, "Ada")
        await engine.services.executions.settled(execution, 30)

        assert execution.status == "ok"


async def test_the_timeout_goes_on_after_the_answer(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        await engine.run("import time")
        code = "input('who? '); time.sleep(600)"
        execution = await engine.start(code, timeout=LIMIT, can_ask=True)
        await asyncio.wait({execution.prompts.opened})
        prompt = execution.prompts.current
        assert prompt is not None
        questions.answer(execution, prompt.number, "Ada")
        pass_time()
        await engine.services.executions.settled(execution, 30)

        assert execution.status == "timeout"


async def test_a_debugger_is_left_and_no_person_is_asked(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        code = "def f():\n    import pdb; pdb.set_trace()\n    return 1\nf()"
        execution = await engine.run(code, can_ask=True)

        assert execution.status == "error"
        assert execution.prompts.current is None
        assert [n for n in execution.notices if "a debugger cannot be used here" in n]
        assert len(execution.notices) == 1
