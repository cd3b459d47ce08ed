"""The lines of much output, made when they are read: a list of all of them takes ten times the
memory of the text.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import overload

from jupyter_mcp_ext.outputs.rope import Rope
from jupyter_mcp_ext.outputs.text import settled, split, strip

SECTION = 100_000
"""Characters of text whose lines are made at once, or a few more."""


@dataclass(frozen=True, kw_only=True)
class Section:
    """Consecutive lines: their number, and the function that makes them."""

    count: int
    make: Callable[[], Sequence[str]]


class SectionedLines(Sequence[str]):
    """Sections as one sequence of lines; only the last section that was made is kept."""

    def __init__(self, sections: Iterable[Section]) -> None:
        self._sections = tuple(section for section in sections if section.count)
        self._ends = tuple(accumulate(section.count for section in self._sections))
        self._made: tuple[int, Sequence[str]] = (-1, ())

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    @overload
    def __getitem__(self, at: int) -> str: ...

    @overload
    def __getitem__(self, at: slice) -> list[str]: ...

    def __getitem__(self, at: int | slice) -> str | list[str]:
        if isinstance(at, slice):
            return [self[n] for n in range(*at.indices(len(self)))]
        at = at + len(self) if at < 0 else at
        if not 0 <= at < len(self):
            raise IndexError(at)
        n = bisect_right(self._ends, at)
        return self._lines(n)[at - self._ends[n] + self._sections[n].count]

    def __iter__(self) -> Iterator[str]:
        for n in range(len(self._sections)):
            yield from self._lines(n)

    def _lines(self, n: int) -> Sequence[str]:
        if self._made[0] != n:
            self._made = (n, self._sections[n].make())
        return self._made[1]


def ready(lines: Sequence[str]) -> Section:
    """Lines that exist already."""
    return Section(count=len(lines), make=lambda: lines)


def sections(text: Rope) -> Iterator[Section]:
    """The cleaned lines of a text, section by section."""
    text = settled(text)
    start = 0
    while start < len(text):
        end = text.find("\n", start + SECTION) + 1 if start + SECTION < len(text) else 0
        if not end or end == len(text):
            # Only cleaning tells whether the last line is one.
            yield ready(split(strip(text.slice(start, len(text)))))
            return
        yield _section(text, start, end)
        start = end


def _section(text: Rope, start: int, end: int) -> Section:
    return Section(
        count=text.count("\n", start, end), make=lambda: split(strip(text.slice(start, end)))
    )
