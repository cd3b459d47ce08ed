"""Executions on real kernels: each ends in the right state, and the next one works."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp_ext.errors import KernelUnavailable, UnknownExecution
from jupyter_mcp_ext.executions.turns import ahead_of
from jupyter_mcp_ext.outputs.model import Error
from tests.engine import ALICE, BOB, printed, running, value
from tests.executions.passing import LIMIT, pass_time

STUBBORN = """
import time
while True:
    try:
        print('deaf', flush=True)
        time.sleep(60)
    except KeyboardInterrupt:
        pass
"""


async def test_the_value_of_the_last_expression_comes_back(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        execution = await engine.run("print('hello'); 6 * 7")

        assert execution.status == "ok"
        assert printed(execution) == "hello\n"
        assert value(execution) == "42"
        assert execution.execution_count == 1


async def test_variables_stay_for_the_next_execution(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        await engine.run("x = 3")

        assert value(await engine.run("x + 1")) == "4"


async def test_code_that_raises_is_an_error_with_what_it_printed(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        execution = await engine.run("print('before'); {}['price']")

        assert execution.status == "error"
        assert printed(execution) == "before\n"
        assert execution.error is not None
        assert execution.error.ename == "KeyError"


async def test_ids_count_up_in_a_session_and_never_repeat(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        session = await engine.session()

        ids = [(await engine.run("1")).id for _ in range(3)]

        assert ids == [f"{session.id}-{n}" for n in (1, 2, 3)]


async def test_a_timeout_interrupts_and_keeps_what_was_printed(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        execution = await engine.start(
            "import time\nprint('begun', flush=True)\ntime.sleep(600)", timeout=LIMIT
        )
        await engine.until_printed(execution, "begun\n")
        pass_time()
        await engine.services.executions.settled(execution, 60)

        assert execution.status == "timeout"
        assert printed(execution) == "begun\n"
        assert value(await engine.run("'next'")) == "'next'"


async def test_the_timeout_counts_from_when_the_kernel_begins(
    jp_serverapp: Any, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    async with running(jp_serverapp) as engine:
        first = await engine.start(f"print('on', flush=True); open({str(gate)!r}).read()")
        await engine.until_printed(first, "on")
        second = await engine.start("2", timeout=LIMIT)
        pass_time(2 * LIMIT)
        await asyncio.to_thread(gate.write_text, "go on")
        await engine.services.executions.settled(second, 60)

        assert first.status == "ok"
        assert second.status == "ok"


async def test_code_that_ignores_the_interrupt_is_said_to_go_on(jp_serverapp: Any) -> None:
    async with running(jp_serverapp, interrupt_grace=0.5) as engine:
        execution = await engine.start(STUBBORN, timeout=LIMIT)
        await engine.until_printed(execution, "deaf")
        pass_time()
        await engine.services.executions.settled(execution, 60)

        assert execution.status == "timeout"
        assert "restart_kernel" in execution.reason
        session = await engine.session()
        await engine.services.sessions.readiness.restart(session, by="test", now=True)
        assert value(await engine.run("'free'")) == "'free'"


async def test_what_waits_behind_stubborn_code_runs_after_the_restart(jp_serverapp: Any) -> None:
    async with running(jp_serverapp, interrupt_grace=0.5) as engine:
        stubborn = await engine.start(STUBBORN)
        await engine.until_printed(stubborn, "deaf")
        behind = await engine.start("'at last'")
        session = await engine.session()

        await engine.services.sessions.readiness.restart(session, by="test", now=True)
        await engine.services.executions.settled(behind, 60)

        assert stubborn.status == "interrupted"
        assert value(behind) == "'at last'"


async def test_a_wait_hands_over_and_the_execution_goes_on(
    jp_serverapp: Any, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    async with running(jp_serverapp) as engine:
        execution = await engine.run(f"open({str(gate)!r}).read(); 'done'", wait=0)
        assert execution.status in ("queued", "running")

        await asyncio.to_thread(gate.write_text, "go on")
        await engine.services.executions.settled(execution, 60)

        assert value(execution) == "'done'"


async def test_two_callers_on_one_kernel_take_turns_and_never_swap_outputs(
    jp_serverapp: Any,
) -> None:
    async with running(jp_serverapp) as engine:
        session = await engine.session()
        started = [await engine.start(f"print({n}); {n}", session_id=session.id) for n in range(40)]

        for execution in started:
            await engine.services.executions.settled(execution, 30)

        assert [printed(e) for e in started] == [f"{n}\n" for n in range(40)]
        assert [value(e) for e in started] == [str(n) for n in range(40)]


async def test_a_hundred_executions_on_ten_kernels_keep_their_outputs(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        sessions = await asyncio.gather(
            *(
                engine.services.sessions.create(
                    ALICE, name=f"s{n}", kernel_name=None, path=None, cwd=None
                )
                for n in range(10)
            )
        )
        started = [
            await engine.start(f"{n}", session_id=sessions[n % 10][0].id) for n in range(100)
        ]

        for execution in started:
            await engine.services.executions.settled(execution, 60)

        assert [value(e) for e in started] == [str(n) for n in range(100)]


async def test_interrupting_an_execution_in_the_queue_leaves_the_running_one(
    jp_serverapp: Any, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    async with running(jp_serverapp) as engine:
        first = await engine.start(f"print('on', flush=True); open({str(gate)!r}).read(); 'whole'")
        await engine.until_printed(first, "on")
        second = await engine.start("'never'")

        await engine.services.executions.interrupt(second)

        assert second.status == "interrupted"
        assert second.outputs == ()
        await asyncio.to_thread(gate.write_text, "go on")
        await engine.services.executions.settled(first, 60)
        assert value(first) == "'whole'"


async def test_interrupting_what_runs_ends_it(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        execution = await engine.start("import time; print('on', flush=True); time.sleep(60)")
        await engine.until_printed(execution, "on")

        await engine.services.executions.interrupt(execution)

        assert execution.status == "interrupted"
        assert value(await engine.run("1")) == "1"


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        ("os._exit(3)", "exit code 3"),
        ("os.kill(os.getpid(), 9)", "SIGKILL"),
        ("import ctypes; ctypes.string_at(0)", "SIGSEGV"),
    ],
)
async def test_a_kernel_that_dies_says_how_and_keeps_the_output(
    jp_serverapp: Any, tmp_path: Path, end: str, reason: str
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    async with running(jp_serverapp) as engine:
        # The kernel's sending thread takes a moment until printed text leaves the process.
        wait = f"open({str(gate)!r}).read()"
        execution = await engine.start(f"import os; print('last words', flush=True); {wait}; {end}")
        await engine.until_printed(execution, "last words\n")
        await asyncio.to_thread(gate.write_text, "go on")
        await engine.services.executions.settled(execution, 60)

        assert execution.status == "dead"
        assert reason in execution.reason
        assert printed(execution) == "last words\n"
        assert value(await engine.run("'again'")) == "'again'"


async def test_a_kernel_killed_from_outside_between_calls_is_started_again(
    jp_serverapp: Any,
) -> None:
    async with running(jp_serverapp) as engine:
        await engine.run("x = 1")
        session = await engine.session()
        os.kill(engine.pid(session), signal.SIGKILL)

        execution = await engine.run("x")

        assert execution.status in ("error", "dead")
        if execution.status == "error":
            assert execution.error is not None
            assert execution.error.ename == "NameError"


async def test_a_persons_restart_ends_the_execution_with_that_reason(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        execution = await engine.start("import time; print('on', flush=True); time.sleep(60)")
        await engine.until_printed(execution, "on")
        session = await engine.session()

        await jp_serverapp.kernel_manager.restart_kernel(session.kernel_id)
        await engine.services.executions.settled(execution, 60)

        assert execution.status == "interrupted"
        assert "restarted" in execution.reason
        assert value(await engine.run("'after'")) == "'after'"


async def test_a_persons_failing_cell_does_not_lose_what_waits_behind_it(
    jp_serverapp: Any,
) -> None:
    """The kernel answers ``aborted`` to what is queued behind an error with stop_on_error."""
    async with running(jp_serverapp) as engine:
        session = await engine.session()
        person = jp_serverapp.kernel_manager.get_kernel(session.kernel_id).client()
        person.start_channels()
        try:
            person.execute("import time; time.sleep(0.5); 1/0", stop_on_error=True)
            reply = asyncio.ensure_future(person.get_shell_msg(timeout=60))
            started = await engine.start("'ran all the same'")

            await reply
            await engine.services.executions.settled(started, 60)
        finally:
            person.stop_channels()

        assert value(started) == "'ran all the same'"


async def test_stopping_what_a_persons_code_holds_back_leaves_their_code_alone(
    jp_serverapp: Any, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    async with running(jp_serverapp) as engine:
        await engine.run("import time; seen = []")
        session = await engine.session()
        person = jp_serverapp.kernel_manager.get_kernel(session.kernel_id).client()
        person.start_channels()
        try:
            person.execute(f"open({str(gate)!r}).read(); seen.append('whole')")
            kernels = engine.services.kernels
            await engine.until(lambda: kernels[session.kernel_id].foreign_since is not None)
            started = await engine.start("seen.append('never'); time.sleep(60)")
            await asyncio.wait_for(engine.services.executions.interrupt(started), 30)
            await asyncio.to_thread(gate.write_text, "go on")
        finally:
            person.stop_channels()

        assert started.status == "interrupted"
        assert "'whole'" in value(await engine.run("seen"))


async def test_output_beyond_the_limit_is_dropped_and_counted(jp_serverapp: Any) -> None:
    async with running(jp_serverapp, max_output_bytes=10_000) as engine:
        execution = await engine.run("for i in range(2000): print('line', i)")

        assert execution.status == "ok"
        assert execution.fold.bytes <= 10_000
        assert execution.fold.dropped_bytes > 5_000
        assert printed(execution).startswith("line 0\n")
        assert printed(execution).endswith("line 1999\n")


async def test_a_write_larger_than_is_parsed_keeps_its_ends_and_its_place(
    jp_serverapp: Any,
) -> None:
    async with running(jp_serverapp) as engine:
        execution = await engine.run(
            "print('first' + 'x' * 20_000_000 + 'last'); print('after')\n'y' * 20_000_000"
        )

        assert execution.status == "ok"
        assert printed(execution).startswith("firstxx")
        assert printed(execution).endswith("xxlast\nafter\n")
        assert value(execution).startswith("'yy")
        assert value(execution).endswith("yy'")
        assert execution.fold.dropped_bytes > 30_000_000
        assert value(await engine.run("1")) == "1"


async def test_an_error_larger_than_is_parsed_is_an_error(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        execution = await engine.run("raise ValueError('first' + 'x' * 20_000_000 + 'last')")

        assert execution.status == "error"
        assert execution.error is not None
        assert execution.error.ename == "ValueError"
        assert execution.error.evalue.startswith("firstx")
        assert execution.error.evalue.endswith("xlast")
        assert value(await engine.run("1")) == "1"


ITEMS = """
items = [[]] * 1_000_000
get_ipython().payload_manager.write_payload({'source': 'mine', 'items': items})
'done'
"""

DEEP = """
from jupyter_client import session
honest = session.json_packer
def packer(content):
    if isinstance(content, dict) and 'payload' in content:
        return b'{"status": "ok", "payload": ' + b'[' * 300_000 + b']' * 300_000 + b'}'
    return honest(content)
