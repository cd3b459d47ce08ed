"""Kernels other than ipykernel, tested below HTTP."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp_ext.errors import ToolError
from jupyter_mcp_ext.executions import questions
from jupyter_mcp_ext.executions.execution import Execution
from jupyter_mcp_ext.kernels.kernel import Kernel
from jupyter_mcp_ext.kernels.kinds import kind_of
from jupyter_mcp_ext.variables.way import KernelBusy, Query, Unresolved
from tests.engine import ALICE, Engine, printed, running, value
from tests.executions.passing import LIMIT, pass_time
from tests.kernelspecs import install


class Other:
    """A session on one kernel, with the shortest way to use it."""

    def __init__(self, engine: Engine, session_id: str, kernel_id: str) -> None:
        self.engine = engine
        self.session_id = session_id
        self.id = kernel_id

    @property
    def kernel(self) -> Kernel:
        return self.engine.services.kernels[self.id]

    async def run(self, code: str, **kwargs: Any) -> Execution:
        return await self.engine.run(code, session_id=self.session_id, **kwargs)

    async def start(self, code: str, **kwargs: Any) -> Execution:
        return await self.engine.start(code, session_id=self.session_id, **kwargs)


@asynccontextmanager
async def kernel(serverapp: Any, name: str, **config: Any) -> AsyncIterator[Other]:
    async with running(serverapp, **config) as engine:
        session, *_ = await engine.services.sessions.create(ALICE, name="other", kernel_name=name)
        yield Other(engine, session.id, session.kernel_id)


@pytest.fixture(autouse=True)
def specs(jp_data_dir: Path) -> None:
    install(jp_data_dir, "bash", "xpython", "xpython-raw", "odd")


async def test_a_kernel_that_answers_nothing_on_control_is_linked(jp_serverapp: Any) -> None:
    async with kernel(jp_serverapp, "odd") as odd:
        status = await odd.kernel.status()

        assert (status.language, status.foreign_since) == ("odd", None)
        assert printed(await odd.run("said")) == "said"


async def test_code_that_is_never_replied_to_ends_and_the_next_runs(jp_serverapp: Any) -> None:
    async with kernel(jp_serverapp, "odd") as odd:
        failed = await odd.run("fail")

        assert failed.status == "error"
        assert failed.error is not None
        assert "without a reply" in failed.error.evalue
        assert "incomplete" in failed.error.evalue
        assert printed(await odd.run("after")) == "after"


async def test_a_kernel_that_asks_although_no_answer_can_come_is_interrupted(
    jp_serverapp: Any,
) -> None:
    async with kernel(jp_serverapp, "odd") as odd:
        asked = await odd.run("ask")

        assert (asked.status, asked.reason) == ("interrupted", "the code asked for input")
        assert any("cannot ask a person" in notice for notice in asked.notices)
        assert printed(await odd.run("free")) == "free"


async def test_a_kernel_that_never_answers_a_look_does_not_keep_its_caller_waiting(
    jp_serverapp: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jupyter_mcp_ext.variables.asking.PATIENCE", 0.2)
    async with kernel(jp_serverapp, "odd") as odd:
        with pytest.raises(KernelBusy):
            await odd.engine.services.variables.inspection(odd.kernel, "x", "summary")

        assert printed(await odd.run("alive")) == "alive"


async def test_an_interrupt_ends_the_code_of_xeus_python_and_not_the_kernel(
    jp_serverapp: Any,
) -> None:
    async with kernel(jp_serverapp, "xpython") as xeus:
        await xeus.run("x = [5]")
        for code in ("while True: pass", "import time; time.sleep(60)"):
            stopped = await xeus.run(code, timeout=0.3)
            assert stopped.status == "timeout", stopped.reason

        await xeus.kernel.interrupt()  # a person's, while nothing runs

        assert value(await xeus.run("x")) == "[5]"
        assert value(await xeus.run("sorted(k for k in globals() if 'interrupt' in k)")) == "[]"


async def test_xeus_python_has_a_person_asked(jp_serverapp: Any) -> None:
    async with kernel(jp_serverapp, "xpython") as xeus:
        for name in ("Ada", "Grace"):
            execution = await xeus.start("print('got', input('who? '))", can_ask=True)
            await xeus.engine.services.executions.settled(execution, 30, or_asking=True)
            assert execution.prompts.current is not None
            assert execution.prompts.current.text == "who? "

            questions.answer(execution, 1, name)
            await xeus.engine.services.executions.settled(execution, 30)

            assert (execution.status, printed(execution)) == ("ok", f"got {name}\n")


async def test_a_kernel_that_is_interrupted_by_message_is(
    jp_serverapp: Any, jp_data_dir: Path
) -> None:
    file = jp_data_dir / "kernels" / "message" / "kernel.json"
    file.parent.mkdir()
    spec = jp_serverapp.kernel_spec_manager.get_kernel_spec("python3").to_dict()
    file.write_text(json.dumps({**spec, "interrupt_mode": "message"}))
    async with kernel(jp_serverapp, "message") as python:
        await python.run("x = [5]")

        stopped = await python.run("import time; time.sleep(60)", timeout=0.3)

        assert stopped.status == "timeout"
        assert value(await python.run("x")) == "[5]"


async def test_code_of_bash_that_ignores_an_interrupt_gets_no_second_one(
    jp_serverapp: Any, tmp_path: Path
) -> None:
    """After a second interrupt, bash_kernel's answers belong to the code before."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    code = f"trap '' INT; echo deaf; cat {shlex.quote(str(gate))}; trap - INT"
    async with kernel(jp_serverapp, "bash", interrupt_grace=0.5) as bash:
        stubborn = await bash.start(code, timeout=LIMIT)
        await bash.engine.until_printed(stubborn, "deaf")
        pass_time()
        await bash.engine.services.executions.settled(stubborn, 60)
        await asyncio.to_thread(gate.write_text, "go on")

        assert stubborn.status == "timeout"
        assert "ignores the interrupt" in stubborn.reason
        assert [printed(await bash.run(f"echo {n}")) for n in range(3)] == ["0\n", "1\n", "2\n"]


