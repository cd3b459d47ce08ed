"""The search in one file: its text by lines, or the cells of a notebook. It blocks."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any

from jupyter_mcp_ext.errors import ContentsError
from jupyter_mcp_ext.files.lines import HEAD, is_binary
from jupyter_mcp_ext.notebooks.handles import handles
from jupyter_mcp_ext.notebooks.reading.cell_text import CellText
from jupyter_mcp_ext.notebooks.reading.document import Notebook, from_node, parse
from jupyter_mcp_ext.notebooks.reading.page import info_of
from jupyter_mcp_ext.outputs.characters import seen
from jupyter_mcp_ext.outputs.model import Json
from jupyter_mcp_ext.outputs.quoting import Remark
from jupyter_mcp_ext.outputs.rendering import NotRendered, operation

from .hits import FileHits, Hit, Passed, Place, hits_in
from .query import Match, Query

NOTEBOOK = ".ipynb"

_PIECE = 1_000_000
"""Characters that are split into lines without a break for other threads."""

_MAX_HTML = 100_000
"""Characters of HTML in one notebook of which the text is searched; behind it, the plain text."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """How each file is searched."""

    query: Query
    outputs: bool
    context: int
    most: int
    """Hits of a file that are returned, at most; all are counted."""
    live: Mapping[str, Callable[[], Json]] = field(default_factory=dict)
    """What reads the notebooks that people have open, by path."""

    def __call__(self, path: str, data: bytes | Exception) -> FileHits | Passed | None:
        """The hits in a file, if it has any; raises InvalidArgument as the query does."""
        with suppress(ContentsError):  # what is no notebook is searched as text
            if path in self.live:
                return self._in_notebook(from_node(self.live[path](), path))
        if isinstance(data, Exception):
            is_large = isinstance(data, OSError) and data.errno == errno.EFBIG
            return Passed(path=path, why="over the limit" if is_large else "not readable")
        is_notebook = path.lower().endswith(NOTEBOOK)
        if not is_notebook and is_binary(data[:HEAD]):
            return Passed(path=path, why="binary")
        if not self.query.needle.may_be_in(data, is_json=is_notebook):
            return None
        return self._in_file(path, data, is_notebook=is_notebook)

    def _in_file(self, path: str, data: bytes, *, is_notebook: bool) -> FileHits | None:
        with suppress(ContentsError):
            if is_notebook:
                return self._in_notebook(parse(data, path))
        lines = _lines(seen(_decoded(data)))
        kept, total = self._kept(self.query.matches([lines]))
        hits = hits_in(lines, [match for _, match in kept], context=self.context)
        return _found(path, hits, total)

    def _in_notebook(self, notebook: Notebook) -> FileHits | None:
        render = _Sparingly()
        cells = [CellText(cell, "", render) for cell in notebook.cells]
        texts = [cell.lines(outputs=self.outputs) for cell in cells]
        kept, total = self._kept(
            (number, match)
            for number, match in self.query.matches(texts)
            if not _is_servers(texts[number], match, cells[number])
        )
        names = handles(notebook.cells) if kept else ()
        hits = (
            hit
            for number, found in groupby(kept, itemgetter(0))
            for hit in self._in_cell(
                CellText(notebook.cells[number], names[number], render),
                texts[number],
                [match for _, match in found],
            )
        )
        return _found(notebook.path, hits, total)

    def _kept(self, matches: Iterable[tuple[int, Match]]) -> tuple[list[tuple[int, Match]], int]:
        """The first matches, and the number of all: to keep them all would cost time, too."""
        kept: list[tuple[int, Match]] = []
        total = 0
        for total, found in enumerate(matches, 1):  # noqa: B007  # the last number
            if len(kept) < self.most:
                kept.append(found)
        return kept, total

    def _in_cell(
        self, cell: CellText, lines: Sequence[str], matches: Sequence[Match]
    ) -> Iterator[Hit]:
        sources = len(cell.source_lines)
        for is_output, found in groupby(matches, lambda match: match.line >= sources):
            place = Place(
                cell=info_of(cell),
                header=cell.header,
                is_output=is_output,
                outputs_begin=cell.outputs_begin,
            )
            yield from hits_in(lines, [*found], context=self.context, place=place)


class _Sparingly:
    """A `Render` for a search: no images, and little HTML, since the server itself reads it."""

    def __init__(self) -> None:
        self._left = _MAX_HTML

    def __call__(self, name: str, source: str | bytes, *options: int) -> Any:
        if name != "read" or len(source) > self._left:
            msg = "is not searched"
            raise NotRendered(msg)
        self._left -= len(source)
        return operation(name)(source, *options)


def _found(path: str, hits: Iterator[Hit], total: int) -> FileHits | None:
    return FileHits(path=path, hits=tuple(hits), total=total) if total else None


def _is_servers(lines: Sequence[str], match: Match, cell: CellText) -> bool:
    """Whether a match is in a line that is not the notebook's, such as the one for an image."""
    line = lines[match.line]
    return match.line >= len(cell.source_lines) and isinstance(line, Remark)


def _decoded(data: bytes) -> str:
    """The text of a file; one that is not UTF-8 is taken for Latin-1, which has every byte."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return text.removeprefix("\ufeff")


def _lines(text: str) -> list[str]:
    lines: list[str] = []
    start = 0
    while start < len(text):
        end = text.find("\n", start + _PIECE) + 1 or len(text)
        lines += text[start:end].removesuffix("\n").split("\n")
        start = end
    return lines
