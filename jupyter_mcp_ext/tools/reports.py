"""How an execution is told: its status line, its notices, its outputs within the budget."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from jupyter_mcp_ext.executions.execution import UNFINISHED, Execution
from jupyter_mcp_ext.files.changes import in_words
from jupyter_mcp_ext.outputs.area import value_size
from jupyter_mcp_ext.outputs.model import Display, Error, Output, Stream
from jupyter_mcp_ext.outputs.pages import Page, merged_lines, page
from jupyter_mcp_ext.outputs.presentation import TextBlock, is_heavy, present
from jupyter_mcp_ext.outputs.search import Search
from jupyter_mcp_ext.outputs.text import clean
from jupyter_mcp_ext.outputs.tracebacks import headline

from .content import Answer

if TYPE_CHECKING:
    from jupyter_mcp_ext.executions.turns import Ahead
    from jupyter_mcp_ext.outputs.limits import Limits
    from jupyter_mcp_ext.outputs.rendering import Render
    from jupyter_mcp_ext.rendering.service import Rendering
from jupyter_mcp_ext.outputs.presentation import Presentation

STATUS_LINE = 400
"""Characters of a result's budget that are kept for the status line and the notices."""


MAX_OUTPUTS = 100
"""Outputs that ``_meta`` lists, the latest."""

MAX_TRACEBACK = 8_000
"""Characters of a traceback in ``_meta``, its end."""

DEFAULT_LIMIT = 200
"""Lines of a page when the call does not say."""


@dataclass(frozen=True, kw_only=True)
class Paging:
    """Which lines a call wants."""

    offset: int | None
    """The first, counted from 0, negative from the end; None is the last page."""
    limit: int
    grep: str | None


def output_id(execution: Execution, index: int) -> str:
    """The id of an execution's output, counted from 0 here and from 1 there."""
    return f"{execution.id}/{index + 1}"


