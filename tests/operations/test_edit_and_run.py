"""Cells that are edited and run in one call."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest

from jupyter_mcp_ext.errors import InvalidArgument
from jupyter_mcp_ext.executions.execution import Execution
from jupyter_mcp_ext.notebooks.cells import NewCell
from jupyter_mcp_ext.notebooks.editing import edits
from jupyter_mcp_ext.notebooks.running import pace
from jupyter_mcp_ext.operations.cells import EditedAndRun, edit_and_run, notebook_session
from jupyter_mcp_ext.operations.undo import undo_edits
from tests.engine import ALICE, Engine, allow, running
from tests.operations.test_cells import PLACE, code, saved, states, write


async def insert(engine: Engine, *sources: str) -> EditedAndRun:
    edit = partial(edits.insert, cells=[NewCell(source=one) for one in sources], after=None)
    check = partial(edits.rehearse, edit=edit)
    created = await notebook_session(engine.services, ALICE, PLACE, allow, check=check)
    return await edit_and_run(
        engine.services,
        created.session,
        PLACE,
        edit,
        caller=ALICE,
        require=allow,
        can_ask=False,
        is_shared=False,
    )


async def test_a_cell_is_inserted_and_opened_with_one_write_and_its_outputs_are_another(
    jp_serverapp: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nothing is written while the cell runs, however long that takes.
    monkeypatch.setattr(pace, "FILE_PAUSE", 3_600.0)
    monkeypatch.setattr(pace, "FILE_PAUSE_ENDED", 3_600.0)
    written: list[list[int]] = []

    def saves(model: Any, **_: Any) -> None:
        written.append([len(cell["outputs"]) for cell in model["content"]["cells"]])

    async with running(jp_serverapp) as engine:
        write(engine, code("1"))
        jp_serverapp.contents_manager.register_pre_save_hook(saves)

        ran = await insert(engine, "print(2)")
        assert isinstance(ran.execution, Execution)
        await engine.services.executions.settled(ran.execution, 30)

        assert states(ran.execution) == ["ok"]
        assert ran.edit.can_undo
        assert written == [[0, 0], [0, 1]]


async def test_a_call_that_is_cancelled_while_it_is_saved_runs_nothing_and_can_be_taken_back(
    jp_serverapp: Any,
) -> None:
    async with running(jp_serverapp) as engine:
        write(engine, code("1"))
        await notebook_session(engine.services, ALICE, PLACE, allow, check=lambda _: None)
        task = asyncio.create_task(insert(engine, "print(2)"))
        jp_serverapp.contents_manager.register_pre_save_hook(lambda **_: task.cancel())

        with pytest.raises(asyncio.CancelledError):
            await task
        made = saved(engine)
        undone = await undo_edits(engine.services, PLACE, 1, caller=ALICE)

        assert [cell.source for cell in made] == ["1", "print(2)"]
        assert engine.started() == set()
        assert (len(undone.taken), undone.why) == (1, "")
        assert [cell.source for cell in saved(engine)] == ["1"]


async def test_cells_that_cannot_be_run_are_inserted_all_the_same(jp_serverapp: Any) -> None:
    async with running(jp_serverapp, max_code_bytes=20) as engine:
        write(engine, code("1"))

        ran = await insert(engine, "2", "x = 'longer than is allowed'")

        assert isinstance(ran.execution, InvalidArgument)
        assert len(ran.edit.changed.value.cells) == 2
        assert [cell.execution_count for cell in saved(engine)] == [None, None, None]
        assert engine.started() == set()
