"""Tables from the rows and cells of HTML."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, takewhile
from typing import Literal, TypeAlias

from jupyter_mcp_ext.outputs.html.flow import Block, Flow, Value
from jupyter_mcp_ext.outputs.html.tags import Attributes, Start
from jupyter_mcp_ext.outputs.tables import Table, gap_columns, is_gap

Section: TypeAlias = Literal["head", "body", "foot"]

_MAX_CELLS = 1_000_000
_MAX_WIDTH = 5_000  # columns of a table that are read
_MAX_SPAN = 1_000
_SECTIONS: dict[str, Section] = {"thead": "head", "tbody": "body", "tfoot": "foot"}
_NUMBER = r"([\d,_]{1,20})"
_PANDAS = re.compile(rf"{_NUMBER} rows × {_NUMBER} columns")  # noqa: RUF001 (it writes it so)
_POLARS = re.compile(rf"shape: \({_NUMBER},(?: {_NUMBER})?\)")


@dataclass(frozen=True, kw_only=True)
class _Cell:
    """A cell over ``across`` columns and ``down`` rows."""

    text: str
    blocks: Sequence[Block]
    is_header: bool
    across: int
    down: int


@dataclass(kw_only=True)
class _Row:
    section: Section
    cells: list[_Cell] = field(default_factory=list)

    @property
    def is_heading(self) -> bool:
        """Whether all its text is in heading cells."""
        said = [cell for cell in self.cells if cell.text]
        is_title = len(self.cells) == 1 and self.cells[0].across > 1
        return bool(said) and not is_title and all(cell.is_header for cell in said)

    @property
    def alone(self) -> str:
        """Its text if it has a single cell of data."""
        is_alone = len(self.cells) == 1 and not self.cells[0].is_header
        return self.cells[0].text if is_alone else ""


class Grid:
    """A table that is being read, and the text around it.

    ``has_index`` is true for a library that shows frames with their index.
    """

    def __init__(self, outside: Flow, attributes: Attributes, *, has_index: bool) -> None:
        self._outside = outside
        self._is_frame = is_frame(attributes)
        self._has_index = has_index
        self._section: Section = "body"
        self._rows: list[_Row] = []
        self._cell: tuple[Start, Flow] | None = None
        self._inner = 0  # nested tables, which are read as text

    def takes_text(self, tag: Start, *, may_nest: bool) -> bool:
        """Whether a table's tag is inside a cell that is read as text only."""
        is_table = tag.name == "table"
        if not self._inner and is_table:
            in_value = self._cell is not None and isinstance(self._cell[1], Value)
            self._inner = int(in_value or not may_nest)
        elif is_table:
            self._inner += 1
        return self._inner > 0

    def ends_text(self, name: str) -> bool:
        """Whether the end tag of a table's element is inside such a cell."""
        was_inner = self._inner > 0
        if was_inner and name == "table":
            self._inner -= 1
        return was_inner

    def start(self, tag: Start) -> Flow:
        """Begin a part of the table; its text goes to the returned flow."""
        self.end()
        if section := _SECTIONS.get(tag.name):
            self._section = section
        if tag.name == "tr" or (tag.name in {"td", "th"} and not self._rows):
            self._rows.append(_Row(section=self._section))
        if tag.name not in {"td", "th"}:
            return self._outside
        flow = Value() if self._is_frame else Flow()
        self._cell = (tag, flow)
        return flow

    def end(self, name: str = "") -> Flow:
        """End a part of the table; what follows goes to the returned flow."""
        if name in _SECTIONS:
            self._section = "body"
        if self._cell is not None:
            tag, flow = self._cell
            self._cell = None
            if not isinstance(flow, Value):
                flow.end_line()
            is_blank = "blank" in tag.attributes.get("class", "").split()
            self._rows[-1].cells.append(
                _Cell(
                    text="" if is_blank else _text(flow, is_header=tag.name == "th"),
                    blocks=[flow.text] if isinstance(flow, Value) and flow.text else flow.blocks,
                    is_header=tag.name == "th",
                    across=_span(tag, "colspan"),
                    down=_span(tag, "rowspan"),
                )
            )
        return self._outside

    def result(self) -> Iterator[Block]:
        """The table with the lines before and after it; or only lines."""
        cells = [cell for row in self._rows for cell in row.cells]
        blocks = chain.from_iterable(cell.blocks for cell in cells)
        is_layout = any(not isinstance(block, str) for block in blocks)
        found = None if is_layout else self._table()
        if found is None:
            for row in self._rows:
                yield from _line(row)
        else:
            yield from found

    def _table(self) -> list[Block] | None:
        head = [row for row in self._rows if row.section == "head"] or _leading(self._rows)
        known = {id(row) for row in head}
        body = [row for row in self._rows if id(row) not in known]
        titles = [*takewhile(lambda row: row.alone, head)]
        before, head = [row.alone for row in titles], head[len(titles) :]
        after = [row.alone for row in body if row.section == "foot" and row.alone]
        body = [row for row in body if row.section != "foot" or not row.alone]
        if not head and not self._is_frame:
            return None
        names, lines = _texts(head), _texts(body)
        width = max(map(len, (*names, *lines)), default=0)
        if width * (len(lines) + len(names)) > _MAX_CELLS:
            return None
        for line in (*names, *lines):
            line.extend([""] * (width - len(line)))
        index_width = self._index_width(body, names)
        header = _header(head, names, width)
        is_cut = any(is_gap(line[index_width:]) for line in lines)
        is_cut = is_cut or any(True for _ in gap_columns(header, lines, index_width))
        table = Table(
            header=header,
            rows=lines,
            index_width=index_width,
            shape=None if is_cut else (len(lines), width - index_width),
        )
        return [*before, table, *after]

    def _index_width(self, body: Sequence[_Row], names: Sequence[Sequence[str]]) -> int:
        """The number of index columns; later rows of a multi-index can lack some of them."""
        if body and self._is_frame:
            cells = body[0].cells
            return next((n for n, cell in enumerate(cells) if not cell.is_header), len(cells))
        first = names[0] if names and self._is_frame else []
        empty = next((n for n, name in enumerate(first) if name), len(first))
        return max(empty, 1) if self._has_index and first else empty