get_ipython().kernel.session.pack = packer
'done'
"""


@pytest.mark.parametrize("code", [ITEMS, DEEP])
async def test_a_reply_that_is_too_much_to_be_parsed_ends_its_execution(
    jp_serverapp: Any, code: str
) -> None:
    async with running(jp_serverapp) as engine:
        execution = await engine.run(code)

        assert execution.status == "ok"
        assert value(execution) == "'done'"
        assert any("the kernel's reply was too large" in n for n in execution.notices)


async def test_input_raises_in_the_code_and_never_hangs(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        execution = await engine.run("input('who? ')")

        assert execution.status == "error"
        assert execution.error is not None
        assert execution.error.ename == "StdinNotImplementedError"


async def test_old_executions_expire_and_say_so(jp_serverapp: Any) -> None:
    async with running(jp_serverapp, max_kept=2) as engine:
        ids = [(await engine.run("1")).id for _ in range(4)]

        with pytest.raises(UnknownExecution, match="expired"):
            engine.services.executions.directory.find(ALICE, ids[0])
        assert engine.services.executions.directory.find(ALICE, ids[3]).id == ids[3]


async def test_another_users_execution_is_answered_like_one_that_does_not_exist(
    jp_serverapp: Any,
) -> None:
    async with running(jp_serverapp) as engine:
        execution = await engine.run("1")

        with pytest.raises(UnknownExecution) as theirs:
            engine.services.executions.directory.find(BOB, execution.id)
        with pytest.raises(UnknownExecution) as nobodys:
            engine.services.executions.directory.find(BOB, "zzzzzzzz-1")
        assert str(theirs.value).replace(execution.id, "ID") == str(nobodys.value).replace(
            "zzzzzzzz-1", "ID"
        )


async def test_a_kernel_that_cannot_start_refuses_with_what_it_wrote(
    jp_serverapp: Any, jp_data_dir: Any
) -> None:
    folder = jp_data_dir / "kernels" / "broken"
    folder.mkdir(parents=True)
    script = "import sys; sys.exit('no such library: libfoo')"
    spec = {"argv": ["python3", "-c", script], "display_name": "Broken", "language": "x"}
    (folder / "kernel.json").write_text(json.dumps(spec))
    async with running(jp_serverapp) as engine:
        with pytest.raises(KernelUnavailable, match="no such library: libfoo"):
            await engine.services.sessions.create(
                ALICE, name="b", kernel_name="broken", path=None, cwd=None
            )

        assert jp_serverapp.kernel_manager.list_kernel_ids() == []


async def test_running_code_counts_as_a_connection_so_that_it_is_not_culled(
    jp_serverapp: Any,
) -> None:
    async with running(jp_serverapp) as engine:
        execution = await engine.start("import time; print('on', flush=True); time.sleep(60)")
        await engine.until_printed(execution, "on")
        session = await engine.session()
        model = jp_serverapp.kernel_manager.kernel_model(session.kernel_id)
        assert model["connections"] == 1

        await engine.services.executions.interrupt(execution)
        await engine.run("1")

        model = jp_serverapp.kernel_manager.kernel_model(session.kernel_id)
        assert model["connections"] == 0


async def test_an_error_is_kept_even_when_the_kernel_only_replies_with_it(
    jp_serverapp: Any,
) -> None:
    async with running(jp_serverapp) as engine:
        execution = await engine.run("raise ValueError('x')")

        assert [type(o) for o in execution.outputs] == [Error]


async def test_what_a_thread_prints_after_its_code_has_ended_is_kept(
    jp_serverapp: Any, tmp_path: Path
) -> None:
    fifo = tmp_path / "go"
    os.mkfifo(fifo)
    code = (
        "import threading\n"
        f"threading.Thread(target=lambda: print(open({str(fifo)!r}).read())).start()\n"
        "print('early')"
    )
    async with running(jp_serverapp) as engine:
        execution = await engine.run(code)
        assert printed(execution) == "early\n"

        await asyncio.to_thread(fifo.write_text, "late")
        await engine.until(lambda: "late" in printed(execution))

        assert printed(execution) == "early\nlate\n"


async def test_what_waits_behind_a_persons_code_says_so(jp_serverapp: Any, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    async with running(jp_serverapp) as engine:
        await engine.run("1")
        session = await engine.session()
        person = jp_serverapp.kernel_manager.get_kernel(session.kernel_id).client()
        person.start_channels()
        executions, kernels = engine.services.executions, engine.services.kernels
        try:
            person.execute(f"open({str(gate)!r}).read()")
            await engine.until(lambda: kernels[session.kernel_id].foreign_since is not None)
            waiting = await engine.start("'mine'")
            await executions.settled(waiting, 0.1)
            ahead = ahead_of(waiting)
            await asyncio.to_thread(gate.write_text, "go on")
            await executions.settled(waiting, 60)
        finally:
            person.stop_channels()

        assert ahead is not None
        assert ahead.what == "code of a person"
        assert value(waiting) == "'mine'"
        assert ahead_of(waiting) is None


async def test_an_expression_that_is_nested_too_deep_is_called_so(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        execution = await engine.run("+".join(["1"] * 45_000))

        assert execution.error is not None
        assert "nested too deeply (split it into steps)" in execution.error.evalue
        assert "incomplete" not in execution.error.evalue
        assert value(await engine.run("'next'")) == "'next'"
