"""Reading HTML: all text that a person sees, in order, with tables as tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby, islice

from jupyter_mcp_ext.outputs.charts import scripts
from jupyter_mcp_ext.outputs.charts.scripts import Chart
from jupyter_mcp_ext.outputs.html.flow import Block, Flow
from jupyter_mcp_ext.outputs.html.grids import Grid, is_frame, shape_above, shape_below
from jupyter_mcp_ext.outputs.html.tags import End, Script, Start, Token, Words, resolved, scan
from jupyter_mcp_ext.outputs.tables import GAP, Table

MAX_HTML = 4_000_000
"""Characters that are read, without most of those in scripts and tags."""

_BLOCKS = frozenset(
    re.findall(
        r"\w+",
        "address article aside blockquote body caption center dd details dialog div dl dt fieldset"
        " figcaption figure footer form h1 h2 h3 h4 h5 h6 header hr html legend li main menu nav"
        " ol optgroup option p pre section select summary table ul xmp",
    )
)
_HIDDEN = frozenset(
    re.findall(
        r"\w+",
        "audio canvas defs desc head iframe metadata noscript object symbol template video",
    )
)
_CLOSED = frozenset(["a", "button", "details", "div", "form", "section", "span", "ul"])
"""Elements that only an end tag ends, so that hidden ones end with it."""

_IN_HEAD = frozenset(["base", "link", "meta", "noscript", "script", "style", "template", "title"])
_APART = frozenset(["button", "input", "label", "text", "tspan"])
_EXACT = frozenset(["code", "kbd", "pre", "samp", "textarea", "xmp"])
_SIGNS = {"sup": "^", "sub": "_"}
_OF_TABLES = frozenset(["table", "thead", "tbody", "tfoot", "tr", "td", "th"])
_UNTRUSTED = "Make this Notebook Trusted to load map: File -> Trust Notebook"  # from folium
_COST = 20  # characters that a tag counts as
_START = 200_000  # characters in which a table is searched
_FIRST = 300  # tags and words in these
_MAX_TABLES = 20  # nested tables
_MAX_PAGES = 3  # nested pages
_MAX_WORDS = 200  # characters of an address or of an image's alternative text


@dataclass(frozen=True, kw_only=True)
class Document:
    """The text of HTML; consecutive lines are one block."""

    blocks: tuple[Block, ...]

    def lines(self, *, specs: bool = True) -> list[str]:
        """All of it; with ``specs``, the specifications of its charts too."""
        return [line for block in self.blocks for line in lines_of(block, specs=specs)]


def lines_of(block: Block, *, specs: bool = True) -> list[str]:
    """A block in full."""
    match block:
        case str():
            return block.split("\n")
        case Table():
            return block.lines()
        case Chart():
            return block.lines(specs=specs)


def height_of(block: Block) -> int:
    """The number of lines of a block in full."""
    if isinstance(block, Table):
        return block.height
    return len(lines_of(block))


def is_table(html: str) -> bool:
    """Whether it is the HTML of a data frame, or of a table with headings and nothing above it."""
    words = False
    for token in islice(scan(html[:_START]), _FIRST):
        if isinstance(token, Words):
            words = words or not token.text.isspace()
        elif not isinstance(token, Start):
            continue
        elif token.name == "thead":
            return not words
        elif token.name == "table":
            if is_frame(token.attributes):
                return True
        elif token.name in {"tr", "iframe"}:
            return False
    return False


def read(html: str) -> Document:
    """The text that a person sees of the HTML."""
    return Document(blocks=tuple(_joined(_shaped(_Reader(html, MAX_HTML).blocks()))))


class _Reader:
    """Reads one page, and the pages in its frames."""

    def __init__(self, html: str, left: int, depth: int = 0) -> None:
        self._html = html
        self.left = left
        self._depth = depth
        self._flow = Flow()
        self._grids: list[Grid] = []
        self._exact = 0
        self._hidden: tuple[str, int] | None = None  # the skipped element, and the depth in it
        self._has_index = False
        self._raised = ""

    def blocks(self) -> list[Block]:
        for token in scan(self._html):
            self.left -= _COST
            if self._hidden is None:
                self._take(token)
            else:
                self._pass_over(token)
            if self.left < 0:
                break
        while self._grids:
            self._end_table()
        if self.left < 0 and not self._depth:
            self._flow.add(f"{GAP} the rest of {len(self._html):,} characters of HTML is not shown")
        self._flow.end_line()
        return self._flow.blocks

    def _take(self, token: Token) -> None:
        match token:
            case Words(said):
                self.left -= len(said)
                self._say(said)
            case Start(name) if name in _OF_TABLES:
                self._start_in_table(token)
            case End(name) if name in _OF_TABLES:
                self._end_in_table(name)
            case Start():
                self._start(token)
            case End(name):
                self._end(name)
            case Script(code):
                self.left -= len(code) // 10
                if chart := scripts.find(code):
                    self._flow.add(chart)

    def _pass_over(self, token: Token) -> None:
        name, depth = self._hidden or ("", 0)
        if isinstance(token, Start):
            if token.name == name and not token.is_empty:
                self._hidden = (name, depth + 1)
            elif name == "head" and token.name not in _IN_HEAD:
                self._hidden = None
                self._take(token)
        elif isinstance(token, End) and token.name == name:
            self._hidden = (name, depth - 1) if depth else None

    def _say(self, said: str) -> None:
        if said.strip() == _UNTRUSTED:
            return
        if self._raised and (first := said.lstrip()[:1]):
            said = self._raised + said if first.isalnum() or first in "+-(" else said
            self._raised = ""
        self._flow.say(said, exact=self._exact > 0)

    def _start(self, tag: Start) -> None:
        name, attributes = tag.name, tag.attributes
        if name in _BLOCKS or name == "br":
            self._flow.end_line()
        elif name in _APART:
            self._flow.say(" ")
        if name in _EXACT:
            self._exact += 1
        elif name in _SIGNS:
            self._raised = _SIGNS[name]
        elif name in {"ul", "ol"}:
            first = attributes.get("start", "1")
            number = int(first) if first.isascii() and first.isdigit() and len(first) < 9 else 1
            self._flow.start_list(number if name == "ol" else None)
        elif name == "li":
            self._flow.start_item()
        else:
            self._show(name, attributes)
        is_hidden = name in _HIDDEN or (name in _CLOSED and "hidden" in attributes)
        if is_hidden and not tag.is_empty and "shadowrootmode" not in attributes:
            self._hidden = (name, 0)

    def _show(self, name: str, attributes: Mapping[str, str]) -> None:
        """Images and other things that are seen rather than read."""
        if name == "img":
            source = attributes.get("src", "")
            said = attributes.get("alt") or ("" if source.startswith("data:") else source)
            self._flow.say(f"[image {resolved(said)[:_MAX_WORDS]}".rstrip() + "]")
        elif name in {"audio", "video"}:
            self._flow.say(f" [{name}] ")
        elif name == "style":
            self._has_index |= "scoped" in attributes
        elif name == "iframe":
            self._frame(attributes)

    def _frame(self, attributes: Mapping[str, str]) -> None:
        page, source = attributes.get("srcdoc"), attributes.get("src", "")
        blocks: list[Block] = []
        if page and self._depth < _MAX_PAGES:
            reader = _Reader(resolved(page), self.left, self._depth + 1)
            blocks = reader.blocks()
            self.left = reader.left
        if not blocks:
            blocks = [f"[page {resolved(source)[:_MAX_WORDS]}".rstrip() + " in a frame]"]
        for block in blocks:
            self._flow.add(block)

    def _end(self, name: str) -> None:
        if name in _BLOCKS:
            self._flow.end_line()
        if name in _EXACT:
            self._exact = max(self._exact - 1, 0)
        elif name in {"ul", "ol"}:
            self._flow.end_list()
        elif name in _SIGNS:
            self._raised = ""

    def _start_in_table(self, tag: Start) -> None:
        grid = self._grids[-1] if self._grids else None
        if grid is not None and grid.takes_text(tag, may_nest=len(self._grids) < _MAX_TABLES):
            self._flow.end_line()
        elif tag.name == "table":
            self._flow.end_line()
            self._grids.append(Grid(self._flow, tag.attributes, has_index=self._has_index))
        elif grid is not None:
            self._flow = grid.start(tag)

    def _end_in_table(self, name: str) -> None:
        grid = self._grids[-1] if self._grids else None
        if grid is None or grid.ends_text(name):
            self._flow.end_line()
        elif name == "table":
            self._end_table()
        else:
            self._flow = grid.end(name)

    def _end_table(self) -> None:
        grid = self._grids.pop()
        self._flow = grid.end()
        for block in grid.result():
            self._flow.add(block)


def _shaped(blocks: Iterable[Block]) -> list[Block]:
    """The blocks, each table with the shape that the line before or after it gives."""
    shaped: list[Block] = []
    for block in blocks:
        last = shaped[-1] if shaped else ""
        if isinstance(block, Table) and (shape := shape_above(last)):
            shaped[-1] = replace(block, shape=shape)
        elif isinstance(last, Table) and (shape := shape_below(block)):
            shaped[-1] = replace(last, shape=shape)
        else:
            shaped.append(block)
    return shaped


def _joined(blocks: Iterable[Block]) -> Iterator[Block]:
    for is_text, group in groupby(blocks, lambda block: isinstance(block, str)):
        if is_text:
            yield "\n".join(str(line) for line in group)
        else:
            yield from group
