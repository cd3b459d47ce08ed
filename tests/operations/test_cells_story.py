"""Cells that ran are in the story of their session, and what they defined comes back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jupyter_mcp_ext.sessions.session import Session
from jupyter_mcp_ext.sessions.story.journal import Entry
from tests.engine import ALICE, Engine, printed, running, value
from tests.operations.test_cells import GRACE, PATH, code, markdown, run, start, states, write

CELLS = (
    markdown("# title"),
    code("LIMIT = 5"),
    code("def doubled(x):\n    return 2 * min(x, LIMIT)"),
    code("print('shown')\nLIMIT + 1"),
    code("NEVER = 1/0", tags=["raises-exception"]),
    code("print('last')\nraise ValueError"),
    code("print('not run')"),
)


LONG = "print('on', flush=True)\nimport time; time.sleep(60)"


async def of(engine: Engine) -> Session:
    return await engine.services.sessions.find(ALICE, PATH)


def shown(session: Session) -> list[Entry]:
    assert session.story is not None
    return [entry for entry in session.story.entries if entry.is_shown]


async def test_the_story_has_each_cell_that_ran_with_its_outputs(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        write(engine, *CELLS)
        execution = await run(engine)
        after = await engine.run("'after'", session_id=PATH)
        session = await of(engine)
        assert session.story is not None
        await session.story.flush()
        node = json.loads(Path(jp_serverapp.root_dir, session.notebook).read_text())

        assert [(entry.status, entry.execution_count) for entry in shown(session)] == [
            ("ok", 1),
            ("ok", 2),
            ("ok", 3),
            ("error", 4),
            ("error", 5),
            ("ok", 6),
        ]
        ids = [f"{execution.id}-{number}" for number in range(1, 6)]
        assert [cell["id"] for cell in node["cells"]] == [*ids, after.id]
        assert node["cells"][2]["outputs"][0]["text"] == "shown\n"
        assert node["cells"][2]["outputs"][1]["data"] == {"text/plain": "6"}
        assert [cell["source"] for cell in node["cells"]][:2] == [c["source"] for c in CELLS[1:3]]


async def test_what_cells_have_defined_comes_back_with_the_session(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        write(engine, *CELLS)
        await run(engine)
        await engine.services.sessions.shutdown(await of(engine), by="test", now=True)

        again = await engine.run("doubled(9), 'NEVER' in globals()", session_id=PATH)

        assert value(again) == "(10, False)"


async def test_a_replay_runs_the_cells_again_that_succeeded(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        write(engine, code("made = [1]"), code("made.append(2)"), code("made.clear(); 1/0"))
        created = await engine.services.sessions.create(ALICE, path=PATH, restore="replay")
        execution = await run(engine)
        await engine.services.sessions.shutdown(created.session, by="test", now=True)

        again = await engine.run("made", session_id=PATH)

        assert states(execution) == ["ok", "ok", "error"]
        assert value(again) == "[1, 2]"


async def test_a_later_server_knows_what_ran_and_what_was_interrupted(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        write(engine, code("done = 1"), code(LONG))
        execution = await start(engine)
        await engine.until_printed(execution, "on")
    async with running(jp_serverapp) as engine:
        session = await of(engine)
        later = await engine.run("print('later')", session_id=PATH)

        assert [(e.code.partition("\n")[0], e.status) for e in shown(session)] == [
            ("done = 1", "ok"),
            ("print('on', flush=True)", "interrupted"),
            ("print('later')", "ok"),
        ]
        assert printed(later) == "later\n"
        assert later.id > execution.id


async def test_a_cell_that_never_began_is_not_in_the_story(jp_serverapp: Any) -> None:
    async with running(jp_serverapp, interrupt_grace=GRACE) as engine:
        write(engine, code(LONG), code("2"))
        first = await start(engine, "0-0")
        await engine.until_printed(first, "on")
        second = await start(engine, "1-1")
        await engine.services.executions.interrupt(second)
        await engine.services.executions.interrupt(first)

        assert [entry.status for entry in shown(await of(engine))] == ["interrupted"]
