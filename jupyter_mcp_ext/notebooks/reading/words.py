"""A notebook as compact text for a model, page by page. No I/O.

A page of several cells ends where a cell ends, and names the call for the next one. A cell that is
asked for alone is paged by its lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from jupyter_mcp_ext.errors import InvalidArgument
from jupyter_mcp_ext.notebooks.handles import handles, select
from jupyter_mcp_ext.outputs.finds import find, words_of
from jupyter_mcp_ext.outputs.limits import Limits
from jupyter_mcp_ext.outputs.pages import Page, as_line, as_offset
from jupyter_mcp_ext.outputs.pages import page as lines_page
from jupyter_mcp_ext.outputs.presentation import ImageBlock, TextBlock, present
from jupyter_mcp_ext.outputs.rendering import Render, here
from jupyter_mcp_ext.outputs.search import Search

from .cell_text import CellText
from .document import Notebook
from .page import NOTE, Block, Filling, NotebookPage, length, parts_of
from .selection import References, Selection, What, shorten

_SHARE = 0.3
"""The part of a page that the outputs or matches of one of several cells may take."""

_MAX_REFERENCES = 100
_MATCHES = 20


def page_of(
    notebook: Notebook,
    *,
    what: What = "source",
    cells: References | None = None,
    grep: str | None = None,
    offset: int = 0,
    column: int = 0,
    limit: int | None = None,
    limits: Limits,
    render: Render = here,
) -> NotebookPage:
    """The page that begins with the cell whose index is ``offset``.

    ``limit`` is a number of cells, ``grep`` a regular expression that a line of the source must
    match, or of the outputs where they are shown. When ``cells`` names one cell alone, the three
    are about lines of that cell, counted from 1, and ``column`` about a character of the first.
    """
    if offset < 0 or (limit is not None and limit < 1):
        msg = "offset is below 0 or limit below 1. Both count cells: offset from 0, limit from 1."
        raise InvalidArgument(msg)
    if cells and len(cells) > _MAX_REFERENCES:
        msg = f'cells has more than {_MAX_REFERENCES} entries. Use ranges of indices like "3-70".'
        raise InvalidArgument(msg)
    names = handles(notebook.cells)
    indices = select(notebook.cells, cells) if cells else range(len(names))
    selection = Selection(
        notebook.path, what, shorten(cells or (), indices) or None, grep or None, limit
    )
    chosen = [CellText(notebook.cells[index], names[index], render) for index in indices]
    page = Filling(notebook, selection, limits)
    with ExitStack() as stack:
        search = stack.enter_context(Search(grep)) if grep else None
        if cells and len(chosen) == 1 and what != "outline":
            return _page_of_one(page, chosen[0], as_line(offset), column, search)
        if offset >= max(len(names), 1):
            msg = f"The notebook has {len(names)} cells, none from {offset} on. Use a lower offset."
            raise InvalidArgument(msg)
        return _page_of_many(page, [cell for cell in chosen if cell.cell.index >= offset], search)


def _page_of_many(page: Filling, cells: Sequence[CellText], search: Search | None) -> NotebookPage:
    for cell in cells:
        found = _matching(page, cell, search) if search else None
        if found == []:
            continue
        if page.count == page.selection.limit:
            return page.ended(page.selection.at(cell.cell.index))
        parts = list(_whole(page, cell, found))
        if not page.fits(parts):
            if page.count:
                return page.ended(page.selection.at(cell.cell.index))
            parts = list(_beginning(page, cell))
        page.add(cell, parts)
    return page.ended()


def _page_of_one(
    page: Filling, cell: CellText, offset: int, column: int, search: Search | None
) -> NotebookPage:
    selection = page.selection
    outputs = selection.what == "outputs" and bool(cell.cell.outputs)
    source = [cell.header, *cell.source_lines]
    if offset == column == 0 and selection.grep is None and selection.limit is None:
        if outputs and length(source) < page.room * (1 - _SHARE):
            return _folded_page(page, cell, source)
        if not outputs and page.fits(source):
            page.add(cell, source)
            return page.ended()
    images = cell.images if outputs and not selection.grep else {}
    # A page ends before there are too many images on it.
    beyond = [line for line in sorted(images) if line >= offset][page.limits.images :]
    show = partial(lines_page if search is None else partial(find, search=search), column=column)
    part = show(
        cell.lines(outputs=outputs),
        offset=offset,
        limit=min(selection.limit or page.room, *(line - offset for line in beyond), page.room),
        budget=page.room - len(cell.header) - 1,
        more=partial(selection.only, cell.handle),
    )
    if offset and not part.lines:
        msg = f"The cell has nothing to show from line {as_offset(offset)} on. Use a lower offset."
        raise InvalidArgument(msg)
    lines = list(words_of(part, numbered=bool(selection.grep)))
    page.add(cell, [cell.header, *_with_images(page, cell, part, lines, images)])
    if part.next_offset is None:
        return page.ended()
    following = selection.at(as_offset(part.next_offset), part.next_column)
    return page.ended(following, f"{part.total} lines, more")


def _with_images(
    page: Filling, cell: CellText, part: Page, lines: Sequence[str], images: Mapping[int, int]
) -> Iterator[Block]:
    """The lines of a page, and after those that name an image the image."""
    for shown_line, line in zip(part.lines, lines, strict=True):
        yield line
        if (output := images.get(shown_line.number)) is not None:
            shown = present(
                [cell.cell.outputs[output]],
                limits=page.limits,
                label=lambda _: "",
                more=lambda *_place: "",
                render=cell.render,
            )
            yield from (block for block in shown.blocks if isinstance(block, ImageBlock))


def _folded_page(page: Filling, cell: CellText, source: Sequence[str]) -> NotebookPage:
    """A cell with the heads and tails of its outputs, and the calls for what lies between."""
    calls = [page.selection.only(cell.handle, cell.line_of(0))]

    def more(output: int, line: int, column: int = 0) -> str:
        calls.append(page.selection.only(cell.handle, cell.line_of(output) + line, column))
        return calls[-1]

    parts = [*source, cell.outputs_begin]
    limits = replace(page.limits, text=page.room - length(parts))
    shown = present(
        cell.cell.outputs, limits=limits, label=cell.label, more=more, render=cell.render
    )
    page.add(cell, [*parts, *parts_of(shown.blocks)])
    ended = page.ended()
    if not shown.truncated:
        return ended
    # Not each call that was asked for was used.
    texts = "".join(block.text for block in ended.blocks if isinstance(block, TextBlock))
    named = next((call for call in calls[1:] if call in texts), calls[0])
    return replace(ended, next_call=named)


def _whole(page: Filling, cell: CellText, found: Sequence[str] | None) -> Iterator[Block]:
    if page.selection.what == "outline":
        yield cell.outline
        yield from found or ()
        return
    yield cell.header
    if found is not None:
        yield from found
        yield ""
        return
    yield from cell.source_lines
    if page.selection.what == "outputs" and cell.cell.outputs:
        shown = present(
            cell.cell.outputs,
            limits=replace(page.limits, text=int(page.limits.text * _SHARE)),
            label=cell.label,
            more=lambda *_place: page.selection.only(cell.handle),
            render=cell.render,
        )
        yield cell.outputs_begin
        yield from parts_of(shown.blocks)
    yield ""


def _beginning(page: Filling, cell: CellText) -> Iterator[Block]:
    """As much of a cell larger than a page as fits, and the call for the rest."""
    room = page.room - len(cell.header) - len(page.selection.only(cell.handle, 10**9)) - NOTE
    lines = cell.lines(outputs=page.selection.what == "outputs")
    more = partial(page.selection.only, cell.handle)
    part = lines_page(lines, offset=0, limit=room, budget=room, more=more)
    yield cell.header
    yield from words_of(part, numbered=False)
    if part.next_offset is not None:
        call = page.selection.only(cell.handle, part.next_offset)
        yield f"({part.total - part.next_offset} more lines of this cell: {call})"
    yield ""


def _matching(page: Filling, cell: CellText, search: Search) -> list[str]:
    """The lines that match, with the numbers by which they can be asked for."""
    found = find(
        cell.lines(outputs=page.selection.what == "outputs"),
        search,
        limit=_MATCHES,
        budget=int(page.limits.text * _SHARE),
        more=partial(page.selection.only, cell.handle),
    )
    lines = list(words_of(found, numbered=True))
    if found.matches is not None and found.matches > len(lines):
        lines.append(f"({found.matches - len(lines)} more lines of this cell match)")
    return lines
