"""HTML within a budget: its tables, its charts and the text between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from jupyter_mcp_ext.outputs.html.flow import Block
from jupyter_mcp_ext.outputs.html.markup import Document, height_of
from jupyter_mcp_ext.outputs.limits import Limits
from jupyter_mcp_ext.outputs.numbered import More
from jupyter_mcp_ext.outputs.shares import FLOOR, share
from jupyter_mcp_ext.outputs.tables import MAX_CELL, Table
from jupyter_mcp_ext.outputs.text import Excerpt, Passage

_HEAD = 0.6
_CALL = 60  # characters of the call that shows a table in full


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A block that is shown, and the line of the document at which it begins."""

    first: int
    size: int
    block: Block
    limits: Limits

    def fit(self, budget: int, more: More) -> Excerpt:
        def from_here(line: int, *column: int) -> str:
            return more(self.first + line, *column)

        if isinstance(self.block, Table):
            limits = self.limits
            return self.block.fit(budget, from_here, rows=limits.rows, columns=limits.columns)
        text = self.block if isinstance(self.block, str) else self.block.words
        return Passage.of_text(text).fit(budget, from_here)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A document that can be shown in part."""

    pieces: Sequence[Piece]

    @classmethod
    def of(cls, document: Document, limits: Limits) -> Reading:
        return cls(pieces=[*_pieces(document, limits)])

    @property
    def size(self) -> int:
        return sum(piece.size + 1 for piece in self.pieces) - bool(self.pieces)

    def fit(self, budget: int, more: More) -> Excerpt:
        """All pieces, each as far as there is room; of very many only the first and the last."""
        if len(self.pieces) == 1:
            return self.pieces[0].fit(budget, more)
        head, tail = self._ends(budget)
        shown = [*self.pieces[:head], *self.pieces[tail:]]
        notice = ""
        if tail > head:
            notice = f"… {tail - head:,} parts left out: {more(self.pieces[head].first)}\n"
        room = budget - len(shown) + 1 - len(notice)
        sizes = [piece.size for piece in shown]
        grants = share(sizes, [0] * len(sizes), room)
        excerpts = [piece.fit(grant, more) for piece, grant in zip(shown, grants, strict=True)]
        texts = [excerpt.text for excerpt in excerpts]
        if notice:
            texts.insert(head, notice[:-1])
        truncated = bool(notice) or any(excerpt.truncated for excerpt in excerpts)
        return Excerpt(text="\n".join(texts)[: max(budget, 0)], truncated=truncated)

    def _ends(self, budget: int) -> tuple[int, int]:
        """The number of pieces shown at the start, and the first one shown at the end."""
        costs = [min(piece.size, FLOOR) + 1 for piece in self.pieces]
        if sum(costs) - 1 <= budget:
            return len(costs), len(costs)
        room = max(budget - FLOOR, 0)
        head = _within(costs, room * _HEAD)
        tail = _within(costs[head:][::-1], room * (1 - _HEAD))
        return head, len(costs) - tail


def _pieces(document: Document, limits: Limits) -> Iterator[Piece]:
    first = 0
    for block in document.blocks:
        if isinstance(block, Table):
            rows, columns = limits.rows, limits.columns
            shown = block.markdown(rows=rows, columns=columns, width=MAX_CELL)
            shown += block.notes(rows=rows, columns=columns, call=" " * _CALL)
            size = sum(map(len, shown)) + len(shown)
        elif isinstance(block, str):
            size = min(len(block), limits.html)
        else:
            size = len(block.words)
        yield Piece(first=first, size=size, block=block, limits=limits)
        first += height_of(block)


def _within(costs: Sequence[int], room: float) -> int:
    kept = 0
    while kept < len(costs) and room >= costs[kept]:
        room -= costs[kept]
        kept += 1
    return kept
