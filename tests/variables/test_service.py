"""Variables of real kernels: no trace, an answer while code runs, nothing that hangs."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp_ext.errors import InvalidArgument, KernelUnavailable
from jupyter_mcp_ext.executions.execution import Execution
from jupyter_mcp_ext.kernels.kernel import Kernel
from jupyter_mcp_ext.outputs.model import Display
from jupyter_mcp_ext.variables.model import FactTable, Inspection, Listing, Text
from jupyter_mcp_ext.variables.way import Detail, KernelBusy, Query, Unresolved
from tests.engine import Engine, printed, running

LOOKS = """
import json, linecache, sys, threading, time
def traces():
    ip = get_ipython()
    return json.dumps({
        "names": sorted(k for k in ip.user_ns if not k.startswith("_i")),
        "last": [repr(ip.user_ns.get(k)) for k in ("_", "__", "___")],
        "inputs": len(ip.history_manager.input_hist_raw), "outputs": sorted(Out),
        "count": ip.execution_count, "cells": len(linecache.cache),
        "files": len(ip.compile._filename_map), "listeners": sorted(vars(ip.events)),
        "threads": threading.active_count(),
        "modules": [m for m in sys.modules if "mcp" in m or m in ("numpy", "pandas")],
    })
a_list, a_number, text = [1, 2], 7, "words"
"""
COUNT = itertools.count()
"""Equal cells have the same file name."""

NEXT = {"inputs": 1, "count": 1, "cells": 1, "files": 1}
"""The change that a user's cell makes."""


@dataclass(frozen=True, kw_only=True)
class Looked:
    """A kernel with variables, and the service that looks at them."""

    engine: Engine
    kernel_id: str
    manager: Any

    @property
    def kernel(self) -> Kernel:
        """The kernel itself."""
        return self.engine.services.kernels[self.kernel_id]

    async def listing(self, filter: str = "", limit: int = 50) -> Listing:
        """List them."""
        query = Query(filter=filter, limit=limit)
        return await self.engine.services.variables.listing(self.kernel, query)

    async def inspection(self, name: str, detail: Detail = "summary") -> Inspection:
        """Inspect one."""
        return await self.engine.services.variables.inspection(self.kernel, name, detail)

    async def until_alone(self) -> None:
        """Return when the subshells of looks have ended, which looks do not wait for."""
        link = await self.kernel.link()
        while (await link.call("control", "list_subshell_request", {}, timeout=60))["subshell_id"]:
            pass

    async def traces(self) -> dict[str, Any]:
        """What looking would leave behind, as code in the kernel sees it."""
        told = await self.engine.run(f"print(traces())  # {next(COUNT)}")
        found: dict[str, Any] = json.loads(printed(told))
        return found

    async def busy(self, code: str = "") -> tuple[Execution, Path]:
        """Start code that runs until the path it gives is written to."""
        fifo = Path(self.engine.serverapp.root_dir) / f"go-{os.urandom(4).hex()}"
        os.mkfifo(fifo)
        execution = await self.engine.start(f"{code}\nprint('begun')\nopen({str(fifo)!r}).read();")
        await self.engine.until_printed(execution, "begun")
        return execution, fifo

    async def done(self, execution: Execution, fifo: Path) -> Execution:
        """Let the code end."""
        await asyncio.to_thread(fifo.write_text, "go")
        return await self.engine.services.executions.settled(execution, 30)


@asynccontextmanager
async def looked(serverapp: Any, code: str = LOOKS) -> AsyncIterator[Looked]:
    async with running(serverapp) as engine:
        execution = await engine.run(code)
        assert execution.status == "ok", execution.error
        kernel_id = str((await engine.session()).kernel_id)
        manager = serverapp.kernel_manager.get_kernel(kernel_id)
        yield Looked(engine=engine, kernel_id=kernel_id, manager=manager)


def names(found: Listing) -> list[str]:
    return [variable.name for variable in found.variables]


def words(found: Inspection, title: str = "value") -> str:
    [section] = [s for s in found.sections if s.title == title]
    assert isinstance(section, Text)
    return section.text


async def test_a_look_leaves_no_trace(jp_serverapp: Any) -> None:
    async with looked(jp_serverapp) as kernel:
        before = await kernel.traces()
        assert names(await kernel.listing()) == ["text", "a_number", "a_list"]
        assert words(await kernel.inspection("a_list")) == "[1, 2]"
        with pytest.raises(Unresolved):
            await kernel.inspection("nothing")
        after = await kernel.traces()

        assert after == {key: value + NEXT.get(key, type(value)()) for key, value in before.items()}
        history = await kernel.engine.run("%history")
        assert "listing" not in printed(history)


async def test_a_look_while_code_runs_leaves_no_trace(jp_serverapp: Any) -> None:
    async with looked(jp_serverapp) as kernel:
        execution, fifo = await kernel.busy("before = 0; before = traces(); None")
        for _ in range(3):
            assert "text" in names(await kernel.listing())
            assert words(await kernel.inspection("a_list")) == "[1, 2]"
        ended = await kernel.done(execution, fifo)
        await kernel.until_alone()
        code = "print(before); print(traces())"
        before, after = map(json.loads, printed(await kernel.engine.run(code)).splitlines())

        assert ended.status == "ok"
        assert after == {key: value + NEXT.get(key, type(value)()) for key, value in before.items()}


