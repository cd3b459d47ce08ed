"""What comes back of a session, tested below HTTP: nothing that it never had."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp_ext.errors import KernelUnavailable
from jupyter_mcp_ext.sessions.session import Session
from tests.engine import ALICE, Engine, running, value

UNFINISHED = [
    "import time; time.sleep(60)\nT1 = True\ndef f1(): ...",
    "import os, signal; os.kill(os.getpid(), signal.SIGINT)\nT2 = True",
    "1 / 0\nT3 = True",
    "T4 = True; 1 / 0",
    "P5 = 5\ndef p5(): ...\n1 / 0\nT5 = True",
    "KEPT = 2\ndef changed(): return 2\n1 / 0",
    "1 / 0\nKEPT = 3",
    "changed = len\n1 / 0",
    "%xmode Minimal",
    "T6 = 1\n1 / 0",
    "import os; os._exit(3)\nT7 = True\ndef f7(): ...",
]

HAS = "sorted(k for k in globals() if k in {'BEFORE', 'changed', 'KEPT'} or k[1:].isdigit())"


async def test_code_that_did_not_run_to_its_end_is_not_run_again(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        await engine.run("BEFORE = 1\nKEPT = 1\ndef changed(): return 1")
        for code in UNFINISHED:
            await engine.run(code, timeout=0.5 if "sleep" in code else None)

        found = await engine.run(HAS)

        assert value(found) == "['BEFORE', 'P5', 'p5']"  # of the others this is not known


MODULE = """
import os, time

class Thing:
    x = 1

class Slow:
    def __reduce__(self):
        return load, ()

def load():
    open("loading", "w").close()
    while not os.path.exists("go"):
        time.sleep(0.01)
    return Slow()
"""


async def folder_of(engine: Engine) -> Path:
    """The folder of the default session's kernel, with a module to import there."""
    session = await engine.session()
    folder = Path(engine.serverapp.root_dir, session.cwd)
    (folder / "made.py").write_text(MODULE)
    return folder


async def end_kernel(engine: Engine) -> Session:
    """Shut down the default session's kernel, which saves its variables."""
    session = await engine.session()
    await engine.services.sessions.shutdown(session, by="test", now=False)
    return session


async def lose_kernel(engine: Engine) -> None:
    """Kill the kernel before anything is saved."""
    session = await engine.session()
    await engine.services.sessions.shutdown(session, by="test", now=True)


async def test_a_restore_that_was_cut_short_is_done_again(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        folder = await folder_of(engine)
        await engine.run("import made; a = [1]; slow = made.Slow(); b = [2]")
        await end_kernel(engine)
        (folder / "go").touch()
        await engine.run("d = 4")  # what is not saved must not have a part saved either
        await lose_kernel(engine)
        (folder / "go").unlink()
        for stop in ("interrupt", "signal"):
            (folder / "loading").unlink(missing_ok=True)
            execution = await engine.start("c = 3")
            await engine.until((folder / "loading").exists)
            if stop == "interrupt":
                await engine.services.executions.interrupt(execution)
                assert execution.status == "interrupted"
            else:
                session = await engine.services.sessions.find(ALICE, None)
                await engine.services.kernels[session.kernel_id].interrupt()
                with pytest.raises(KernelUnavailable, match="Call again"):
                    await engine.services.executions.settled(execution, 60)
        await end_kernel(engine)  # no part of it is saved
        (folder / "go").touch()

        assert value(await engine.run("a, b, d, 'c' in dir()")) == "([1], [2], 4, False)"


async def test_what_was_not_loaded_once_comes_back_when_it_can_be(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        folder = await folder_of(engine)
        await engine.run("import made; thing = made.Thing(); thing.x = 5; dropped = [thing]; n = 1")
        await end_kernel(engine)
        (folder / "made.py").rename(folder / "away")
        await engine.run("n = 2")
        session = await end_kernel(engine)
        said, lost = session.continuity.comeback, session.continuity.lost
        await engine.run("n = 3; dropped = 4")
        await end_kernel(engine)
        (folder / "away").rename(folder / "made.py")

        found = await engine.run("n, thing.x, dropped")

        assert value(found) == "(3, 5, 4)"
        assert "will be tried again" in said
        assert {line.split(":")[0] for line in lost} >= {"thing", "dropped", "made"}
        assert "older save" in session.continuity.comeback


FICKLE = """
class Fickle:
    is_saved = True
    def __reduce__(self):
        return (Fickle, ()) if Fickle.is_saved else 1 / 0
"""


async def test_what_cannot_be_saved_any_more_comes_back_as_it_was(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        await engine.run(FICKLE)
        await engine.run("kept, changed, d, fickle = [1], [1], [1], Fickle()")
        await end_kernel(engine)
        await engine.run("kept.append(n for n in d); changed = (n for n in d); del d")
        await engine.run("Fickle.is_saved = False")
        await end_kernel(engine)

        found = await engine.run("[name for name in ('changed', 'd') if name in globals()]")

        assert value(found) == "[]"
        assert value(await engine.run("type(fickle).__name__")) == "'Fickle'"
        session = await engine.session()
        assert any(line.startswith("changed") for line in session.continuity.lost)
        assert any(line.startswith("kept") for line in session.continuity.lost)


async def test_a_copy_comes_back_though_nothing_was_executed_in_it(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        await engine.run("x = [1]")
        original = await engine.session()
        made = await engine.services.sessions.create(ALICE, name="copy", copy_of=original.id)
        await engine.services.sessions.shutdown(made.session, by="test", now=False)

        assert value(await engine.run("x", session_id="copy")) == "[1]"


async def test_code_that_waits_for_its_turn_is_not_taken_for_saved(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        await engine.run("x = [1]")
        session = await engine.session()
        assert session.story is not None
        waiting = await engine.start("x = [2]")  # begun, and not yet in the kernel
        assert session.story.last_number == 2

        assert session.story.last_ended == 1

        await engine.services.executions.settled(waiting, 60)
        assert session.story.last_ended == 2


async def test_definitions_after_the_last_save_rest_on_what_was_saved(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        await engine.run("N = 5\nclass A: pass\nexec('N = 50')")
        await end_kernel(engine)
        await engine.run("def f(n=N): return n\nclass B(A): pass\nM = 1")
        await lose_kernel(engine)

        assert value(await engine.run("f(), issubclass(B, A), M, N")) == "(50, True, 1, 50)"
