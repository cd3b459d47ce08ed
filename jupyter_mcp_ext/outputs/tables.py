"""Data frames and other HTML as text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bs4 import BeautifulSoup
from bs4.element import NavigableString, Tag
from bs4.filter import SoupStrainer

from jupyter_mcp_ext.outputs.text import Excerpt, More, Passage, number

MAX_HTML = 1_000_000  # characters that are parsed; a megabyte takes about a second
_MAX_CELLS = 1_000_000
_MAX_CELL = 200
_FRAME = re.compile(r'<table[^>]{0,200}(?:class="[^"]{0,100}\bdataframe\b|id="T_)')
_SHAPE = re.compile(
    r"<p>\s*([\d,_]+) rows × ([\d,_]+) columns\s*</p>"  # noqa: RUF001 (pandas writes it so)
    r"|<small>shape: \(([\d,_]+), ([\d,_]+)\)</small>"
)
_BLOCKS = re.compile(
    "address|article|aside|blockquote|dd|div|dl|dt|fieldset|figcaption|figure|footer|form|h[1-6]"
    "|header|hr|li|main|nav|ol|p|pre|section|summary|table|tr|ul"
)
_HIDDEN = ["head", "noscript", "script", "style", "template", "title"]
_GAP = "…"


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
        lines.append("|" + f" {_GAP} |" * len(picked))
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


def parse_table(html: str) -> Table | None:
    """The data frame in this HTML; None if there is none, or it is too large to be parsed."""
    if len(html) > MAX_HTML or not is_table(html):
        return None
    only = SoupStrainer("table")
    found = BeautifulSoup(html, "html.parser", parse_only=only).find("table")
    if not isinstance(found, Tag):
        return None
    head, body = _parts(found)
    header_rows, rows = _grid(head), _grid(body)
    width = max((len(row) for row in (*header_rows, *rows)), default=0)
    if not width or width * (len(rows) + len(header_rows)) > _MAX_CELLS:
        return None
    index_width = _leading_headers(body)
    for row in (*header_rows, *rows):
        row.extend([""] * (width - len(row)))
    dtypes = _dtypes(head, header_rows)
    header = [
        " / ".join(dict.fromkeys(name for row in header_rows if (name := row[n])))
        for n in range(width)
    ]
    if dtypes:
        header = [f"{name} ({dtype})" for name, dtype in zip(header, dtypes, strict=False)]
    shape = _SHAPE.search(html)
    numbers = [int(re.sub(r"\D", "", n)) for n in shape.groups() if n] if shape else []
    return Table(
        header=header,
        rows=rows,
        index_width=index_width,
        shape=(numbers[0], numbers[1]) if numbers else (len(rows), width - index_width),
    )


def html_to_text(html: str, limit: int = 0) -> str:
    """What a person would read of it, about ``limit`` characters at most (0: all of it)."""
    html = _without_code(html)
    parsed = min(max(limit * 50, 50_000), MAX_HTML) if limit else MAX_HTML
    soup = BeautifulSoup(html[:parsed], "html.parser")
    for tag in soup.find_all(_HIDDEN):
        tag.decompose()
    pieces: list[str] = []
    place: list[Tag | None] = [None, None]  # the block and the cell that the last words are in
    for node in soup.descendants:
        if isinstance(node, Tag):
            if node.name == "br":
                pieces.append("\0")
            elif node.name == "img":
                pieces.append(f"[image {node.get('alt') or ''}".rstrip() + "]")
        elif type(node) is NavigableString and not node.isspace():
            block, cell = _place(node)
            if block is not place[0]:
                pieces.append("\0")
            elif cell is not place[1]:
                pieces.append(" | ")
            place = [block, cell]
            pieces.append(node)
        else:
            pieces.append(" ")
    lines = (" ".join(line.split()) for line in "".join(pieces).split("\0"))
    kept = [line for line in lines if line]
    return "\n".join([*kept, _GAP] if len(html) > parsed else kept)


def _place(node: NavigableString) -> tuple[Tag | None, Tag | None]:
    """The block and the cell around some words."""
    cell: Tag | None = None
    for parent in node.parents:
        if parent.name in {"td", "th"}:
            cell = cell or parent
        elif _BLOCKS.fullmatch(parent.name):
            return parent, cell
    return None, cell


def _without_code(html: str) -> str:
    """The HTML without scripts, styles and embedded data, which can be megabytes."""
    low = html.lower()
    if len(low) != len(html):  # a letter whose lower case is two would shift every position
        low = html
    for name in ("script", "style"):
        kept, at = [], 0
        while (start := low.find(f"<{name}", at)) >= 0:
            kept.append((at, start))
            end = low.find(f"</{name}", start)
            close = low.find(">", end) if end >= 0 else -1
            at = close + 1 if close >= 0 else len(html)
        kept.append((at, len(html)))
        low = "".join(low[a:b] for a, b in kept)
        html = "".join(html[a:b] for a, b in kept)
    return re.sub(r"data:[^\"'\s)>]{100,}", "data:", html)


def _parts(table: Tag) -> tuple[list[Tag], list[Tag]]:
    """The rows of its head and of its body; rows of tables within a cell are not among them."""
    head: list[Tag] = []
    body: list[Tag] = []
    for part in [table, *_children(table, "thead", "tbody", "tfoot")]:
        rows = head if part.name == "thead" else body
        rows.extend(_children(part, "tr"))
    return head, body


def _children(tag: Tag, *names: str) -> Iterator[Tag]:
    return (child for child in tag.children if isinstance(child, Tag) and child.name in names)


def _grid(rows: Sequence[Tag]) -> list[list[str]]:
    """The cells' texts, those that span several places repeated in each."""
    grid: list[list[str]] = []
    pending: dict[int, tuple[int, str]] = {}  # by column: rows still to fill, and with what
    for row in rows:
        line: list[str] = []
        for cell in (*_children(row, "th", "td"), None):
            while (at := len(line)) in pending:
                left, text = pending.pop(at)
                line.append(text)
                if left > 1:
                    pending[at] = (left - 1, text)
            if cell is None:
                break
            text = _cell(cell)
            down = _span(cell, "rowspan")
            for _ in range(_span(cell, "colspan")):
                if down > 1:
                    pending[len(line)] = (down - 1, text)
                line.append(text)
        grid.append(line)
        if len(grid) * max(len(line), 1) > _MAX_CELLS:
            break
    return grid


