"""Edits of notebooks with what is kept of them, below HTTP."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp_ext.files.paths import Place
from jupyter_mcp_ext.notebooks.cells import NewCell
from jupyter_mcp_ext.notebooks.editing import edits
from jupyter_mcp_ext.operations.edit import edit_notebook, undo_edits
from tests.engine import ALICE, BOB, Engine, running

PLACE = Place(path="a.ipynb", real="a.ipynb")


def cells(engine: Engine) -> list[Any]:
    found: list[Any] = json.loads(Path(engine.serverapp.root_dir, PLACE.path).read_text())["cells"]
    return found


async def insert(engine: Engine, source: str, caller: Any = ALICE) -> None:
    edit = partial(edits.insert, cells=[NewCell(source=source)], after=None)
    await edit_notebook(engine.services, PLACE, edit, caller=caller)


async def test_an_edit_whose_call_is_cancelled_while_it_is_saved_can_be_taken_back(
    jp_serverapp: Any,
) -> None:
    async with running(jp_serverapp) as engine:
        engine.notebook(PLACE.path)
        task = asyncio.create_task(insert(engine, "x"))
        jp_serverapp.contents_manager.register_pre_save_hook(lambda **_: task.cancel())

        with pytest.raises(asyncio.CancelledError):
            await task
        made = cells(engine)
        taken, _, why = await undo_edits(engine.services, PLACE, 1, caller=ALICE)

        assert ["".join(cell["source"]) for cell in made] == ["x"]
        assert (len(taken), why) == (1, "")
        assert cells(engine) == []


async def test_each_client_takes_back_its_own_edits(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        engine.notebook(PLACE.path)
        await insert(engine, "of alice")
        await insert(engine, "of bob", BOB)

        taken, _, _ = await undo_edits(engine.services, PLACE, 5, caller=ALICE)

        assert len(taken) == 1
        assert ["".join(cell["source"]) for cell in cells(engine)] == ["of bob"]