async def test_xeus_python_without_ipython_tells_of_a_variable_by_its_name(
    jp_serverapp: Any,
) -> None:
    async with kernel(jp_serverapp, "xpython-raw") as raw:
        await raw.run("import collections; x = collections.Counter()")
        variables = raw.engine.services.variables

        found = await variables.inspection(raw.kernel, "x", "summary")

        assert "Counter" in str(found.sections)
        with pytest.raises(ToolError, match="inspect_variable shows one by its name"):
            await variables.listing(raw.kernel, Query())
        with pytest.raises(Unresolved, match="not for items"):
            await variables.inspection(raw.kernel, "x[0]", "summary")
        assert (await raw.run("x")).execution_count == 2


async def test_a_repr_of_xeus_python_that_never_ends_is_not_waited_for(jp_serverapp: Any) -> None:
    async with kernel(jp_serverapp, "xpython") as xeus:
        await xeus.run(
            "import time\n"
            "class Slow:\n"
            "    def __repr__(self): time.sleep(600)\n"
            "slow, rows = Slow(), [1, {'a': 2}]"
        )
        variables = xeus.engine.services.variables

        slow = await variables.inspection(xeus.kernel, "slow", "summary")
        item = await variables.inspection(xeus.kernel, 'rows[1]["a"]', "summary")

        assert slow.type == "Slow"
        assert item.type == "int"
        assert value(await xeus.run("rows")) == "[1, {'a': 2}]"


async def test_what_bash_declares_is_data_and_leaves_no_trace(jp_serverapp: Any) -> None:
    async with kernel(jp_serverapp, "bash") as bash:
        await bash.run("x='$(touch pwned)`touch pwned`'; declare -A ages=([\"a b\"]='7\n8')")
        variables = bash.engine.services.variables
        await bash.run("history -c")

        listing = await variables.listing(bash.kernel, Query())
        x = await variables.inspection(bash.kernel, "x", "summary")
        age = await variables.inspection(bash.kernel, 'ages["a b"]', "summary")

        assert [one.name for one in listing.variables] == ["ages", "x"]
        assert "$(touch pwned)`touch pwned`" in str(x.sections)
        assert "7\\n8" in str(age.sections)
        after = await bash.run("ls pwned 2>&1 | wc -l; history | grep -c declare; compgen -v jup")
        assert printed(after) == "1\n1\n", "the history holds this command only"
        assert after.execution_count == 3


async def test_a_shell_with_strict_options_outlives_a_look(jp_serverapp: Any) -> None:
    async with kernel(jp_serverapp, "bash") as bash:
        await bash.run("set -eu; set -o noclobber; IFS=:; x=1; pid=$$")
        variables = bash.engine.services.variables

        assert (await variables.listing(bash.kernel, Query(filter="x"))).data == 1
        with pytest.raises(Unresolved, match="no variable nope"):
            await variables.inspection(bash.kernel, "nope", "summary")
        await bash.run("set -o history; echo mine; set +o history")
        await variables.listing(bash.kernel, Query())

        assert "echo mine" in printed(await bash.run("history"))
        assert printed(await bash.run("[ $pid = $$ ] && echo same")) == "same\n"


async def test_a_text_that_is_not_a_name_never_gets_into_a_line_of_the_shell(
    jp_serverapp: Any,
) -> None:
    async with kernel(jp_serverapp, "bash") as bash:
        await bash.run("x=(1 2); trap 'echo ran >> ran' DEBUG")
        before = printed(await bash.run("wc -l < ran"))

        for name in ("é", "x.y", "x[0][1]", "x-y", "-p", "a b", "$(id)", "x;id", "`id`"):
            with pytest.raises(ToolError, match="takes a"):
                await bash.engine.services.variables.inspection(bash.kernel, name, "summary")

        assert int(printed(await bash.run("wc -l < ran"))) - int(before) <= 2


def test_only_kernels_that_need_it_are_prepared_for_interrupts() -> None:
    kinds = [kind_of(name, "python") for name in ("xeus-python", "ipython", "bash_kernel", "new")]

    assert [bool(kind.first_code) for kind in kinds] == [True, False, False, False]
    assert [kind.takes_second_interrupt for kind in kinds] == [True, True, False, False]


def test_an_unknown_kernel_is_trusted_with_what_any_kernel_can() -> None:
    python, other = kind_of("new", "python"), kind_of("", "")

    assert (python.look, other.look) == ("inspect", "inspect")
    assert not python.runs_functions
    assert not python.saves_variables
    assert python.sleeps_through_interrupt
    assert not other.sleeps_through_interrupt
