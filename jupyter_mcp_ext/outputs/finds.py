"""A page of the lines of outputs that match a search."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from jupyter_mcp_ext.outputs.numbered import More, line_of
from jupyter_mcp_ext.outputs.pages import Page, PageLine, as_offset, first_line
from jupyter_mcp_ext.outputs.search import APART, LONG, Match, Search

AROUND = APART
"""Characters that are shown around a match in a long line."""

PLACES = 5
"""Matches of a long line that are shown on one page."""

NUMBER = 12
"""An upper bound of the characters of a line's number."""


def find(
    lines: Sequence[str],
    search: Search,
    *,
    offset: int = 0,
    column: int = 0,
    context: int = 0,
    limit: int,
    budget: int,
    more: More,
) -> Page:
    """The matches from a position on, within ``limit`` matching lines and ``budget`` characters.

    ``context`` is how many lines around each are shown too. Of a long line, the surroundings of
    some matches are shown; the next page continues after them.
    """
    start = first_line(offset, len(lines))
    found = search.matching(lines, (start, column))
    wanted, matches = _counted(found, start, most=min(limit, budget) + 1)
    page = partial(Page, total=len(lines), matches=matches)
    shown: list[PageLine] = []
    for count, match in enumerate(wanted):
        after = wanted[count + 1].line if count + 1 < len(wanted) else len(lines)
        around = range(
            max(match.line - context, shown[-1].number + 1 if shown else 0),
            min(match.line + context + 1, after),
        )
        group = list(_group(lines, match, around, more))
        size = sum(len(line.text) + NUMBER for line in group)
        if shown and (size > budget or count == limit):
            return page(lines=tuple(shown), next_offset=match.line)
        shown += group if size <= budget else _cut(group, budget)
        budget -= size
        if len(match.places) > PLACES and len(lines[match.line]) > LONG:
            column = match.places[PLACES]
            return page(lines=tuple(shown), next_offset=match.line, next_column=column)
    return page(lines=tuple(shown))


def words_of(page: Page, *, numbered: bool) -> Iterator[str]:
    """The lines of a page, numbered from 1."""
    has_context = any(not line.is_match for line in page.lines)
    before = -1
    for line in page.lines:
        if not numbered:
            yield line.text
            continue
        if has_context and before >= 0 and line.number > before + 1:
            yield "--"
        yield f"{as_offset(line.number)}{':' if line.is_match else '-'} {line.text}"
        before = line.number


def _counted(found: Iterable[Match], start: int, *, most: int) -> tuple[list[Match], int]:
    """The first matches from a line on, and the number of all, also of those before it."""
    wanted: list[Match] = []
    matches = 0
    for match in found:
        matches += 1
        if match.line >= start and len(wanted) < most:
            wanted.append(match)
    return wanted, matches


def _group(
    lines: Sequence[str], match: Match, around: Iterable[int], more: More
) -> Iterator[PageLine]:
    """A match and the lines around it."""
    for n in around:
        if n == match.line and len(lines[n]) > LONG:
            yield PageLine(number=n, text=_places(lines[n], match, more))
        else:
            text = line_of(n, lines[n]).shown(more)
            yield PageLine(number=n, text=text, is_match=n == match.line)


def _places(line: str, match: Match, more: More) -> str:
    """The surroundings of matches in a long line, and the call that continues there."""
    parts: list[str] = []
    end = 0
    for place in match.places[:PLACES]:
        start = max(place - AROUND, end)
        if start > end:
            parts.append(" … ")
        end = min(place + AROUND, len(line))
        parts.append(line[start:end])
    column = max(match.places[0] - AROUND, 0)
    count = f"{len(match.places)} places" if len(match.places) > 1 else "1 place"
    note = f"… {count} in this line of {len(line):,} characters: {more(match.line, column)}"
    return f"{''.join(parts)}{' …' if end < len(line) else ''}\n{note}"


def _cut(group: Iterable[PageLine], budget: int) -> Iterator[PageLine]:
    """The part of a group that fits, at least its match."""
    for line in group:
        if line.is_match:
            text = line.text[: max(budget - NUMBER, 1)]
            yield PageLine(number=line.number, text=text)
