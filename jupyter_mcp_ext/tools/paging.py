"""Pages of an execution's output: a range of lines, lines that match, new lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from jupyter_mcp_ext.errors import InvalidArgument
from jupyter_mcp_ext.executions.execution import UNFINISHED, Execution
from jupyter_mcp_ext.outputs.finds import find, words_of
from jupyter_mcp_ext.outputs.model import Output
from jupyter_mcp_ext.outputs.pages import Page, as_offset, merged_lines, page
from jupyter_mcp_ext.outputs.presentation import TextBlock
from jupyter_mcp_ext.outputs.search import Search
from jupyter_mcp_ext.outputs.text import Excerpt, Passage

from .answer import Answer
from .call import Call
from .calls import DEFAULT_LIMIT, call_words, output_call, place
from .reports import execution_answer, head_of, meta_of, output_id, waiting_call

if TYPE_CHECKING:
    from jupyter_mcp_ext.executions.turns import Ahead
    from jupyter_mcp_ext.outputs.rendering import Render

MakeLines: TypeAlias = "Callable[[Render], Sequence[str]]"
"""Makes the lines that are paged through; called in a thread."""

STATUS_LINE = 400
"""Characters of a result's budget that are kept for the status line and the notices."""


@dataclass(frozen=True, kw_only=True)
class Paging:
    """Which lines a call wants."""

    offset: int | None
    """The first, counted from 0, negative from the end; None is the last page."""
    limit: int = DEFAULT_LIMIT
    grep: str | None = None
    column: int = 0
    """The first character of the first line."""
    context: int = 0
    """Lines before and after each match."""
    mime_type: str | None = None

    def __post_init__(self) -> None:
        if self.column and self.offset is None:
            msg = "column is a character of the line at offset. Give offset too."
            raise InvalidArgument(msg)


async def report_lines(
    call: Call,
    execution: Execution,
    lines: MakeLines,
    name: str,
    paging: Paging,
    *,
    ahead: Ahead | None = None,
) -> Answer:
    """A page of lines of an execution or of one output; ``name`` is its id."""
    # All of it now: while the page is made the execution goes on, and outputs may leave memory.
    outputs, seen = execution.outputs, execution.fold.lines
    notices = (*call.notices, *execution.notices)
    head = head_of(execution, outputs, notices, ahead, None)
    meta = meta_of(execution, outputs, notices, None)
    budget = call.services.limits.text - STATUS_LINE
    found = await call.services.rendering.shown(
        lambda render: _page(lines(render), name, paging, budget), of=execution.session_id
    )
    next_call = _next_page(name, found, paging)
    if meta["status"] in UNFINISHED and next_call is None and name == execution.id:
        # The last line may not be finished: it comes again, whole.
        offset = min(found.total, seen)
        next_call = _next_of(name, paging, offset=offset, wait=50)
    page_line = _page_line(name, found, next_call)
    words = "\n".join([head, page_line, *words_of(found, numbered=bool(paging.grep))])
    meta["next"] = next_call
    return execution_answer(
        [TextBlock(text=words)], meta, is_truncated=found.next_offset is not None
    )


async def report_text(
    call: Call, lines: Sequence[str], name: str, paging: Paging, *, head: str
) -> Answer:
    """A page of lines that are not from an execution, below the line ``head``."""
    budget = call.services.limits.text - STATUS_LINE
    found = await call.services.rendering.shown(
        lambda _: _page(lines, name, paging, budget), of=name
    )
    next_call = _next_page(name, found, paging)
    page_line = _page_line(name, found, next_call)
    words = "\n".join([head, page_line, *words_of(found, numbered=bool(paging.grep))])
    return Answer(blocks=(TextBlock(text=words),), meta={"next": next_call})


async def report_news(
    call: Call,
    execution: Execution,
    lines: MakeLines,
    since: int,
    paging: Paging,
    *,
    ahead: Ahead | None = None,
) -> Answer:
    """The first and last lines that an execution has put out since a line."""
    outputs = execution.outputs
    notices = (*call.notices, *execution.notices)
    next_call = waiting_call(execution, wait=50)
    head = head_of(execution, outputs, notices, ahead, next_call)
    meta = meta_of(execution, outputs, notices, next_call)

    def build(render: Render) -> tuple[str, Excerpt]:
        every = lines(render)
        start = since if since <= len(every) else 0  # what was seen has been cleared
        passage = Passage.of_range(every, start, limit=paging.limit)
        excerpt = passage.fit(call.services.limits.flood, partial(place, execution.id))
        new = len(every) - start
        if not new:
            return f"{execution.id}: nothing new, {len(every)} lines so far", excerpt
        return f"{execution.id}: {new} new of {len(every)} lines", excerpt

    line, excerpt = await call.services.rendering.shown(build, of=execution.session_id)
    words = "\n".join([head, line, *([excerpt.text] if excerpt.text else [])])
    return execution_answer([TextBlock(text=words)], meta, is_truncated=excerpt.truncated)


def _page(lines: Sequence[str], name: str, paging: Paging, budget: int) -> Page:
    more = partial(place, name, mime_type=paging.mime_type)
    if not paging.grep:
        return page(
            lines,
            offset=paging.offset,
            column=paging.column,
            limit=paging.limit,
            budget=budget,
            more=more,
        )
    with Search(paging.grep) as search:
        return find(
            lines,
            search,
            offset=paging.offset or 0,
            column=paging.column,
            context=paging.context,
            limit=paging.limit,
            budget=budget,
            more=more,
        )


def execution_lines(
    execution: Execution, outputs: Sequence[Output], render: Render
) -> Sequence[str]:
    """The merged text of an execution's outputs, line by line."""
    return merged_lines(outputs, lambda index: output_id(execution, index), render)


def _next_page(name: str, found: Page, paging: Paging) -> dict[str, Any] | None:
    if found.next_offset is None:
        return None
    return _next_of(name, paging, offset=found.next_offset, column=found.next_column)


def _next_of(
    name: str, paging: Paging, *, offset: int, column: int = 0, wait: int = 0
) -> dict[str, Any]:
    """The call for the next page, with the same filter."""
    return output_call(
        name,
        offset=offset,
        column=column,
        limit=paging.limit,
        grep=paging.grep,
        context=paging.context,
        mime_type=paging.mime_type,
        wait=wait,
    )


def _page_line(name: str, found: Page, next_call: dict[str, Any] | None) -> str:
    if found.matches is not None:
        words = f"{name}: {found.matches} of {found.total} lines match"
    elif found.lines:
        first, last = (as_offset(line.number) for line in (found.lines[0], found.lines[-1]))
        words = f"{name}: lines {first} to {last} of {found.total}"
    else:
        words = f"{name}: {found.total} lines, none here"
    return f"{words}; next: {call_words(next_call)}" if next_call else words
