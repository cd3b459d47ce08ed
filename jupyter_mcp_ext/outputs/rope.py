"""Long text in pieces that are never joined: a copy of 50 MB would take 50 MB more."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate


class Rope:
    """Text that is read in slices; offsets count characters from its beginning."""

    __slots__ = ("_ends", "pieces")

    def __init__(self, pieces: Iterable[str]) -> None:
        self.pieces = tuple(piece for piece in pieces if piece)
        self._ends = tuple(accumulate(map(len, self.pieces)))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __str__(self) -> str:
        return self.pieces[0] if len(self.pieces) == 1 else "".join(self.pieces)

    def slice(self, start: int, end: int) -> str:
        """The characters from ``start`` to before ``end``, both within the text."""
        return "".join(piece[a:b] for piece, a, b, _ in self._spans(start, end))

    def find(self, mark: str, start: int = 0) -> int:
        """The first position of the character ``mark`` from ``start`` on; -1 if there is none."""
        for piece, a, _, base in self._spans(start, len(self)):
            if (at := piece.find(mark, a)) >= 0:
                return base + at
        return -1

    def rfind(self, mark: str, end: int) -> int:
        """The last position of the character ``mark`` before ``end``; -1 if there is none."""
        for n in range(bisect_left(self._ends, end), -1, -1) if end > 0 else ():
            piece = self.pieces[n]
            base = self._ends[n] - len(piece)
            if (at := piece.rfind(mark, 0, end - base)) >= 0:
                return base + at
        return -1

    def count(self, mark: str, start: int = 0, end: int | None = None) -> int:
        """How often the character ``mark`` occurs from ``start`` to before ``end``."""
        spans = self._spans(start, len(self) if end is None else end)
        return sum(piece.count(mark, a, b) for piece, a, b, _ in spans)

    def _spans(self, start: int, end: int) -> Iterator[tuple[str, int, int, int]]:
        """Each piece that overlaps the range, with start and end in it, and its offset."""
        for n in range(bisect_right(self._ends, start), len(self.pieces)):
            piece = self.pieces[n]
            base = self._ends[n] - len(piece)
            if base >= end:
                return
            yield piece, max(start - base, 0), min(end - base, len(piece)), base
