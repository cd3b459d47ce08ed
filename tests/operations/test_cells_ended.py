"""Runs of cells that end early, and what a run leaves of the notebook's metadata."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.engine import ALICE, running
from tests.operations.test_cells import PATH, code, run, saved, start, states, write

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

        await engine.services.sessions.restart(session, by="test", now=True)
        await engine.services.executions.settled(execution, 30)

        assert execution.status == "interrupted"
        assert states(execution) == ["ok", "interrupted", "waiting"]
        assert [bool(cell.outputs) for cell in saved(engine)] == [True, True, False]


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
