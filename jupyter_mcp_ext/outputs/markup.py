"""HTML read: the tables in it and its words. Where Beautiful Soup is used, and loads."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from bs4 import BeautifulSoup
from bs4.element import NavigableString, Tag
from bs4.filter import SoupStrainer

from jupyter_mcp_ext.outputs.tables import GAP, MAX_HTML, Table

_MAX_CELLS = 1_000_000
_MAX_CELL = 200
_SHAPE = re.compile(
    r"<p>\s*([\d,_]+) rows × ([\d,_]+) columns\s*</p>"  # noqa: RUF001 (pandas writes it so)
    r"|<small>shape: \(([\d,_]+), ([\d,_]+)\)</small>"
)
_BLOCKS = re.compile(
    "address|article|aside|blockquote|dd|div|dl|dt|fieldset|figcaption|figure|footer|form|h[1-6]"
    "|header|hr|li|main|nav|ol|p|pre|section|summary|table|tr|ul"
)
_HIDDEN = ["head", "noscript", "script", "style", "template", "title"]


def table(html: str) -> Table | None:
    """The data frame in this HTML; None if there is none, or it has too many cells."""
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


def text(html: str, limit: int) -> str:
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
    return "\n".join([*kept, GAP] if len(html) > parsed else kept)


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


def _parts(whole: Tag) -> tuple[list[Tag], list[Tag]]:
    """The rows of its head and of its body; rows of tables within a cell are not among them."""
    head: list[Tag] = []
    body: list[Tag] = []
    for part in [whole, *_children(whole, "thead", "tbody", "tfoot")]:
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
                left, words = pending.pop(at)
                line.append(words)
                if left > 1:
                    pending[at] = (left - 1, words)
            if cell is None:
                break
            words = _cell(cell)
            down = _span(cell, "rowspan")
            for _ in range(_span(cell, "colspan")):
                if down > 1:
                    pending[len(line)] = (down - 1, words)
                line.append(words)
        grid.append(line)
        if len(grid) * max(len(line), 1) > _MAX_CELLS:
            break
    return grid


def _cell(cell: Tag) -> str:
    for line_break in cell.find_all("br"):
        line_break.replace_with("\n")
    words = cell.get_text().replace("\xa0", " ").strip()
    if len(words) > _MAX_CELL:
        words = words[: _MAX_CELL - 1] + GAP
    return words.replace("|", "\\|").replace("\r", "").replace("\n", "\\n")


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
