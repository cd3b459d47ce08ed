"""Tools that change the cells of a notebook."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import Field

from jupyter_mcp_ext.notebooks import edit_words, edits
from jupyter_mcp_ext.notebooks.cells import parse_cells
from jupyter_mcp_ext.notebooks.draft import Draft
from jupyter_mcp_ext.notebooks.edits import Edited
from jupyter_mcp_ext.operations.edit import edit_notebook, undo_edits
from jupyter_mcp_ext.wording import counted

from .answer import Answer, text
from .call import Call
from .definition import tool
from .types import Handles


@tool(("read", "contents"), ("write", "contents"))
async def insert_cells(
    call: Call,
    path: str,
    cells: Annotated[
        list[str | dict[str, Any]], Field(description="Sources, or {cell_type, source}.")
    ],
    after: Annotated[str | None, Field(description="Handle or `start`; left out: the end.")] = None,
) -> Answer:
    """Insert cells in a notebook."""
    new = parse_cells(cells)  # type: ignore[arg-type]  # JSON, as it was parsed
    what = f"Inserted {counted(len(new), 'cell')} in"
    return await _edit(call, path, what, lambda draft: edits.insert(draft, new, after))


@tool(("read", "contents"), ("write", "contents"), destructive=True)
async def edit_cell(
    call: Call,
    path: str,
    cell: Annotated[str, Field(description="Handle.")],
    source: str | None = None,
    old_string: str | None = None,
    new_string: str | None = None,
    cell_type: Literal["code", "markdown", "raw"] | None = None,
) -> Answer:
    """Change a cell by handle: old_string to new_string, or a whole new source. Refused, with the
    current source, if it changed since you read it.
    """
    edit = partial(
        edits.rewrite,
        reference=cell,
        source=source,
        old=old_string,
        new=new_string,
        cell_type=cell_type,
    )
    return await _edit(call, path, "Edited a cell in", edit)


@tool(("read", "contents"), ("write", "contents"), destructive=True)
async def delete_cells(call: Call, path: str, cells: Handles) -> Answer:
    """Delete cells by handle; undo_edit takes it back."""
    what = f"Deleted {counted(len(set(cells)), 'cell')} from"
    return await _edit(call, path, what, partial(edits.delete, references=cells))


@tool(("read", "contents"), ("write", "contents"), idempotent=True)
async def move_cells(call: Call, path: str, cells: Handles, after: str) -> Answer:
    """Move cells behind another one (`start`: to the top)."""
    return await _edit(
        call, path, "Moved cells in", partial(edits.move, references=cells, after=after)
    )


@tool(("read", "contents"), ("write", "contents"), destructive=True, idempotent=True)
async def clear_outputs(call: Call, path: str, cells: Handles | None = None) -> Answer:
    """Remove the outputs of some cells, or of all."""
    return await _edit(call, path, "Cleared outputs in", partial(edits.clear, references=cells))


@tool(("read", "contents"), ("write", "contents"), destructive=True)
async def undo_edit(call: Call, path: str, steps: Annotated[int, Field(ge=1, le=50)] = 1) -> Answer:
    """Take back your own last edits of a notebook's cells."""
    services = call.services
    place = await services.notebooks.place(path, call.hides)
    await services.notebooks.check(place, path, hides=call.hides)
    taken, changed, why = await undo_edits(services, place, steps, caller=call.caller)
    words = edit_words.undone(place.path, taken, why, changed)
    return text(words, notebook={"path": place.path, "undone": len(taken)})


async def _edit(call: Call, path: str, what: str, edit: Callable[[Draft], Edited]) -> Answer:
    services = call.services
    place = await services.notebooks.place(path, call.hides)
    await services.notebooks.check(place, path, hides=call.hides)
    done = await edit_notebook(services, place, edit, caller=call.caller, tool=what)
    changed = done.changed
    notes = [edit_words.overwritten(done.gone)] if done.gone is not None else []
    notes += [edit_words.RELOAD] if done.is_open else []
    words = edit_words.edited(what, place.path, changed, can_undo=done.can_undo, notes=notes)
    meta = {
        "path": place.path,
        "cells": [asdict(cell) for cell in changed.value.cells],
        "saved": changed.saved,
    }
    return text(words, notebook=meta)
