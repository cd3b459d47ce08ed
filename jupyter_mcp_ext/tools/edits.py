"""Tools that change the cells of a notebook."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import Field

from jupyter_mcp_ext.errors import ContentsError, ToolError
from jupyter_mcp_ext.files.paths import Place
from jupyter_mcp_ext.notebooks.cells import parse_cells
from jupyter_mcp_ext.notebooks.draft import Draft
from jupyter_mcp_ext.notebooks.editing import edits
from jupyter_mcp_ext.notebooks.editing import words as edit_words
from jupyter_mcp_ext.notebooks.editing.edits import Edited
from jupyter_mcp_ext.operations.cells import edit_and_run, notebook_session
from jupyter_mcp_ext.operations.edit import EditOutcome, edit_notebook
from jupyter_mcp_ext.operations.undo import undo_edits
from jupyter_mcp_ext.outputs.presentation import TextBlock

from .answer import Answer, text
from .call import Call
from .definition import tool
from .execution import awaited
from .types import Handles, placed


@tool(("read", "contents"), ("write", "contents"))
async def insert_cells(
    call: Call,
    path: str,
    cells: Annotated[
        list[str | dict[str, Any]], Field(description="Sources, or {cell_type, source}.")
    ],
    after: Annotated[str | None, Field(description="Handle, or `start`; else the end.")] = None,
    run: bool = False,
    wait: Annotated[float, Field(ge=0)] = 50,
) -> Answer:
    """Add cells to a notebook, and `run` them until an error."""
    new = parse_cells(cells)  # type: ignore[arg-type]  # JSON, as it was parsed
    edit = partial(edits.insert, cells=new, after=after)
    if run:
        return await _edit_and_run(call, path, edit, wait)
    return await _edit(call, path, edit)


@tool(("read", "contents"), ("write", "contents"), destructive=True)
async def edit_cell(
    call: Call,
    path: str,
    cell: str,
    source: str | None = None,
    old_string: str | None = None,
    new_string: str | None = None,
    cell_type: Literal["code", "markdown", "raw"] | None = None,
    run: bool = False,
    wait: Annotated[float, Field(ge=0)] = 50,
) -> Answer:
    """Modify a notebook cell by handle: old_string to new_string, or a new source. Refused if
    changed since you read it. `run` runs it.
    """
    edit = partial(
        edits.rewrite,
        reference=cell,
        source=source,
        old=old_string,
        new=new_string,
        cell_type=cell_type,
    )
    if run:
        return await _edit_and_run(call, path, edit, wait)
    return await _edit(call, path, edit)


@tool(("read", "contents"), ("write", "contents"), destructive=True)
async def delete_cells(call: Call, path: str, cells: Handles) -> Answer:
    """Delete cells by handle; undo_edit takes it back."""
    return await _edit(call, path, partial(edits.delete, references=cells))


@tool(("read", "contents"), ("write", "contents"), idempotent=True)
async def move_cells(call: Call, path: str, cells: Handles, after: str) -> Answer:
    """Move cells behind another (`start`: to the top)."""
    return await _edit(call, path, partial(edits.move, references=cells, after=after))


@tool(("read", "contents"), ("write", "contents"), destructive=True, idempotent=True)
async def clear_outputs(call: Call, path: str, cells: Handles | None = None) -> Answer:
    """Remove outputs of some cells, or all."""
    return await _edit(call, path, partial(edits.clear, references=cells))


@tool(("read", "contents"), ("write", "contents"), destructive=True)
async def undo_edit(call: Call, path: str, steps: Annotated[int, Field(ge=1, le=50)] = 1) -> Answer:
    """Take back your last edits of a notebook."""
    place = await placed(call, path)
    async with call.services.editing.collaborators.shown(place.path, call.caller.label):
        done = await undo_edits(call.services, place, steps, caller=call.caller)
    words = edit_words.undone(place.path, done.taken, done.why, done.changed, done.notes)
    return text(words, notebook={"path": place.path, "undone": len(done.taken)})


async def _edit(call: Call, path: str, edit: Callable[[Draft], Edited]) -> Answer:
    async with _shown(call, path) as (place, is_shared):
        done = await edit_notebook(
            call.services, place, edit, caller=call.caller, is_shared=is_shared
        )
    words = edit_words.edited(place.path, done.changed, _notes(done))
    return text(words, notebook=_meta(done))


async def _edit_and_run(
    call: Call, path: str, edit: Callable[[Draft], Edited], wait: float
) -> Answer:
    await call.require(("execute", "kernels"))
    async with _shown(call, path) as (place, is_shared):
        # First, so that a cell is not edited that then cannot be run.
        check = partial(edits.rehearse, edit=edit)
        created = await notebook_session(
            call.services, call.caller, place, call.require, check=check
        )
        call.use(created.session, path)
        ran = await edit_and_run(
            call.services,
            created.session,
            place,
            edit,
            caller=call.caller,
            require=call.require,
            can_ask=call.elicitation is not None,
            is_shared=is_shared,
        )
        said = edit_words.notices(place.path, ran.edit.changed, _notes(ran.edit))
        if isinstance(ran.execution, ToolError):
            msg = f"{said[0]}, but nothing was run. {ran.execution}"
            raise ContentsError(msg) from ran.execution
        call.notices.extend((*created.notices, *said))
        answer = await awaited(call, ran.execution, wait, stops=wait > 0)
    diff = ran.edit.changed.value.diff
    blocks = (*answer.blocks, TextBlock(text=diff)) if diff else answer.blocks
    return replace(answer, blocks=blocks, meta={**answer.meta, "notebook": _meta(ran.edit)})


@asynccontextmanager
async def _shown(call: Call, path: str) -> AsyncIterator[tuple[Place, bool]]:
    """The notebook that an argument names, where the agent is shown, and whether it is shared."""
    services = call.services
    place = await services.notebooks.place(path, call.hides)
    async with services.editing.collaborators.shown(place.path, call.caller.label) as is_shared:
        if not is_shared:  # else it is there, and its room looks at its file at each edit
            await services.notebooks.check(place, path, hides=call.hides)
        yield place, is_shared


def _notes(done: EditOutcome) -> list[str]:
    notes = [edit_words.overwritten(done.gone)] if done.gone is not None else []
    notes += [edit_words.RELOAD] if done.is_open else []
    return notes if done.can_undo else [*notes, edit_words.NO_UNDO]


def _meta(done: EditOutcome) -> Mapping[str, object]:
    return {
        "path": done.path,
        "cells": [asdict(cell) for cell in done.changed.value.cells],
        "saved": done.changed.saved,
    }
