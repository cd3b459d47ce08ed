"""A notebook as compact text for a model, page by page. No I/O.

A page of several cells ends where a cell ends, and names the call for the next one. A cell that is
asked for alone is paged by its lines.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal, TypeAlias

from jupyter_mcp_ext.errors import InvalidArgument
from jupyter_mcp_ext.notebooks.cell_text import (
    OUTPUTS,
    Line,
    NamedCell,
    Part,
    State,
    parts_of,
    printable,
    state,
)
from jupyter_mcp_ext.notebooks.document import Notebook
from jupyter_mcp_ext.notebooks.grep import compile_grep, matches
from jupyter_mcp_ext.notebooks.handles import handles, select
from jupyter_mcp_ext.outputs.presentation import ImageBlock, Limits, TextBlock, present
from jupyter_mcp_ext.outputs.text import cut_line

What: TypeAlias = Literal["source", "outputs", "outline"]

_OUTPUTS_SHARE = 0.3
"""Of the text of a page: what the outputs of one cell among several may take."""

_MAX_REFERENCES = 100
_LONG_REFERENCES = 300
_MATCHES = 20
_MATCH_WIDTH = 300
_NOTE = 60
"""Characters that a note needs beside the call that it names."""


@dataclass(frozen=True, kw_only=True)
class CellInfo:
    """What a program would want to know of a cell that is shown."""

    handle: str
    cell_id: str | None
    index: int
    cell_type: str
    state: State | None
    """None for cells that do not run."""


@dataclass(frozen=True, kw_only=True)
class NotebookPage:
    """One page of a notebook."""

    blocks: tuple[TextBlock | ImageBlock, ...]
    shown: tuple[CellInfo, ...]
    next_call: str | None
    """The call that shows what comes after this page; None on the last one."""


def view(
    notebook: Notebook,
    *,
    what: What = "source",
    cells: Sequence[str | int] | None = None,
    grep: str | None = None,
    offset: int = 0,
    limit: int | None = None,
    limits: Limits,
) -> NotebookPage:
    """The page that begins with the cell whose index is ``offset``.

    ``limit`` is a number of cells, ``grep`` a regular expression that a line of the source must
    match. When ``cells`` names one cell alone, the three are about lines of that cell.
    """
    if offset < 0 or (limit is not None and limit < 1):
        msg = "offset is below 0 or limit below 1. Both count cells: offset from 0, limit from 1."
        raise InvalidArgument(msg)
    pattern = compile_grep(grep) if grep else None
    if cells and len(cells) > _MAX_REFERENCES:
        msg = f'cells has more than {_MAX_REFERENCES} entries. Use ranges of indices like "3-70".'
        raise InvalidArgument(msg)
    names = handles(notebook.cells)
    indices = select(notebook.cells, cells) if cells else range(len(names))
    query = _Query(notebook.path, what, _short(cells or (), indices) or None, grep or None, limit)
    chosen = [NamedCell(cell=notebook.cells[index], handle=names[index]) for index in indices]
    page = _Page(notebook, query, limits)
    if cells and len(chosen) == 1 and what != "outline":
        return _view_one(page, chosen[0], pattern, offset)
    if offset >= max(len(names), 1):
        msg = f"The notebook has {len(names)} cells, so none from {offset} on. Use a lower offset."
        raise InvalidArgument(msg)
    return _view_many(page, [cell for cell in chosen if cell.cell.index >= offset], pattern)


@dataclass(frozen=True)
class _Query:
    """What is asked for, to spell out the calls that show more of it."""

    path: str
    what: What
    cells: Sequence[str | int] | None
    grep: str | None
    limit: int | None

    def at(self, offset: int) -> str:
        """The same from another place on."""
        return self._call(cells=self.cells, grep=self.grep, offset=offset, limit=self.limit)

    def only(self, cell: NamedCell, offset: int | None = None) -> str:
        """One cell alone, from a line on."""
        return self._call(cells=[cell.handle], offset=offset)

    def _call(self, **arguments: Sequence[str | int] | str | int | None) -> str:
        view = None if self.what == "source" else self.what
        given = [
            f"{name}={json.dumps(value, ensure_ascii=False)}"
            for name, value in {"view": view, **arguments}.items()
            if value is not None
        ]
        return f"read_notebook({', '.join([json.dumps(self.path, ensure_ascii=False), *given])})"


class _Page:
    """The blocks of one page, and the room that is left in its text."""

    def __init__(self, notebook: Notebook, query: _Query, limits: Limits) -> None:
        self.query = query
        self.limits = limits
        title = _title(notebook)
        self.room = limits.text - len(title) - 1 - len(query.at(10**9)) - _NOTE
        self._images = limits.images
        self._parts: list[Part] = [title]
        self._shown: list[CellInfo] = []

    @property
    def count(self) -> int:
        return len(self._shown)

    def fits(self, parts: Iterable[Part]) -> bool:
        parts = list(parts)
        return _length(parts) <= self.room and _images(parts) <= self._images

    def add(self, cell: NamedCell, parts: Sequence[Part]) -> None:
        self._parts.extend(parts)
        self.room -= _length(parts)
        self._images -= _images(parts)
        self._shown.append(
            CellInfo(
                handle=cell.handle,
                cell_id=cell.cell.cell_id,
                index=cell.cell.index,
                cell_type=cell.cell.cell_type,
                state=state(cell.cell),
            )
        )

    def ended(self, next_call: str | None, note: str = "more cells") -> NotebookPage:
        if not self._shown:
            self._parts.append("(no cell matches)" if self.query.grep else "(no cells)")
        if next_call:
            self._parts.append(f"({note}: {next_call})")
        return NotebookPage(
            blocks=tuple(_blocks(self._parts)), shown=tuple(self._shown), next_call=next_call
        )


def _view_many(
    page: _Page, cells: Sequence[NamedCell], pattern: re.Pattern[str] | None
) -> NotebookPage:
    for cell in cells:
        found = _matching(cell, pattern) if pattern is not None else None
        if found == []:
            continue
        if page.count == page.query.limit:
            return page.ended(page.query.at(cell.cell.index))
        parts = list(_whole(page, cell, found))
        if not page.fits(parts):
            if page.count:
                return page.ended(page.query.at(cell.cell.index))
            parts = list(_beginning(page, cell))
        page.add(cell, parts)
    return page.ended(None)


def _view_one(
    page: _Page, cell: NamedCell, pattern: re.Pattern[str] | None, offset: int
) -> NotebookPage:
    query = page.query
    has_outputs = query.what == "outputs" and bool(cell.cell.outputs)
    is_whole = offset == 0 and pattern is None and query.limit is None
    if is_whole and has_outputs and len(cell.cell.source) < page.room // 2:
        return _view_folded(page, cell)
    lines = [line for line in cell.lines(page.limits, outputs=has_outputs) if line[0] >= offset]
    if pattern is not None:
        lines = [
            (number, f"{number}: {part}")
            for number, part in lines
            if isinstance(part, str) and matches(pattern, part)
        ]
    if offset and not lines:
        msg = f"The cell has nothing to show from line {offset} on. Use a lower offset."
        raise InvalidArgument(msg)
    taken = _take(page, lines, page.room - len(cell.header) - 1)[: query.limit]
    page.add(cell, [cell.header, *(part for _, part in taken)])
    left = lines[len(taken) :]
    return page.ended(query.at(left[0][0]) if left else None, f"{len(left)} more lines")


def _view_folded(page: _Page, cell: NamedCell) -> NotebookPage:
    """A cell with the heads and tails of its outputs, and the calls for what lies between."""
    calls: list[str] = []

    def more(output: int, line: int) -> str:
        calls.append(page.query.only(cell, cell.start_of(output, page.limits) + line))
        return calls[-1]

    parts: list[Part] = [cell.header, *cell.source_lines(), OUTPUTS]
    limits = replace(page.limits, text=page.room - _length(parts))
    shown = present(cell.cell.outputs, limits=limits, label=cell.label, more=more)
    page.add(cell, [*parts, *parts_of(shown.blocks)])
    ended = page.ended(None)
    return replace(ended, next_call=calls[0]) if shown.truncated and calls else ended


def _whole(page: _Page, cell: NamedCell, found: Sequence[str] | None) -> Iterator[Part]:
    if page.query.what == "outline":
        yield cell.outline
        yield from found or ()
        return
    yield cell.header
    yield from cell.source_lines() if found is None else found
    if page.query.what == "outputs" and cell.cell.outputs:
        shown = present(
            cell.cell.outputs,
            limits=replace(page.limits, text=int(page.limits.text * _OUTPUTS_SHARE)),
            label=cell.label,
            more=lambda _output, _line: page.query.only(cell),
        )
        yield OUTPUTS
        yield from parts_of(shown.blocks)
    yield ""


def _beginning(page: _Page, cell: NamedCell) -> Iterator[Part]:
    """What there is room for of a cell that is larger than a page, and the call for the rest."""
    lines = list(cell.lines(page.limits, outputs=page.query.what == "outputs"))
    longest_call = page.query.only(cell, 10**9)
    room = page.room - len(cell.header) - len(longest_call) - _NOTE
    taken = _take(page, lines, room)
    yield cell.header
    yield from (part for _, part in taken)
    if left := lines[len(taken) :]:
        yield f"({len(left)} more lines of this cell: {page.query.only(cell, left[0][0])})"
    yield ""


def _take(page: _Page, lines: Sequence[Line], room: int) -> list[Line]:
    """The first lines that fit, but one at least: a page without any would be its own next."""
    taken: list[Line] = []
    images = 0
    for number, part in lines:
        shown = cut_line(part, max(room - 1, 40)) if isinstance(part, str) and not taken else part
        room -= _length([shown])
        images += _images([shown])
        if taken and (room < 0 or images > page.limits.images):
            break
        taken.append((number, shown))
    return taken


def _matching(cell: NamedCell, pattern: re.Pattern[str]) -> list[str]:
    """The lines of the source that match, with the numbers by which they can be asked for."""
    found = [
        f"{number}: {cut_line(line, _MATCH_WIDTH)}"
        for number, line in enumerate(cell.source_lines())
        if matches(pattern, line)
    ]
    if len(found) > _MATCHES:
        found[_MATCHES:] = [f"({len(found) - _MATCHES} more lines of this cell match)"]
    return found


def _short(references: Sequence[str | int], indices: Sequence[int]) -> Sequence[str | int]:
    """References that a call can repeat on each page: their indices where they are long."""
    if sum(len(str(reference)) for reference in references) <= _LONG_REFERENCES:
        return references
    # Neighbours have the same distance from their places in the list.
    runs = [list(run) for _, run in groupby(enumerate(indices), lambda pair: pair[1] - pair[0])]
    return [f"{run[0][1]}-{run[-1][1]}" for run in runs]


def _title(notebook: Notebook) -> str:
    count = len(notebook.cells)
    words = f"{count} cell{'' if count == 1 else 's'}, kernel {notebook.kernel_name or 'unknown'}"
    return printable(f"{notebook.path}: {words}, nbformat {notebook.nbformat}")


def _length(parts: Iterable[Part]) -> int:
    return sum(len(part) + 1 for part in parts if isinstance(part, str))


def _images(parts: Iterable[Part]) -> int:
    return sum(isinstance(part, ImageBlock) for part in parts)


def _blocks(parts: Iterable[Part]) -> Iterator[TextBlock | ImageBlock]:
    """Text that is not parted by an image as one block."""
    texts: list[str] = []
    for part in parts:
        if isinstance(part, str):
            texts.append(part)
            continue
        if texts:
            yield TextBlock(text="\n".join(texts))
            texts = []
        yield part
    if texts:
        yield TextBlock(text="\n".join(texts))