async def report(
    execution: Execution,
    *,
    limits: Limits,
    rendering: Rendering,
    ahead: Ahead | None = None,
    notices: Sequence[str] = (),
    wait: float = 50,
) -> Answer:
    """The whole execution as far as it is, within the budget.

    ``notices`` are those of this answer, beside those of the execution.
    """
    outputs = execution.outputs
    notices = (*notices, *execution.notices)
    next_call = _next_call(execution, wait)
    head = _head(execution, outputs, notices, ahead, next_call)
    if execution.written.files:
        head += f"\nfiles: {in_words(execution.written)}"
    left = replace(limits, text=max(limits.text - len(head) - 1, limits.text // 2))

    def build(render: Render) -> Presentation:
        return present(
            outputs,
            limits=left,
            label=lambda index: output_id(execution, index),
            more=lambda index, offset: _call(
                "get_output", output_id=output_id(execution, index), offset=offset
            ),
            render=render,
        )

    shown = await rendering.shown(build, aside=is_heavy(outputs))
    blocks = [TextBlock(text=head), *shown.blocks]
    first = shown.blocks[0] if shown.blocks else None
    joined = isinstance(first, TextBlock)
    if isinstance(first, TextBlock):
        # An output that looks like a notice of ours is kept apart from them.
        between = "\n\n" if first.text.startswith("! ") else "\n"
        blocks[:2] = [TextBlock(text=f"{head}{between}{first.text}")]
    offset = 0 if joined else 1
    places = [None if p is None else p + offset for p in shown.positions]
    return Answer(
        blocks=tuple(blocks),
        meta={"execution": _meta(execution, outputs, notices, next_call, places, shown.truncated)},
        status=execution.status,
    )


async def report_lines(
    execution: Execution,
    lines: Callable[[Render], Sequence[str]],
    name: str,
    paging: Paging,
    *,
    limits: Limits,
    notices: Sequence[str] = (),
    rendering: Rendering,
    ahead: Ahead | None = None,
) -> Answer:
    """A page of lines of an execution or of one output, which ``name`` is the id of.

    ``lines`` is called in a thread. ``notices`` are those of this answer.
    """
    notices = (*notices, *execution.notices)
    outputs = execution.outputs  # now: while the page is made they may leave memory again
    part = await rendering.shown(
        lambda render: _page(lines(render), paging, limits.text - STATUS_LINE)
    )
    next_call = _next_page(name, part, paging)
    if execution.status in UNFINISHED and next_call is None and name == execution.id:
        # The last line may not be finished: it comes again, whole.
        offset = min(part.total, execution.fold.lines)
        next_call = {
            "name": "get_output",
            "arguments": {"output_id": name, "offset": offset, "wait": 50},
        }
    head = _head(execution, outputs, notices, ahead, None)
    body = (
        [f"{number}: {line}" for number, line in part.lines]
        if paging.grep
        else [line for _, line in part.lines]
    )
    words = "\n".join([head, _page_line(name, part, next_call), *body])
    return Answer(
        blocks=(TextBlock(text=words),),
        meta={
            "execution": _meta(
                execution,
                outputs,
                notices,
                next_call,
                [],
                part.next_offset is not None,
            )
        },
        status=execution.status,
    )


def report_status(execution: Execution, *, ahead: Ahead | None = None) -> Answer:
    """The status line of an execution and nothing else."""
    line = _status_line(execution, (), ahead, _next_call(execution, wait=0))
    return Answer(blocks=(TextBlock(text=line),), status=execution.status)


def _page(lines: Sequence[str], paging: Paging, budget: int) -> Page:
    with ExitStack() as stack:
        search = stack.enter_context(Search(paging.grep)) if paging.grep else None
        return page(lines, offset=paging.offset, limit=paging.limit, grep=search, budget=budget)


def execution_lines(
    execution: Execution, outputs: Sequence[Output], render: Render
) -> Sequence[str]:
    """The merged text of an execution's outputs, line by line."""
    return merged_lines(outputs, lambda index: output_id(execution, index), render)


def seconds(value: float) -> str:
    """A duration as people write it: ``0.84 s``, ``50 s``, ``31 min``."""
    if value < 10:
        return f"{value:.2f} s"
    return f"{value:.0f} s" if value < 120 else f"{value / 60:.0f} min"


def call_words(call: dict[str, Any]) -> str:
    """A tool call as a model would write it."""
    return _call(call["name"], **call["arguments"])


def _call(name: str, /, **arguments: Any) -> str:
    first, *rest = arguments.items()
    words = [json.dumps(first[1], ensure_ascii=False)]
    words += [f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in rest]
    return f"{name}({', '.join(words)})"


def _next_call(execution: Execution, wait: float) -> dict[str, Any] | None:
    if execution.status not in UNFINISHED:
        return None
    arguments: dict[str, Any] = {"output_id": execution.id}
    if execution.fold.lines:
        arguments["offset"] = execution.fold.lines
    arguments["wait"] = 50 if wait < 1 else int(wait)
    return {"name": "get_output", "arguments": arguments}


def _next_page(name: str, part: Page, paging: Paging) -> dict[str, Any] | None:
    if part.next_offset is None:
        return None
    arguments: dict[str, Any] = {"output_id": name, "offset": part.next_offset}
    if paging.limit != DEFAULT_LIMIT:
        arguments["limit"] = paging.limit
    if paging.grep is not None:
        arguments["grep"] = paging.grep
    return {"name": "get_output", "arguments": arguments}


def _page_line(name: str, part: Page, next_call: dict[str, Any] | None) -> str:
    if part.matches is not None:
        words = f"{name}: {part.matches} of {part.total} lines match"
    elif part.lines:
        words = f"{name}: lines {part.lines[0][0]} to {part.lines[-1][0]} of {part.total}"
    else:
        words = f"{name}: {part.total} lines, none here"
    return f"{words}; next: {call_words(next_call)}" if next_call else words


def _head(
    execution: Execution,
    outputs: Sequence[Output],
    notices: Sequence[str],
    ahead: Ahead | None,
    next_call: dict[str, Any] | None,
) -> str:
    lines = [_status_line(execution, outputs, ahead, next_call)]
    lines += [f"! {notice}" for notice in notices]
    if execution.fold.dropped_bytes:
        lines.append(
            f"! {execution.fold.dropped_bytes:,} bytes of output are gone: more than is kept"
        )
    return "\n".join(lines)


def _status_line(
    execution: Execution,
    outputs: Sequence[Output],
    ahead: Ahead | None,
    next_call: dict[str, Any] | None,
) -> str:
    words = [f"[{execution.status}]", execution.id]
    if execution.execution_count is not None:
        words.append(f"In[{execution.execution_count}]")
    words += [seconds(execution.duration), f"({execution.kernel_name})"]
    line = " ".join(words)
    match execution.status:
        case "queued":
            line = f"[queued] {execution.id} {seconds(execution.duration)} {_behind(ahead)}"
        case "running":
            line += f", {execution.fold.lines} lines"
        case "input" if execution.prompts.current is not None:
            line += f": the code asks {execution.prompts.current.quoted} and waits for a person; "
            line += f'interrupt_kernel(execution_id="{execution.id}") ends it'
        case "ok" if not outputs and not execution.fold.dropped_bytes:
            line += ", no output"
        case "error":
            error = execution.error
            line += f": {_one_line(error)}" if error else ""
        case "dead":
            line += f": {execution.reason}; unsaved variables are gone"
        case "timeout" | "interrupted" if execution.reason:
            line += f": {execution.reason}"
        case _:
            pass
    if next_call is not None:
        line += f": {call_words(next_call)}"
        if execution.status == "running":
            line += f' or interrupt_kernel(execution_id="{execution.id}")'
    return line


def _behind(ahead: Ahead | None) -> str:
    if ahead is None:
        return "until the kernel takes it up"
    whose = f"{ahead.client}, " if ahead.client else ""
    return f"behind {ahead.what} ({whose}{seconds(ahead.seconds)})"


def _one_line(error: Error) -> str:
    words = clean(headline(replace(error, evalue=error.evalue[:1_000]))).splitlines() or [""]
    return words[0][:200]


def _meta(
    execution: Execution,
    outputs: Sequence[Output],
    notices: Sequence[str],
    next_call: dict[str, Any] | None,
    places: Sequence[int | None],
    truncated: bool,
) -> dict[str, Any]:
    error = execution.error
    return {
        "version": 1,
        "execution_id": execution.id,
        "session_id": execution.session_id,
        "kernel_id": execution.kernel_id,
        "status": execution.status,
        "execution_count": execution.execution_count,
        "duration": round(execution.duration, 3),
        "truncated": truncated or bool(execution.fold.dropped_bytes),
        "notices": list(notices),
        "error": error and _error_meta(error),
        "next": next_call,
        "files": [{"path": f.path, "bytes": f.bytes} for f in execution.written.files],
        "outputs_total": len(outputs),
        "outputs": [
            _output_meta(execution, output, index, places)
            for index, output in enumerate(outputs)
            if index >= len(outputs) - MAX_OUTPUTS
        ],
    }


def _error_meta(error: Error) -> dict[str, Any]:
    """The error for a program; whole, it is an output with an id."""
    traceback = "\n".join(error.traceback)[-MAX_TRACEBACK:].split("\n")
    return {"ename": error.ename[:200], "evalue": error.evalue[:1_000], "traceback": traceback}


def _output_meta(
    execution: Execution, output: Output, index: int, places: Sequence[int | None]
) -> dict[str, Any]:
    meta: dict[str, Any] = {"output_id": output_id(execution, index)}
    match output:
        case Stream():
            meta |= {"output_type": "stream", "name": output.name, "mime_types": ["text/plain"]}
            meta["bytes"] = sum(map(value_size, output.rope.pieces))
        case Display():
            meta["output_type"] = "execute_result" if output.is_result else "display_data"
            meta["mime_types"] = list(output.data)
            meta["bytes"] = sum(
                len(v) if isinstance(v, str) else len(json.dumps(v)) for v in output.data.values()
            )
        case Error():
            meta |= {"output_type": "error", "mime_types": ["text/plain"]}
            meta["bytes"] = sum(map(len, output.traceback))
    meta["content_index"] = places[index] if index < len(places) else None
    return meta
