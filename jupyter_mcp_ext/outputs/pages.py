"""Outputs in full, as lines that can be paged through and searched.

Lines are numbered as `text.py` says, so an offset named anywhere in a result serves here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from jupyter_mcp_ext.outputs import bundles, tracebacks
from jupyter_mcp_ext.outputs.lines import Lines, Section, ready, sections
from jupyter_mcp_ext.outputs.model import Error, Output, Stream
from jupyter_mcp_ext.outputs.rendering import Render, here
from jupyter_mcp_ext.outputs.search import Search
from jupyter_mcp_ext.outputs.text import cut_line


@dataclass(frozen=True, kw_only=True)
class Page:
    """Some of the lines, each with its number; ``next_offset`` is None after the last ones."""

    lines: tuple[tuple[int, str], ...]
    total: int
    matches: int | None
    next_offset: int | None


def text_lines(output: Output, label: str = "", render: Render = here) -> Sequence[str]:
    """The output in full; an image is one line that names it."""
    match output:
        case Stream():
            return Lines(sections(output.rope))
        case Error():
            return tracebacks.traceback_lines(output)
        case _:
            return bundles.full_lines(output.data, label, render)


def merged_lines(
    outputs: Sequence[Output], label: Callable[[int], str], render: Render = here
) -> Sequence[str]:
    """All outputs of an execution in full, in their order."""
    return Lines(_sections(outputs, label, render))


def _sections(
    outputs: Sequence[Output], label: Callable[[int], str], render: Render
) -> Iterator[Section]:
    before: Output | None = None
    for position, output in enumerate(outputs):
        if named := heading(output, before):
            yield ready([named])
        match output:
            case Stream():
                yield from sections(output.rope)
            case Error():
                yield ready(tracebacks.traceback_lines(output))
            case _:
                yield ready(bundles.brief_lines(output.data, label(position), render))
        before = output


def heading(output: Output, before: Output | None) -> str | None:
    """The line that parts standard error from what stands before and after it."""
    if isinstance(output, Stream) and output.name == "stderr":
        return "[stderr]"
    if not isinstance(before, Stream) or before.name != "stderr" or isinstance(output, Error):
        return None
    if isinstance(output, Stream):
        return "[stdout]"
    return "[result]" if output.is_result else "[display]"


def page(
    lines: Sequence[str], *, offset: int | None, limit: int, grep: Search | None, budget: int
) -> Page:
    """The lines from ``offset`` on, within ``limit`` lines and ``budget`` characters.

    ``offset`` counts from 0, from the end if negative; None is the tail, or with ``grep`` the
    start. At least one line is given, cut if need be, so that paging always advances.
    """
    total = len(lines)
    limit = max(limit, 1)
    if grep is not None:
        start, matches = _start(offset or 0, total), 0
        numbers: list[int] = []
        for n in grep.matching(lines):
            matches += 1
            if n >= start and len(numbers) <= min(limit, budget):
                numbers.append(n)
        taken = _within(lines, numbers[:limit], budget)
        rest = numbers[len(taken) :]
        return Page(
            lines=taken,
            total=total,
            matches=matches,
            next_offset=rest[0] if rest else None,
        )
    if offset is None:
        last = range(total - 1, max(total - limit, 0) - 1, -1)
        taken = _within(lines, last, budget)[::-1]
        return Page(lines=taken, total=total, matches=None, next_offset=None)
    start = _start(offset, total)
    taken = _within(lines, range(start, min(start + limit, total)), budget)
    after = start + len(taken)
    return Page(
        lines=taken, total=total, matches=None, next_offset=after if after < total else None
    )


def _start(offset: int, total: int) -> int:
    return max(total + offset, 0) if offset < 0 else offset


def _within(
    lines: Sequence[str], numbers: Sequence[int], budget: int
) -> tuple[tuple[int, str], ...]:
    taken: list[tuple[int, str]] = []
    for n in numbers:
        line = cut_line(lines[n])
        if len(line) + 1 > budget:
            if not taken:
                taken.append((n, cut_line(line, max(budget - 1, 1))))
            break
        taken.append((n, line))
        budget -= len(line) + 1
    return tuple(taken)
