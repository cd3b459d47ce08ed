"""Data frames and other HTML as text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from jupyter_mcp_ext.outputs.rendering import Render, here
from jupyter_mcp_ext.outputs.text import Excerpt, More, Passage, number

MAX_HTML = 1_000_000  # characters that are parsed; a megabyte takes about a second
_FRAME = re.compile(r'<table[^>]{0,200}(?:class="[^"]{0,100}\bdataframe\b|id="T_)')
GAP = "…"


@dataclass(frozen=True, kw_only=True)
class Table:
    """A data frame; the first ``index_width`` columns are its index."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    index_width: int
    shape: tuple[int, int]

    def markdown(self, *, rows: int = 0, columns: int = 0) -> list[str]:
        """The lines of the table, the middle left out beyond ``rows`` and ``columns`` (0: all)."""
        picked = self._columns(columns)
        lines = [_row(self.header, picked), "|" + "---|" * len(picked)]
        if not rows or len(self.rows) <= rows:
            return lines + [_row(row, picked) for row in self.rows]
        head = (rows + 1) // 2
        lines += [_row(row, picked) for row in self.rows[:head]]
        lines.append("|" + f" {GAP} |" * len(picked))
        return lines + [_row(row, picked) for row in self.rows[len(self.rows) - rows // 2 :]]

    def _columns(self, most: int) -> list[int | None]:
        """Positions of the columns shown, None for the gap."""
        width = len(self.header)
        if not most or width - self.index_width <= most:
            return [*range(width)]
        head = self.index_width + (most + 1) // 2
        return [*range(head), None, *range(width - most // 2, width)]

    def fit(self, budget: int, more: More, *, rows: int, columns: int) -> Excerpt:
        """As many rows as the budget allows, ``rows`` and ``columns`` at most."""
        while True:
            lines = self.markdown(rows=rows, columns=columns)
            left_out = self._left_out(rows, columns)
            caption = self.caption
            if left_out:
                first = (rows + 1) // 2 + 2 if len(self.rows) > rows else 0
                caption = f"{caption[:-1]}; {left_out} left out: {more(first)}]"
            lines.append(caption)
            if sum(map(len, lines)) + len(lines) - 1 <= budget:
                return Excerpt(text="\n".join(lines), truncated=bool(left_out))
            if rows <= 2:
                return Passage.of_lines(number(lines)).fit(budget, more)
            rows = min(rows, len(self.rows)) * 2 // 3

    def _left_out(self, rows: int, columns: int) -> str:
        said = []
        if len(self.rows) > rows:
            said.append(f"{len(self.rows) - rows // 2 - (rows + 1) // 2} rows")
        if (width := len(self.header) - self.index_width) > columns:
            said.append(f"{width - columns} columns")
        return " and ".join(said)

    @property
    def caption(self) -> str:
        return f"[{self.shape[0]} rows x {self.shape[1]} columns]"


def is_table(html: str) -> bool:
    """Whether this is the HTML of a data frame: pandas, a pandas Styler, polars or alike."""
    return _FRAME.search(html[:20_000] if len(html) > 20_000 else html) is not None


def parse_table(html: str, render: Render = here) -> Table | None:
    """The data frame in this HTML; None if there is none, or it is too large to be parsed."""
    if len(html) > MAX_HTML or not is_table(html):
        return None
    parsed: Table | None = render("table", html)
    return parsed


def html_to_text(html: str, limit: int = 0, render: Render = here) -> str:
    """What a person would read of it, about ``limit`` characters at most (0: all of it)."""
    return str(render("text", html, limit))


def _row(cells: Sequence[str], picked: Sequence[int | None]) -> str:
    return "| " + " | ".join(GAP if n is None else cells[n] for n in picked) + " |"
