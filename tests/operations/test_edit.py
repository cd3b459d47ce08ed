"""Edits of notebooks with what is kept of them, below HTTP."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp_ext.errors import ContentsError, InvalidArgument
from jupyter_mcp_ext.files.paths import Place
from jupyter_mcp_ext.notebooks.cells import NewCell
from jupyter_mcp_ext.notebooks.editing import edits
from jupyter_mcp_ext.notebooks.editing import words as edit_words
from jupyter_mcp_ext.operations.edit import EditOutcome, edit_notebook
from jupyter_mcp_ext.operations.undo import undo_edits
from tests.engine import ALICE, BOB, Engine, running

PLACE = Place(path="a.ipynb", real="a.ipynb")


def cells(engine: Engine, path: str = PLACE.path) -> list[str]:
    """The sources of a notebook's cells."""
    found = json.loads(Path(engine.serverapp.root_dir, path).read_text())["cells"]
    return ["".join(cell["source"]) for cell in found]


async def insert(
    engine: Engine, source: str, caller: Any = ALICE, *, place: Place = PLACE
) -> EditOutcome:
    edit = partial(edits.insert, cells=[NewCell(source=source)], after=None)
    return await edit_notebook(engine.services, place, edit, caller=caller)


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
        undone = await undo_edits(engine.services, PLACE, 1, caller=ALICE)

        assert made == ["x"]
        assert (len(undone.taken), undone.why) == (1, "")
        assert cells(engine) == []


async def test_each_client_takes_back_its_own_edits(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        engine.notebook(PLACE.path)
        await insert(engine, "of alice")
        await insert(engine, "of bob", BOB)

        undone = await undo_edits(engine.services, PLACE, 5, caller=ALICE)

        assert len(undone.taken) == 1
        assert cells(engine) == ["of bob"]


@pytest.mark.parametrize("how", ["in Jupyter", "by another program", "with its folder"])
async def test_edits_are_taken_back_after_the_notebook_was_renamed(
    jp_serverapp: Any, how: str
) -> None:
    root = Path(jp_serverapp.root_dir)
    async with running(jp_serverapp) as engine:
        engine.notebook("old/a.ipynb")
        old = Place(path="old/a.ipynb", real="old/a.ipynb")
        await insert(engine, "first", place=old)
        await insert(engine, "second", place=old)
        await insert(engine, "of bob", BOB, place=old)
        if how == "in Jupyter":
            await jp_serverapp.contents_manager.rename("old/a.ipynb", "b.ipynb")
        elif how == "by another program":
            (root / "old/a.ipynb").rename(root / "b.ipynb")
        else:
            (root / "old").rename(root / "new")
        path = "new/a.ipynb" if how == "with its folder" else "b.ipynb"
        new = Place(path=path, real=path)
        await insert(engine, "third", place=new)

        undone = await undo_edits(engine.services, new, 3, caller=ALICE)

        assert (len(undone.taken), undone.why) == (3, "")
        assert cells(engine, path) == ["of bob"]
        assert len((await undo_edits(engine.services, new, 1, caller=BOB)).taken) == 1
        assert cells(engine, path) == []


async def test_the_edits_of_another_notebook_that_is_gone_are_not_taken_back(
    jp_serverapp: Any,
) -> None:
    async with running(jp_serverapp) as engine:
        engine.notebook(PLACE.path)
        engine.notebook("b.ipynb")
        [made] = (await insert(engine, "x")).changed.value.cells
        delete = partial(edits.delete, references=[made.handle])
        await edit_notebook(engine.services, PLACE, delete, caller=ALICE)
        Path(jp_serverapp.root_dir, PLACE.path).unlink()

        with pytest.raises(InvalidArgument, match="no edit of this client"):
            await undo_edits(
                engine.services, Place(path="b.ipynb", real="b.ipynb"), 1, caller=ALICE
            )


async def test_a_path_that_is_used_again_has_none_of_the_edits_of_the_notebook_before(
    jp_serverapp: Any,
) -> None:
    root = Path(jp_serverapp.root_dir)
    async with running(jp_serverapp) as engine:
        engine.notebook(PLACE.path)
        await insert(engine, "kept", BOB)
        [made] = (await insert(engine, "deleted", BOB)).changed.value.cells
        delete = partial(edits.delete, references=[made.handle])
        await edit_notebook(engine.services, PLACE, delete, caller=ALICE)
        (root / PLACE.path).rename(root / "b.ipynb")
        engine.notebook(PLACE.path)
        await insert(engine, "another", BOB)

        with pytest.raises(ContentsError, match="another one at the same path"):
            await undo_edits(engine.services, PLACE, 1, caller=ALICE)
        renamed = Place(path="b.ipynb", real="b.ipynb")
        undone = await undo_edits(engine.services, renamed, 1, caller=ALICE)

        assert cells(engine) == ["another"]
        assert (len(undone.taken), undone.why) == (1, "")
        assert sorted(cells(engine, "b.ipynb")) == ["deleted", "kept"]


async def test_the_edits_of_a_copy_are_not_taken_back_in_another(jp_serverapp: Any) -> None:
    root = Path(jp_serverapp.root_dir)
    async with running(jp_serverapp) as engine:
        engine.notebook(PLACE.path)
        await insert(engine, "in both", BOB)
        (root / "copy.ipynb").write_bytes((root / PLACE.path).read_bytes())
        [made] = (await insert(engine, "in one")).changed.value.cells
        delete = partial(edits.delete, references=[made.handle])
        await edit_notebook(engine.services, PLACE, delete, caller=ALICE)
        (root / PLACE.path).unlink()

        with pytest.raises(InvalidArgument, match="no edit of this client"):
            await undo_edits(
                engine.services, Place(path="copy.ipynb", real="copy.ipynb"), 1, caller=ALICE
            )

        assert cells(engine, "copy.ipynb") == ["in both"]


async def test_what_became_of_earlier_edits_is_told_with_those_that_are_taken_back(
    jp_serverapp: Any,
) -> None:
    async with running(jp_serverapp) as engine:
        engine.notebook(PLACE.path)
        await insert(engine, "first")
        await insert(engine, "second")
        engine.services.editing.unsaved.notes.add(PLACE.path, [ALICE.reader], "an edit was lost")

        undone = await undo_edits(engine.services, PLACE, 2, caller=ALICE)

        assert (len(undone.taken), undone.notes) == (2, ["an edit was lost"])
        words = edit_words.undone(PLACE.path, undone.taken, "", undone.changed, undone.notes)
        assert "\n! an edit was lost\n" in words
