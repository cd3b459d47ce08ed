"""Tables as Markdown within a budget, with notes on what is left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from jupyter_mcp_ext.outputs.numbered import More, number
from jupyter_mcp_ext.outputs.text import Excerpt, Passage

GAP = "…"
MAX_CELL = 200
"""Characters of a cell in a table that is not shown in full."""

_MAX_NAMES = 1_000  # characters for the names of columns that are left out
_GAPS = frozenset({"...", GAP})


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table; the first ``index_width`` columns are its index.

    ``shape`` is that of the whole frame, None if it is not known. A library shows less of a large
    frame, with a row or a column of dots for those that it left out.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    index_width: int = 0
    shape: tuple[int, int] | None = None

    def markdown(self, *, rows: int = 0, columns: int = 0, width: int = 0) -> list[str]:
        """The lines of the table, the middle left out beyond ``rows`` and ``columns`` (0: all).

        Of each cell there are ``width`` characters at most (0: all).
        """
        if not self._has_cells:
            return []
        across = _picked(len(self.header), self.index_width, columns)
        lines = [_row(self.header, across, width), "|" + "---|" * len(across)]
        for n in _picked(len(self.rows), 0, rows):
            row = [GAP] * len(self.header) if n is None else self.rows[n]
            lines.append(_row(row, across, width))
        return lines

    def lines(self) -> list[str]:
        """The whole table."""
        return [*self.markdown(), *self.notes()]

    @property
    def height(self) -> int:
        """The number of lines of the whole table."""
        return (len(self.rows) + 2 if self._has_cells else 0) + len(self.notes())

    @property
    def _has_cells(self) -> bool:
        return any(self.header) or bool(self.rows)

    def fit(self, budget: int, more: More, *, rows: int, columns: int) -> Excerpt:
        """As many rows as the budget allows, ``rows`` and ``columns`` at most."""
        while True:
            lines = self.markdown(rows=rows, columns=columns, width=MAX_CELL)
            first = (rows + 1) // 2 + 2 if len(self.rows) > rows else 0
            cut = len(self.rows) > rows or len(self.header) - self.index_width > columns
            lines += self.notes(rows=rows, columns=columns, call=more(first) if cut else "")
            if sum(map(len, lines)) + len(lines) - 1 <= budget:
                return Excerpt(text="\n".join(lines), truncated=cut)
            if rows <= 2:
                return Passage.of_lines(number(lines)).fit(budget, more)
            rows = min(rows, len(self.rows)) * 2 // 3

    def notes(self, *, rows: int = 0, columns: int = 0, call: str = "") -> list[str]:
        """The shape, and what is left out if this many rows and columns are shown (0: all).

        ``call`` shows all that there is.
        """
        if self.shape is None and not call:
            return []
        cut = (self._cut_rows(rows), len(names := self._cut_columns(columns)))
        absent = self._absent
        said = [f"{self.shape[0]} rows x {self.shape[1]} columns"] if self.shape else []
        if any(cut) or any(absent):
            out = (cut[0] + absent[0], cut[1] + absent[1])
            said.append(f"{_counted(out)} left out{self._ways(cut, call)}")
        return [f"[{'; '.join(said)}]", *self._named(names)]

    def _ways(self, cut: tuple[int, int], call: str) -> str:
        """How to see what is left out."""
        if not any(self._absent):
            return f": {call}"
        code = f"{self._selected} in code" if self._selected else "not in this output"
        return f": {call} has {_counted(cut)} of them, the others: {code}" if call else f": {code}"

    @cached_property
    def _gaps(self) -> tuple[int | None, int | None]:
        """The row and the column of dots for those that the library left out."""
        start, width = self.index_width, len(self.header)
        is_long = self.shape is None or self.shape[0] > len(self.rows)
        is_wide = self.shape is None or self.shape[1] > width - start
        rows = (n for n, row in enumerate(self.rows) if is_gap(row[start:]))
        columns = gap_columns(self.header, self.rows, start)
        return next(rows, None) if is_long else None, next(columns, None) if is_wide else None

    @property
    def _absent(self) -> tuple[int, int]:
        """How many rows and columns of the frame are not in its output, if known."""
        if self.shape is None:
            return 0, 0
        (down, across), (row, column) = self.shape, self._gaps
        data_rows = len(self.rows) - (row is not None)
        data_columns = len(self.header) - self.index_width - (column is not None)
        return max(down - data_rows, 0), max(across - data_columns, 0)

    @property
    def _selected(self) -> str:
        """The expression for the rows or the columns that are not in the output."""
        (down, across), (row, column) = self._absent, self._gaps
        if row is None and column is None:
            return ""
        rows = columns = ":"
        if row is not None and down:
            rows = f"{row}:{row + down}"
        if column is not None and across:
            first = column - self.index_width
            columns = f"{first}:{first + across}"
        # pandas writes three dots, polars an ellipsis.
        of_pandas = "..." in (
            self.rows[row][-1] if row is not None else "",
            self.header[column] if column is not None else "",
        )
        both = f"{rows}, {columns}" if columns != ":" else rows
        return f"{'.iloc' if of_pandas else ''}[{both}]"

    def _cut_rows(self, rows: int) -> int:
        picked = {*_picked(len(self.rows), 0, rows)}
        return sum(n not in picked for n in range(len(self.rows)) if n != self._gaps[0])

    def _cut_columns(self, columns: int) -> list[str]:
        """The names of the columns that are in the output and not shown."""
        picked = {*_picked(len(self.header), self.index_width, columns)}
        return [
            name for n, name in enumerate(self.header) if n not in picked and n != self._gaps[1]
        ]

    def _named(self, names: Sequence[str]) -> list[str]:
        """The line that names the columns left out."""
        kept, size = 0, 0
        while kept < len(names) and size + len(names[kept]) <= _MAX_NAMES:
            size += len(names[kept]) + 2
            kept += 1
        said = [*names[:kept], *([f"{len(names) - kept} more"] if kept < len(names) else [])]
        absent, column = self._absent[1], self._gaps[1]
        if absent and column is not None:
            first = column - self.index_width
            said.append(f"and those that .columns[{first}:{first + absent}] names")
        return [f"[columns left out: {', '.join(said)}]"] if said else []


def gap_columns(header: Sequence[str], rows: Sequence[Sequence[str]], start: int) -> Iterator[int]:
    """The columns of dots, from a position on."""
    for n in range(start, len(header)):
        if header[n].partition(" ")[0] in _GAPS and all(row[n] in _GAPS for row in rows):
            yield n


def is_gap(cells: Sequence[str]) -> bool:
    """Whether these cells are the dots for others that a library left out."""
    return bool(cells) and _GAPS.issuperset(cells)


def _picked(size: int, start: int, most: int) -> list[int | None]:
    """The positions that are shown of ``size``: those before ``start``, and ``most`` of the others.

    None stands for those left out in the middle.
    """
    if not most or size - start <= most:
        return [*range(size)]
    return [*range(start + (most + 1) // 2), None, *range(size - most // 2, size)]


def _row(cells: Sequence[str], picked: Sequence[int | None], width: int) -> str:
    shown = (GAP if n is None else cells[n] for n in picked)
    if width:
        shown = (cell if len(cell) <= width else cell[: width - 1] + GAP for cell in shown)
    return "| " + " | ".join(shown) + " |"


def _counted(numbers: tuple[int, int]) -> str:
    """Like ``30 rows and 8 columns``."""
    said = [
        f"{number} {noun if number == 1 else noun + 's'}"
        for number, noun in zip(numbers, ("row", "column"), strict=True)
        if number
    ]
    return " and ".join(said)
