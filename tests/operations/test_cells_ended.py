"""Runs of cells that end early, and what a run leaves of the notebook's metadata."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tornado.web import HTTPError

from jupyter_mcp_ext.errors import KernelUnavailable
from jupyter_mcp_ext.notebooks.draft import Draft
from jupyter_mcp_ext.notebooks.running import pace
from jupyter_mcp_ext.notebooks.running.recording import Recording
from tests.engine import ALICE, printed, running
from tests.operations.test_cells import PATH, PLACE, code, run, saved, start, states, write

STATE = {
    "application/vnd.jupyter.widget-state+json": {
        "state": {},
        "version_major": 2,
        "version_minor": 0,
    }
}


async def test_a_restart_in_the_middle_ends_the_run_and_what_ran_is_saved(
    jp_serverapp: Any,
) -> None:
    async with running(jp_serverapp) as engine:
        write(
            engine,
            code("print('before')"),
            code("print('on', flush=True)\nimport time; time.sleep(60)"),
            code("1"),
        )
        execution = await start(engine, keep_going=True)
        await engine.until_printed(execution, "on")
        session = await engine.services.sessions.find(ALICE, PATH)

        await engine.services.sessions.readiness.restart(session, by="test", now=True)
        await engine.services.executions.settled(execution, 30)

        assert execution.status == "interrupted"
        assert states(execution) == ["ok", "interrupted", "waiting"]
        assert [bool(cell.outputs) for cell in saved(engine)] == [True, True, False]


async def test_a_restart_that_fails_leaves_the_outputs_that_were_there(
    jp_serverapp: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: object, **__: object) -> None:
        msg = "The kernel could not be restarted. Try again."
        raise KernelUnavailable(msg)

    async with running(jp_serverapp) as engine:
        write(engine, code("print('earlier')"), code("2"))
        await run(engine)
        before = saved(engine)
        monkeypatch.setattr(engine.services.sessions.readiness, "restart", fails)

        with pytest.raises(KernelUnavailable):
            await run(engine, restart=True)

        assert before[0].outputs
        assert saved(engine) == before


async def test_a_run_that_is_taken_from_the_queue_leaves_the_outputs_that_were_there(
    jp_serverapp: Any,
) -> None:
    async with running(jp_serverapp) as engine:
        write(engine, code("print('on', flush=True)\nimport time; time.sleep(60)"), code("2"))
        await run(engine, "1-1")
        before = saved(engine)[1]
        first = await start(engine, "0-0")
        await engine.until_printed(first, "on")
        second = await start(engine, "1-1")

        await engine.services.executions.interrupt(second)
        after = saved(engine)[1]
        await engine.services.executions.interrupt(first)

        assert before.outputs
        assert after == before


async def test_a_call_that_is_cancelled_while_the_cell_is_cleared_leaves_its_outputs(
    jp_serverapp: Any,
) -> None:
    async with running(jp_serverapp) as engine:
        write(engine, code("print('earlier')"))
        await run(engine)
        before = saved(engine)
        task = asyncio.create_task(start(engine))
        jp_serverapp.contents_manager.register_pre_save_hook(lambda **_: task.cancel())

        with pytest.raises(asyncio.CancelledError):
            await task

        assert before[0].outputs
        assert saved(engine) == before


async def test_what_ran_is_saved_by_a_server_that_stops_while_it_is_being_written(
    jp_serverapp: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_closing, may_close, close = asyncio.Event(), asyncio.Event(), Recording.close

    async def closes(recording: Recording) -> None:
        is_closing.set()
        await may_close.wait()
        await close(recording)

    monkeypatch.setattr(Recording, "close", closes)
    async with running(jp_serverapp) as engine:
        write(engine, code("print('done')"))
        await start(engine)
        await is_closing.wait()
        stopping = asyncio.create_task(engine.services.executions.close())
        await asyncio.sleep(0)  # it has cancelled what runs
        may_close.set()
        await stopping

        assert saved(engine)[0].outputs[0].text == "done\n"


async def test_outputs_that_are_written_at_a_later_try_are_not_called_lost(
    jp_serverapp: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "FILE_PAUSE", 0.0)
    go = Path(jp_serverapp.root_dir, "work", "go")

    def fails_once(model: Any, **_: Any) -> None:
        if model["content"]["cells"][0]["outputs"] and not go.exists():
            go.touch()
            raise HTTPError(500) from OSError(28, "No space left on device")

    async with running(jp_serverapp) as engine:
        write(
            engine,
            code("print('on', flush=True)\nimport os\nwhile not os.path.exists('go'): pass"),
        )
        jp_serverapp.contents_manager.register_pre_save_hook(fails_once)

        execution = await run(engine)

        assert saved(engine)[0].outputs[0].text == "on\n"
        assert not [notice for notice in execution.notices if "not in the notebook" in notice]


async def test_outputs_that_could_not_be_written_at_the_end_are_told_of(jp_serverapp: Any) -> None:
    def fails(model: Any, **_: Any) -> None:
        if model["content"]["cells"][0].get("outputs"):
            raise HTTPError(500) from OSError(28, "No space left on device")

    async with running(jp_serverapp) as engine:
        write(engine, code("print('on')"))
        jp_serverapp.contents_manager.register_pre_save_hook(fails)

        execution = await run(engine)

        [notice] = [n for n in execution.notices if n.startswith("outputs are not in the notebook")]
        assert "disk is full" in notice


async def test_a_question_that_no_person_can_answer_is_an_error_of_its_cell(
    jp_serverapp: Any,
) -> None:
    async with running(jp_serverapp) as engine:
        write(engine, code("input('name?')"), code("1"))

        execution = await run(engine)

        assert states(execution) == ["error", "waiting"]
        assert saved(engine)[0].outputs[-1].ename == "StdinNotImplementedError"


async def test_the_state_of_widgets_is_not_saved_and_what_is_there_stays(
    jp_serverapp: Any,
) -> None:
    async with running(jp_serverapp) as engine:
        write(engine, code("import ipywidgets\nipywidgets.IntSlider(3)"))
        file = Path(jp_serverapp.root_dir, PATH)
        node = json.loads(file.read_text())
        file.write_text(json.dumps({**node, "metadata": {"widgets": STATE}}))

        await run(engine)

        assert json.loads(file.read_text())["metadata"]["widgets"] == STATE
        assert "application/vnd.jupyter.widget-view+json" in saved(engine)[0].outputs[0].data


BY_OTHERS: dict[str, Callable[[Draft], None]] = {
    "was deleted while it ran": lambda draft: draft.remove(0),
    "is no code cell any more": lambda draft: draft.set_type(0, "markdown"),
    "was run or cleared by a person while it ran": lambda draft: draft.set_count(0, 99),
}


@pytest.mark.parametrize("words", BY_OTHERS)
async def test_a_cell_that_another_program_changes_in_the_file_while_it_runs_is_let_go(
    jp_serverapp: Any, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What it prints before the other program writes is not in the file, however long that takes.
    monkeypatch.setattr(pace, "FILE_PAUSE", 3_600.0)
    waits = "import os, time\nwhile not os.path.exists('go'): time.sleep(0.01)"
    async with running(jp_serverapp) as engine:
        write(
            engine, code(f"print('on', flush=True)\n{waits}\nprint('ours')"), code("print('next')")
        )
        execution = await start(engine)
        await engine.until_printed(execution, "on")

        await engine.services.editing.homes.change(PLACE, BY_OTHERS[words])
        Path(jp_serverapp.root_dir, "work", "go").touch()
        await engine.services.executions.settled(execution, 30)
        cells = saved(engine)

        assert words in " ".join(execution.notices)
        assert states(execution) == ["ok", "ok"]
        assert "ours" in printed(execution)
        assert [cell.outputs for cell in cells[:-1] if cell.cell_type == "code"] in ([], [[]])
        assert cells[-1].outputs[0].text == "next\n"
