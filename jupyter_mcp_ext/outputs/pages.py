"""Outputs in full, as lines that can be paged through and searched.

Lines are numbered as `text.py` says, so an offset named anywhere in a result works here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from jupyter_mcp_ext.outputs import bundles, tracebacks
from jupyter_mcp_ext.outputs.lines import Section, SectionedLines, ready, sections
from jupyter_mcp_ext.outputs.model import Error, Output, Stream
from jupyter_mcp_ext.outputs.numbered import More, line_of
from jupyter_mcp_ext.outputs.quoting import Remark, mark
from jupyter_mcp_ext.outputs.rendering import Render, here


@dataclass(frozen=True, kw_only=True)
class PageLine:
    """A line of a page as it is shown, and whether it is there as context."""

    number: int
    text: str
    is_match: bool = True


@dataclass(frozen=True, kw_only=True)
class Page:
    """Some of the lines; ``next_offset`` is None after the last ones."""

    lines: tuple[PageLine, ...]
    total: int
    matches: int | None = None
    next_offset: int | None = None
    next_column: int = 0


def text_lines(output: Output, label: str = "", render: Render = here) -> Sequence[str]:
    """The output in full; an image is one line that names it."""
    match output:
        case Stream():
            return SectionedLines(sections(output.rope))
        case Error():
            return tracebacks.traceback_lines(output)
        case _:
            return bundles.full_lines(output.data, label, render)


def merged_lines(
    outputs: Sequence[Output], label: Callable[[int], str], render: Render = here
) -> Sequence[str]:
    """All outputs of an execution in full, in their order."""
    return SectionedLines(_sections(outputs, label, render))


def _sections(
    outputs: Sequence[Output], label: Callable[[int], str], render: Render
) -> Iterator[Section]:
    before: Output | None = None
    for position, output in enumerate(outputs):
        if named := heading(output, before):
            yield ready([Remark(named)])
        match output:
            case Stream():
                yield from sections(output.rope)
            case Error():
                yield ready(tracebacks.traceback_lines(output))
            case _:
                yield ready(bundles.brief_lines(output.data, label(position), render))
        before = output


def heading(output: Output, before: Output | None) -> str | None:
    """The line that separates standard error from other outputs."""
    if isinstance(output, Stream) and output.name == "stderr":
        return "[stderr]"
    if not isinstance(before, Stream) or before.name != "stderr" or isinstance(output, Error):
        return None
    if isinstance(output, Stream):
        return "[stdout]"
    return "[result]" if output.is_result else "[display]"


def page(
    lines: Sequence[str],
    *,
    offset: int | None,
    column: int = 0,
    limit: int,
    budget: int,
    more: More,
) -> Page:
    """The lines from ``offset`` on, within ``limit`` lines and ``budget`` characters.

    ``offset`` counts from 0, from the end if negative; None is the tail. With ``column`` the first
    line is shown from that character on, as far as there is room. At least a part of a line is
    given, so that paging always advances.
    """
    total = len(lines)
    if offset is None:
        last = range(total - 1, max(total - max(limit, 1), 0) - 1, -1)
        return Page(lines=_within(lines, last, budget, more)[::-1], total=total)
    start = first_line(offset, total)
    shown: tuple[PageLine, ...] = ()
    if column and start < total:
        rest = lines[start][column:]
        # An output in the middle of a line begins a new one here.
        before = "" if isinstance(lines[start], Remark) else mark(rest)
        if len(before) + len(rest) >= budget:
            room = max(budget - 1 - len(before), 1)
            line = PageLine(number=start, text=before + rest[:room])
            return Page(lines=(line,), total=total, next_offset=start, next_column=column + room)
        shown = (PageLine(number=start, text=before + rest),)
        budget -= len(before) + len(rest) + 1
    end = min(start + max(limit, 1), total)
    shown += _within(lines, range(start + len(shown), end), budget, more, at_least=not shown)
    after = start + len(shown)
    return Page(lines=shown, total=total, next_offset=after if after < total else None)


def as_offset(line: int) -> int:
    """A line as clients count it, from 1, as `read_file` and editors do."""
    return line + 1


def as_line(offset: int) -> int:
    """The line that a client's offset means, from 0, or negative from the end."""
    return offset - 1 if offset > 0 else offset


def first_line(offset: int, total: int) -> int:
    """The number of the line that an offset means."""
    return max(total + offset, 0) if offset < 0 else offset


def _within(
    lines: Sequence[str], numbers: Sequence[int], budget: int, more: More, *, at_least: bool = True
) -> tuple[PageLine, ...]:
    taken: list[PageLine] = []
    for n in numbers:
        line = line_of(n, lines[n])
        if line.size + 1 > budget:
            if not taken and at_least:
                taken.append(PageLine(number=n, text=line.shown(more, max(budget - 1, 1))))
            break
        taken.append(PageLine(number=n, text=line.shown(more)))
        budget -= line.size + 1
    return tuple(taken)