async def test_a_running_persons_cell_is_looked_into_too(jp_serverapp: Any) -> None:
    async with looked(jp_serverapp) as kernel:
        person = kernel.manager.client()
        person.start_channels()
        try:
            person.execute("mine = 5\nwhile True: time.sleep(0.01)")
            kernels = kernel.engine.services.kernels
            await kernel.engine.until(lambda: kernels[kernel.kernel_id].foreign_since is not None)
            while "mine" not in names(await kernel.listing()):
                pass
            assert words(await kernel.inspection("mine")) == "5"
            status = await kernels[kernel.kernel_id].status()
            assert (status.state, kernel.manager.execution_state) == ("busy", "busy")
        finally:
            person.stop_channels()
            await kernel.manager.interrupt_kernel()


async def test_code_that_ran_before_there_was_a_link_is_known_to_run(jp_serverapp: Any) -> None:
    manager = jp_serverapp.kernel_manager
    kernel_id = await manager.start_kernel()
    kernel = manager.get_kernel(kernel_id)
    person = kernel.client()
    person.start_channels()
    try:
        await person.wait_for_ready(timeout=60)
        while kernel.execution_state != "idle":  # Jupyter does not hear what was sent before it did
            person.kernel_info()
            await person.get_shell_msg(timeout=60)
        person.execute("import time\nmine = 5\ntime.sleep(60)")
        async with running(jp_serverapp) as engine:
            await engine.until(lambda: kernel.execution_state == "busy")
            kernels, variables = engine.services.kernels, engine.services.variables
            link = await kernels[kernel_id].link()
            assert link.is_busy
            while "mine" not in names(await variables.listing(kernels[kernel_id], Query())):
                pass
            await kernel.interrupt_kernel()
            await engine.until(lambda: not link.is_busy)
            assert kernel.execution_state == "idle"
    finally:
        person.stop_channels()


async def test_a_kernel_whose_cell_runs_stays_busy_for_jupyter(jp_serverapp: Any) -> None:
    """Otherwise it would be culled: Jupyter takes a subshell's end for the kernel's."""
    async with looked(jp_serverapp) as kernel:
        execution, fifo = await kernel.busy()
        states = []
        kernel.manager.observe(lambda change: states.append(change.new), "execution_state")
        for _ in range(5):
            await kernel.listing()
        control = (await kernel.engine.services.kernels[kernel.kernel_id].link()).call
        for _ in range(20):
            await control("control", "kernel_info_request", {}, timeout=30)
            assert kernel.manager.execution_state == "busy"
        await kernel.engine.until(lambda: "idle" in states)  # Jupyter took it for idle
        assert kernel.manager.execution_state == "busy"
        await kernel.done(execution, fifo)
        await kernel.engine.until(lambda: kernel.manager.execution_state == "idle")
        assert (await kernel.engine.run("1")).status == "ok"
        await kernel.engine.until(lambda: kernel.manager.execution_state == "idle")


async def test_a_figure_of_the_running_cell_is_shown_once_and_whole(jp_serverapp: Any) -> None:
    """IPython has matplotlib show and close figures at the end of any request."""
    async with looked(jp_serverapp, "import matplotlib.pyplot as plt") as kernel:
        code = "figure = plt.figure(); plt.plot([1, 2])"
        execution, fifo = await kernel.busy(code)
        await kernel.listing()
        ended = await kernel.done(execution, fifo)

        images = [o for o in ended.outputs if isinstance(o, Display) and "image/png" in o.data]
        assert len(images) == 1


async def test_what_a_thread_prints_after_a_look_still_belongs_to_its_code(
    jp_serverapp: Any,
) -> None:
    async with looked(jp_serverapp) as kernel:
        fifo = Path(jp_serverapp.root_dir) / "print"
        os.mkfifo(fifo)
        code = f"threading.Thread(target=lambda: print(open({str(fifo)!r}).read())).start()"
        execution = await kernel.engine.run(code)
        await kernel.listing()
        await asyncio.to_thread(fifo.write_text, "late")

        await kernel.engine.until(lambda: "late" in printed(execution))


HOSTILE = """
import time
class Sleeps:
    def __repr__(self): time.sleep(600)
    __len__ = __getattr__ = __str__ = lambda self, *_: time.sleep(600)
    shape = dtype = property(lambda self: time.sleep(600))
class Raises:
    def __repr__(self): raise RuntimeError("not you")
    __len__ = __getattr__ = lambda self, *_: 1 / 0
    shape = property(lambda self: 1 / 0)
class Huge:
    def __repr__(self):
        print("x" * 10 ** 6)
        return "x" * 10 ** 7
class Recurses:
    def __repr__(self): return repr(self)
sleeps, raises, huge, recurses = Sleeps(), Raises(), Huge(), Recurses()
inside = [sleeps, raises, huge, recurses]
again = []
again.append(again)
long, lots = "x" * 10 ** 8, {n: "x" * 10 ** 6 for n in range(100)}
"""


