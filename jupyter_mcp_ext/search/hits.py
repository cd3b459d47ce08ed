"""Matches with the lines around them, as they are shown. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Literal, NamedTuple

from jupyter_mcp_ext.notebooks.reading.page import CellInfo

from .query import Match

LONG = 400
"""Characters up to which a line is shown whole."""

AROUND = 150
"""Characters that are shown before and behind a match in a longer one."""


class HitLine(NamedTuple):
    """A line as it is shown; the first has the number 1."""

    number: int
    text: str
    is_hit: bool


@dataclass(frozen=True, kw_only=True)
class Place:
    """The cell of a notebook in which a match is."""

    cell: CellInfo
    header: str
    """How the cell is shown above its lines."""
    is_output: bool
    """Whether the match is in its outputs, whose lines follow those of the source."""
    outputs_begin: str
    """The line between the two."""


@dataclass(frozen=True, kw_only=True)
class Hit:
    """A match, with the lines around it that those before it do not show."""

    number: int
    column: int
    lines: tuple[HitLine, ...]
    place: Place | None = None


@dataclass(frozen=True, kw_only=True)
class FileHits:
    """The matches in a file: the first ones, and the number of all."""

    path: str
    hits: tuple[Hit, ...]
    total: int


Why = Literal["binary", "over the limit", "not readable"]


@dataclass(frozen=True, kw_only=True)
class Passed:
    """A file that was not searched."""

    path: str
    why: Why


def hits_in(
    lines: Sequence[str], matches: Sequence[Match], *, context: int, place: Place | None = None
) -> Iterator[Hit]:
    """The matches in a text, each with ``context`` lines before and behind it."""
    shown = 0
    behind = Match(len(lines), 0)
    for match, following in pairwise(chain(matches, [behind])):
        last = match.line + match.lines
        end = max(last, min(last + context, following.line))
        numbers = range(min(max(match.line - context, shown), match.line), end)
        shown = end
        yield Hit(
            number=match.line + 1,
            column=match.column,
            lines=tuple(_shown(lines[n], n, match) for n in numbers),
            place=place,
        )


def _shown(line: str, number: int, match: Match) -> HitLine:
    is_hit = match.line <= number < match.line + match.lines
    if len(line) <= LONG:
        return HitLine(number + 1, str(line), is_hit)
    start = max(match.column - AROUND, 0) if number == match.line else 0
    end = min(start + 2 * AROUND, len(line))
    before, after = "…" if start else "", "…" if end < len(line) else ""
    where = f"(characters {start:,} to {end:,} of {len(line):,})"
    return HitLine(number + 1, f"{before}{line[start:end]}{after} {where}", is_hit)