def _cell(cell: Tag) -> str:
    for line_break in cell.find_all("br"):
        line_break.replace_with("\n")
    text = cell.get_text().replace("\xa0", " ").strip()
    if len(text) > _MAX_CELL:
        text = text[: _MAX_CELL - 1] + _GAP
    return text.replace("|", "\\|").replace("\r", "").replace("\n", "\\n")


def _span(cell: Tag, name: str) -> int:
    said = str(cell.get(name) or "1")
    return max(1, min(int(said), 1_000)) if said.isascii() and said.isdigit() else 1


def _leading_headers(body: Sequence[Tag]) -> int:
    """How many columns the index has; later rows of a multi-index can lack some of them."""
    widths = []
    for row in body[:1]:
        names = [cell.name for cell in _children(row, "th", "td")]
        widths.append(next((n for n, name in enumerate(names) if name == "td"), len(names)))
    return max(widths, default=0)


def _dtypes(head: Sequence[Tag], rows: list[list[str]]) -> list[str]:
    """Polars has the types in a second row of the head, the only one of <td>; it is taken off."""
    if len(head) == 2 and not list(_children(head[1], "th")) and any(rows[1]):
        return rows.pop()
    return []


def _row(cells: Sequence[str], picked: Sequence[int | None]) -> str:
    return "| " + " | ".join(_GAP if n is None else cells[n] for n in picked) + " |"
