"""Tools that make and show notebooks."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import Field

from jupyter_mcp_ext.notebooks.cells import parse_cells
from jupyter_mcp_ext.notebooks.reading.document import KernelMetadata
from jupyter_mcp_ext.notebooks.reading.words import page_of
from jupyter_mcp_ext.outputs.characters import argument, escaped
from jupyter_mcp_ext.wording import counted

from .answer import Answer, text
from .call import Call
from .definition import tool

MAX_LISTED = 40
"""Cells of a new notebook that its answer lists."""


@tool(("write", "contents"), ("read", "kernelspecs"))
async def create_notebook(
    call: Call,
    path: str,
    cells: list[str | dict[str, Any]] | None = None,
    kernel_name: str | None = None,
) -> Answer:
    """Create a notebook with cells; never overwrites."""
    services = call.services
    new_cells = parse_cells(cells or [])  # type: ignore[arg-type]  # JSON, as it was parsed
    name = await services.kernels.known_name(kernel_name)
    spec = (await services.kernels.specs())[name]
    kernel = KernelMetadata(name=name, display_name=spec["display_name"], language=spec["language"])
    notebook = await services.notebooks.create(path, new_cells, kernel=kernel, hides=call.hides)
    services.written.by_another(notebook.path)
    does = "run_cells({}) runs them." if notebook.cells else "insert_cells({}, [...]) adds some."
    words = (
        f"Made {escaped(notebook.path)}: {counted(len(notebook.cells), 'cell')}, kernel {name}. "
        f"{does.format(argument(notebook.path))}"
    )
    page = page_of(notebook, what="outline", limits=services.limits)
    lines = [f"[{c.index}] {c.cell_type} {c.handle}" for c in page.shown[:MAX_LISTED]]
    more = len(notebook.cells) - len(lines)
    lines += [f"… {counted(more, 'more cell')}"] if more else []
    cells_shown = [asdict(c) for c in page.shown]
    return text("\n".join([words, *lines]), notebook={"path": notebook.path, "cells": cells_shown})


@tool(("read", "contents"), read_only=True, is_main=True)
async def read_notebook(
    call: Call,
    path: str,
    view: Literal["source", "outline", "outputs"] = "source",
    cells: Annotated[
        list[str] | None, Field(description="Handles, ids, indices or ranges `3-7`.")
    ] = None,
    grep: str | None = None,
    offset: Annotated[int, Field(ge=0)] = 0,
    limit: Annotated[int | None, Field(ge=1)] = None,
    column: Annotated[int, Field(ge=0)] = 0,
) -> Answer:
    """Read a Jupyter notebook's cells with handles and run states: source, outline (one line a
    cell) or outputs. Read before editing; never open .ipynb as a file.
    """
    notebook = await call.services.notebooks.read(path, hides=call.hides)
    build = partial(
        page_of,
        notebook,
        what=view,
        cells=cells,
        grep=grep,
        offset=offset,
        column=column,
        limit=limit,
        limits=call.services.limits,
    )
    page = await call.services.rendering.shown(
        lambda render: build(render=render),
        of=notebook.path,
        aside=view == "outputs" or bool(grep) or notebook.is_long,
    )
    shown = [asdict(cell) for cell in page.shown]
    meta = {"path": notebook.path, "cells": shown, "next": page.next_call}
    return Answer(blocks=page.blocks, meta={"notebook": meta})