def is_frame(attributes: Attributes) -> bool:
    """Whether a table with these attributes is a data frame of pandas, its Styler or polars."""
    classes = attributes.get("class", "").split()
    return "dataframe" in classes or attributes.get("id", "").startswith("T_")


def shape_above(block: Block) -> tuple[int, int] | None:
    """The shape in a line that polars writes above a frame."""
    match = _POLARS.fullmatch(block) if isinstance(block, str) else None
    return (_number(match[1]), _number(match[2] or "1")) if match else None


def shape_below(block: Block) -> tuple[int, int] | None:
    """The shape in a line that pandas writes below a frame."""
    match = _PANDAS.fullmatch(block) if isinstance(block, str) else None
    return (_number(match[1]), _number(match[2])) if match else None


def _number(digits: str) -> int:
    return int(re.sub(r"\D", "", digits) or "0")


def _text(flow: Flow, *, is_header: bool) -> str:
    """The text of a cell, on one line."""
    if isinstance(flow, Value):
        text = flow.text
    else:
        text = "\n".join(block for block in flow.blocks if isinstance(block, str))
    return text.replace("|", "\\|").replace("\n", " " if is_header else "\\n")


def _span(tag: Start, name: str) -> int:
    said = tag.attributes.get(name, "1")
    is_number = said.isascii() and said.isdigit() and len(said) < 10
    return max(1, min(int(said), _MAX_SPAN)) if is_number else 1


def _line(row: _Row) -> Iterator[Block]:
    """The text of a row that does not belong to the table."""
    if all(len(cell.blocks) < 2 and cell.text for cell in row.cells if cell.blocks):
        if said := [str(block) for cell in row.cells for block in cell.blocks]:
            yield " | ".join(said)
    else:
        yield from chain.from_iterable(cell.blocks for cell in row.cells)


def _leading(rows: Sequence[_Row]) -> list[_Row]:
    """The heading rows at the beginning of a table without a head."""
    count = next((n for n, row in enumerate(rows) if not row.is_heading), 0)
    return [*rows[:count]]


def _header(head: Sequence[_Row], names: list[list[str]], width: int) -> list[str]:
    """The names of the columns, all levels of each."""
    dtypes: list[str] = []
    if len(head) == 2 and not any(cell.is_header for cell in head[1].cells) and any(names[1]):
        # polars has the types in a second row of the head, the only one of <td>.
        dtypes = names.pop()
    header = [
        " / ".join(dict.fromkeys(name for line in names if (name := line[n]))) for n in range(width)
    ]
    if dtypes:
        header = [f"{name} ({dtype})" for name, dtype in zip(header, dtypes, strict=True)]
    return header


def _texts(rows: Sequence[_Row]) -> list[list[str]]:
    """The texts of the cells; a cell that spans several places is repeated in each."""
    grid: list[list[str]] = []
    pending: dict[int, tuple[int, str]] = {}  # by column: rows still to fill, and with what
    size = 0
    for row in rows:
        line: list[str] = []
        for cell in row.cells:
            _fill(line, pending)
            for n in range(min(cell.across, _MAX_WIDTH - len(line))):
                if cell.down > 1:
                    pending[len(line)] = (cell.down - 1, cell.text)
                # A heading over several columns belongs to each, a text across a row does not.
                is_said = n == 0 or row.section == "head" or len(row.cells) > 1
                line.append(cell.text if is_said else "")
        _fill(line, pending)
        grid.append(line)
        size += len(line)
        if size > _MAX_CELLS:
            break
    return grid


def _fill(line: list[str], pending: dict[int, tuple[int, str]]) -> None:
    """The cells of rows above that reach down to this place."""
    while (at := len(line)) in pending:
        left, text = pending.pop(at)
        line.append(text)
        if left > 1:
            pending[at] = (left - 1, text)