async def test_no_object_holds_a_look_up(jp_serverapp: Any) -> None:
    async with looked(jp_serverapp, HOSTILE) as kernel:
        found = {v.name: v for v in (await kernel.listing()).variables}
        assert found["sleeps"].preview == "<Sleeps object>"
        assert found["long"].shape == "100,000,000"
        assert sum(len(v.preview) for v in found.values()) < 1_000
        expected = {
            "sleeps": "its repr took more than 1 s",
            "raises": "its repr raised RuntimeError: not you",
            "recurses": "its repr raised RecursionError",
        }
        for name, note in expected.items():
            assert (await kernel.inspection(name)).notes[0].startswith(note)
        assert words(await kernel.inspection("huge")).startswith("xxx")
        for name in ("again", "long", "lots"):
            assert not (await kernel.inspection(name)).notes
        table = (await kernel.inspection("inside")).sections[0]
        assert isinstance(table, FactTable)
        assert table.rows[0] == ("0", "Sleeps", "<Sleeps object>")
        with pytest.raises(Unresolved, match="__getattr__"):
            await kernel.inspection("sleeps.anything")
        with pytest.raises(InvalidArgument, match="is code"):
            await kernel.inspection('__import__("os").system("touch x")')
        after = await kernel.engine.run("import signal; signal.getsignal(signal.SIGALRM)")
        assert after.status == "ok"
        assert printed(after) == ""


async def test_no_repr_is_asked_for_while_code_runs(jp_serverapp: Any) -> None:
    async with looked(jp_serverapp, HOSTILE) as kernel:
        execution, fifo = await kernel.busy()
        for name in ("sleeps", "raises"):
            [note] = (await kernel.inspection(name)).notes
            assert note == "its repr was not asked for while the kernel is busy"
        await kernel.done(execution, fifo)


async def test_a_kernel_without_subshells_says_that_it_is_busy(jp_serverapp: Any) -> None:
    async with looked(jp_serverapp) as kernel:
        link: Any = await kernel.kernel.link()
        info = replace(link.info, features=frozenset())  # as ipykernel 6 describes itself
        link._introduction.info = info
        execution, fifo = await kernel.busy()
        with pytest.raises(KernelBusy):
            await kernel.listing()
        await kernel.done(execution, fifo)
        assert "text" in names(await kernel.listing())


async def test_a_kernel_that_its_user_has_broken_is_said_so(jp_serverapp: Any) -> None:
    async with looked(jp_serverapp, "import sys; del sys.modules['IPython']") as kernel:
        with pytest.raises(KernelUnavailable, match=r"could not be looked at \(KeyError"):
            await kernel.listing()


LIES = """
import json
honest, lies, lie = json.dumps, iter(LIES), None
def dumps(value, *args, **kwargs):
    if type(value) is dict and list(value) == ["value"]:
        return next(lies)
    return honest(value, *args, **kwargs)
json.dumps = dumps
"""
SHAPES = (
    '"7"',
    "'{\"value\": null}'",
    '\'{"value": {"total": NaN}}\'',
    '\'{"value": {"total": 1e999}}\'',
    "'{\"value\": {\"type\": ' + '[' * 900_000",
    "'{\"value\": {\"type\": ' + '[' * 900 + ']' * 900 + '}}'",
    "'{\"value\": [' + '[],' * 500_000 + '[]]}'",
    "'x' * 20_000_000",
)


async def test_no_answer_of_a_kernel_causes_an_internal_error(jp_serverapp: Any) -> None:
    shapes = ", ".join(SHAPES)
    async with looked(jp_serverapp, LIES.replace("LIES", f"[{shapes}] * 2")) as kernel:
        for _ in SHAPES:
            with pytest.raises(KernelUnavailable, match="could not be looked at"):
                await kernel.listing()
        for _ in SHAPES:
            with pytest.raises(KernelUnavailable, match="could not be looked at"):
                await kernel.inspection("lie")


async def test_many_look_at_once_while_code_runs(jp_serverapp: Any) -> None:
    async with looked(jp_serverapp) as kernel:
        execution, fifo = await kernel.busy()
        found = await asyncio.gather(*(kernel.listing() for _ in range(8)))
        assert all("text" in names(one) for one in found)
        await kernel.done(execution, fifo)
        assert "trigger" not in (await kernel.traces())["listeners"]


async def test_variables_of_an_overwritten_namespace_are_found(jp_serverapp: Any) -> None:
    code = "len = list = str = print = exec = __import__ = get_ipython = sys = 3"
    async with looked(jp_serverapp, code) as kernel:
        assert {"len", "list", "sys"} <= set(names(await kernel.listing()))
        assert words(await kernel.inspection("len")) == "3"
        execution = await kernel.engine.start("while True: pass")
        link = await kernel.kernel.link()
        await kernel.engine.until(lambda: execution.status == "running")
        assert link.is_busy
        assert words(await kernel.inspection("len")) == "3"
        await kernel.engine.services.executions.interrupt(execution)
