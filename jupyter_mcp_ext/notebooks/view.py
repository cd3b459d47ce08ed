"""A notebook as compact text for a model, page by page. No I/O.

A page of several cells ends where a cell ends, and names the call for the next one. A cell that is
asked for alone is paged by its lines.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal, TypeAlias

from jupyter_mcp_ext.errors import InvalidArgument
from jupyter_mcp_ext.notebooks.cell_text import OUTPUTS, CellText, State, printable
from jupyter_mcp_ext.notebooks.document import Notebook
from jupyter_mcp_ext.notebooks.handles import handles, select
from jupyter_mcp_ext.outputs.pages import Page
from jupyter_mcp_ext.outputs.pages import page as lines_page
from jupyter_mcp_ext.outputs.presentation import ImageBlock, Limits, TextBlock, present

Part: TypeAlias = str | ImageBlock
"""A piece of a page: text without the end of its last line, or an image."""

What: TypeAlias = Literal["source", "outputs", "outline"]

_OUTPUTS_SHARE = 0.3
"""Of the text of a page: what the outputs of one cell among several may take."""

_MAX_REFERENCES = 100
_LONG_REFERENCES = 300
_MATCHES = 20
_MATCHES_TEXT = 3_000
_LONGEST_NAME = 60
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
    if cells and len(cells) > _MAX_REFERENCES:
        msg = f'cells has more than {_MAX_REFERENCES} entries. Use ranges of indices like "3-70".'
        raise InvalidArgument(msg)
    names = handles(notebook.cells)
    indices = select(notebook.cells, cells) if cells else range(len(names))
    query = _Query(notebook.path, what, _short(cells or (), indices) or None, grep or None, limit)
    chosen = [CellText(notebook.cells[index], names[index]) for index in indices]
    page = _Page(notebook, query, limits)
    if cells and len(chosen) == 1 and what != "outline":
        return _view_one(page, chosen[0], offset)
    if offset >= max(len(names), 1):
        msg = f"The notebook has {len(names)} cells, so none from {offset} on. Use a lower offset."
        raise InvalidArgument(msg)
    return _view_many(page, [cell for cell in chosen if cell.cell.index >= offset])


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

    def only(self, cell: CellText, offset: int | None = None) -> str:
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

    def fits(self, parts: Sequence[Part]) -> bool:
        return _length(parts) <= self.room and _images(parts) <= self._images

    def add(self, cell: CellText, parts: Sequence[Part]) -> None:
        self._parts.extend(parts)
        self.room -= _length(parts)
        self._images -= _images(parts)
        self._shown.append(
            CellInfo(
                handle=cell.handle,
                cell_id=cell.cell.cell_id,
                index=cell.cell.index,
                cell_type=cell.cell.cell_type,
                state=cell.state,
            )
        )

    def ended(self, next_call: str | None = None, note: str = "more cells") -> NotebookPage:
        if not self._shown:
            self._parts.append("(no cell matches)" if self.query.grep else "(no cells)")
        if next_call:
            self._parts.append(f"({note}: {next_call})")
        return NotebookPage(
            blocks=tuple(_blocks(self._parts)), shown=tuple(self._shown), next_call=next_call
        )


def _view_many(page: _Page, cells: Sequence[CellText]) -> NotebookPage:
    for cell in cells:
        found = _matching(cell, page.query.grep) if page.query.grep else None
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
    return page.ended()


def _view_one(page: _Page, cell: CellText, offset: int) -> NotebookPage:
    query = page.query
    outputs = query.what == "outputs" and bool(cell.cell.outputs)
    source = [cell.header, *cell.source_lines]
    if offset == 0 and query.grep is None and query.limit is None:
        if outputs and _length(source) < page.room * (1 - _OUTPUTS_SHARE):
            return _view_folded(page, cell, source)
        if not outputs and page.fits(source):
            page.add(cell, source)
            return page.ended()
    images = cell.images if outputs and not query.grep else {}
    # A page ends before there are too many images on it.
    beyond = [line for line in sorted(images) if line >= offset][page.limits.images :]
    part = lines_page(
        cell.lines(outputs=outputs),
        offset=offset,
        limit=min(query.limit or page.room, *(line - offset for line in beyond), page.room),
        grep=query.grep,
        budget=page.room - len(cell.header) - 1,
    )
    if offset and not part.lines:
        msg = f"The cell has nothing to show from line {offset} on. Use a lower offset."
        raise InvalidArgument(msg)
    lines = _numbered(part, query.grep)
    page.add(cell, [cell.header, *_with_images(page, cell, part, lines, images)])
    if part.next_offset is None:
        return page.ended()
    return page.ended(query.at(part.next_offset), f"{part.total} lines, more")


def _with_images(
    page: _Page, cell: CellText, part: Page, lines: Sequence[str], images: Mapping[int, int]
) -> Iterator[Part]:
    """The lines of a page, and after those that name an image the image."""
    for (number, _), line in zip(part.lines, lines, strict=True):
        yield line
        if (output := images.get(number)) is not None:
            shown = present(
                [cell.cell.outputs[output]],
                limits=page.limits,
                label=lambda _: "",
                more=lambda _output, _line: "",
            )
            yield from (block for block in shown.blocks if isinstance(block, ImageBlock))


def _view_folded(page: _Page, cell: CellText, source: Sequence[str]) -> NotebookPage:
    """A cell with the heads and tails of its outputs, and the calls for what lies between."""
    calls = [page.query.only(cell, cell.line_of(0))]

    def more(output: int, line: int) -> str:
        calls.append(page.query.only(cell, cell.line_of(output) + line))
        return calls[-1]

    parts = [*source, OUTPUTS]
    limits = replace(page.limits, text=page.room - _length(parts))
    shown = present(cell.cell.outputs, limits=limits, label=cell.label, more=more)
    page.add(cell, [*parts, *_parts_of(shown.blocks)])
    ended = page.ended()
    if not shown.truncated:
        return ended
    # Not each call that was asked for was used.
    texts = "".join(block.text for block in ended.blocks if isinstance(block, TextBlock))
    named = next((call for call in calls[1:] if call in texts), calls[0])
    return replace(ended, next_call=named)


def _whole(page: _Page, cell: CellText, found: Sequence[str] | None) -> Iterator[Part]:
    if page.query.what == "outline":
        yield cell.outline
        yield from found or ()
        return
    yield cell.header
    yield from cell.source_lines if found is None else found
    if page.query.what == "outputs" and cell.cell.outputs:
        shown = present(
            cell.cell.outputs,
            limits=replace(page.limits, text=int(page.limits.text * _OUTPUTS_SHARE)),
            label=cell.label,
            more=lambda _output, _line: page.query.only(cell),
        )
        yield OUTPUTS
        yield from _parts_of(shown.blocks)
    yield ""


def _beginning(page: _Page, cell: CellText) -> Iterator[Part]:
    """What there is room for of a cell that is larger than a page, and the call for the rest."""
    room = page.room - len(cell.header) - len(page.query.only(cell, 10**9)) - _NOTE
    lines = cell.lines(outputs=page.query.what == "outputs")
    part = lines_page(lines, offset=0, limit=room, grep=None, budget=room)
    yield cell.header
    yield from _numbered(part, None)
    if part.next_offset is not None:
        call = page.query.only(cell, part.next_offset)
        yield f"({part.total - part.next_offset} more lines of this cell: {call})"
    yield ""


def _matching(cell: CellText, grep: str) -> list[str]:
    """The lines of the source that match, with the numbers by which they can be asked for."""
    found = lines_page(cell.source_lines, offset=0, limit=_MATCHES, grep=grep, budget=_MATCHES_TEXT)
    lines = _numbered(found, grep)
    if found.matches is not None and found.matches > len(lines):
        lines.append(f"({found.matches - len(lines)} more lines of this cell match)")
    return lines


def _numbered(part: Page, grep: str | None) -> list[str]:
    return [f"{number}: {line}" if grep else line for number, line in part.lines]


def _short(references: Sequence[str | int], indices: Sequence[int]) -> Sequence[str | int]:
    """References that a call can repeat on each page: their indices where they are long."""
    if sum(len(str(reference)) for reference in references) <= _LONG_REFERENCES:
        return references
    # Neighbours have the same distance from their places in the list.
    runs = [list(run) for _, run in groupby(enumerate(indices), lambda pair: pair[1] - pair[0])]
    return [f"{run[0][1]}-{run[-1][1]}" for run in runs]


def _title(notebook: Notebook) -> str:
    count = len(notebook.cells)
    kernel = " ".join(notebook.kernel_name.split())[:_LONGEST_NAME] or "unknown"
    words = f"{count} cell{'' if count == 1 else 's'}, kernel {kernel}"
    return printable(f"{notebook.path}: {words}, nbformat {notebook.nbformat}")


def _parts_of(blocks: Iterable[TextBlock | ImageBlock]) -> Iterator[Part]:
    for block in blocks:
        yield block.text if isinstance(block, TextBlock) else block


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
