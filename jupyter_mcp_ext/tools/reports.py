"""The answer for an execution: status line, notices, and outputs within the budget."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from jupyter_mcp_ext.executions.execution import UNFINISHED, Execution
from jupyter_mcp_ext.files.changes import in_words
from jupyter_mcp_ext.outputs.characters import without_format
from jupyter_mcp_ext.outputs.model import Display, Error, Output, Stream
from jupyter_mcp_ext.outputs.pages import as_offset
from jupyter_mcp_ext.outputs.presentation import (
    ImageBlock,
    Presentation,
    TextBlock,
    is_heavy,
    present,
)
from jupyter_mcp_ext.outputs.sizes import value_size
from jupyter_mcp_ext.outputs.text import clean, strip
from jupyter_mcp_ext.outputs.tracebacks import headline
from jupyter_mcp_ext.wording import seconds

from .answer import Answer
from .calls import call_words, place
from .cell_lines import cell_lines, cell_meta

if TYPE_CHECKING:
    from jupyter_mcp_ext.executions.turns import Ahead
    from jupyter_mcp_ext.outputs.limits import Limits
    from jupyter_mcp_ext.rendering.rendering import Rendering

LONG = 4.0
"""Seconds after which a result suggests to interrupt the execution that it waits for."""

MAX_OUTPUTS = 100
"""Outputs that ``_meta`` lists, the latest."""

MAX_TRACEBACK = 8_000
"""Characters of a traceback in ``_meta``, its end."""


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

    ``notices`` are those of this answer, beside those of the execution; each is said once.
    """
    outputs = execution.outputs
    notices = tuple(dict.fromkeys((*notices, *execution.notices)))
    next_call = waiting_call(execution, wait)
    head = head_of(execution, outputs, notices, ahead, next_call)
    if execution.files:
        head += f"\nfiles: {in_words(execution.files)}"
    told = _told_error(execution, outputs)
    meta = meta_of(execution, outputs, notices, next_call)
    build = partial(
        present,
        outputs,
        limits=replace(limits, text=max(limits.text - len(head) - 1, limits.text // 2)),
        label=partial(output_id, execution),
        more=lambda index, *at: place(output_id(execution, index), *at),
        told=told,
    )
    shown = await rendering.shown(
        lambda render: build(render=render), of=execution.session_id, aside=is_heavy(outputs)
    )
    blocks, places = _below(head, shown)
    if told is not None and places[told] is None:
        places[told] = 0  # the status line says all of it
    return execution_answer(blocks, meta, places, is_truncated=shown.truncated)


def execution_answer(
    blocks: Sequence[TextBlock | ImageBlock],
    meta: dict[str, Any],
    places: Sequence[int | None] = (),
    *,
    is_truncated: bool,
) -> Answer:
    """The answer of `meta_of` an execution; ``places`` are the indices of its outputs' blocks."""
    first = meta["outputs_total"] - len(meta["outputs"])
    for index, output in enumerate(meta["outputs"], start=first):
        output["content_index"] = places[index] if index < len(places) else None
    meta["truncated"] |= is_truncated
    return Answer(blocks=tuple(blocks), meta={"execution": meta}, status=meta["status"])


def _below(
    head: str, shown: Presentation
) -> tuple[tuple[TextBlock | ImageBlock, ...], list[int | None]]:
    """The blocks of outputs below the head, and in which of them each output is."""
    first = shown.blocks[0] if shown.blocks else None
    if isinstance(first, TextBlock):  # one block with the head
        joined = TextBlock(text=f"{head}\n{first.text}")
        return (joined, *shown.blocks[1:]), list(shown.positions)
    places = [None if p is None else p + 1 for p in shown.positions]
    return (TextBlock(text=head), *shown.blocks), places


def report_status(execution: Execution, *, ahead: Ahead | None = None) -> Answer:
    """The status line of an execution and nothing else."""
    line = _status_line(execution, (), ahead, waiting_call(execution, wait=0))
    return Answer(blocks=(TextBlock(text=line),), status=execution.status)


def waiting_call(execution: Execution, wait: float) -> dict[str, Any] | None:
    """The call that goes on waiting for an execution; None when it has ended."""
    if execution.status not in UNFINISHED:
        return None
    arguments: dict[str, Any] = {"output_id": execution.id}
    if execution.fold.lines:
        arguments["offset"] = as_offset(execution.fold.lines)
    arguments["wait"] = 50 if wait < 1 else int(wait)
    return {"name": "get_output", "arguments": arguments}


def head_of(
    execution: Execution,
    outputs: Sequence[Output],
    notices: Sequence[str],
    ahead: Ahead | None,
    next_call: dict[str, Any] | None,
) -> str:
    """The status line, the notices, and a line for each cell of a run."""
    lines = [_status_line(execution, outputs, ahead, next_call)]
    lines += [f"! {_in_a_line(notice)}" for notice in notices]
    if execution.fold.dropped_bytes:
        dropped = f"{execution.fold.dropped_bytes:,}"
        lines.append(f"! {dropped} bytes of output were dropped: there was more than is kept")
    lines += cell_lines(execution)
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
            line += f": {execution.reason}; unsaved variables are lost"
        case "timeout" | "interrupted" if execution.reason:
            line += f": {execution.reason}"
        case _:
            pass
    if next_call is not None:
        line += f": {call_words(next_call)}"
        if execution.status == "running":
            line += f' or interrupt_kernel(execution_id="{execution.id}")'
        elif ahead is not None and ahead.client == execution.client and ahead.seconds > LONG:
            line += f' or interrupt_kernel(execution_id="{ahead.what}"), which ends what runs; '
            line += 'create_session(name="...") starts another kernel'
    return _in_a_line(line)


def _in_a_line(words: str) -> str:
    """A message of this server, which may contain names from code, on one line."""
    return " ".join(strip(words).splitlines())


def _told_error(execution: Execution, outputs: Sequence[Output]) -> int | None:
    """The position of the error whose headline the status line says in full."""
    if execution.status != "error":
        return None
    last = next((n for n in range(len(outputs) - 1, -1, -1) if isinstance(outputs[n], Error)), None)
    error = outputs[last] if last is not None else None
    if not isinstance(error, Error) or len(error.evalue) > 200:
        return None
    return last if _one_line(error) == clean(headline(error)) else None


def _behind(ahead: Ahead | None) -> str:
    if ahead is None:
        return "waiting for the kernel"
    whose = f"{ahead.client}, " if ahead.client else ""
    return f"behind {ahead.what} ({whose}{seconds(ahead.seconds)})"


def _one_line(error: Error) -> str:
    words = clean(headline(replace(error, evalue=error.evalue[:1_000]))).splitlines() or [""]
    return words[0][:200]


def meta_of(
    execution: Execution,
    outputs: Sequence[Output],
    notices: Sequence[str],
    next_call: dict[str, Any] | None,
) -> dict[str, Any]:
    """The ``_meta`` of an execution, as it is at the same moment as its outputs.

    An execution goes on while its outputs are presented, so this and `head_of` come before that.
    """
    error = execution.error
    return {
        "version": 1,
        "execution_id": execution.id,
        "session_id": execution.session_id,
        "kernel_id": execution.kernel_id,
        "status": execution.status,
        "execution_count": execution.execution_count,
        "duration": round(execution.duration, 3),
        "truncated": bool(execution.fold.dropped_bytes),
        "notices": list(notices),
        "error": error and _error_meta(error),
        "next": next_call,
        "files": [{"path": f.path, "bytes": f.bytes} for f in execution.files.files],
        **({"cells": cell_meta(execution)} if len(execution.cells) else {}),
        "outputs_total": len(outputs),
        "outputs": [
            _output_meta(execution, output, index)
            for index, output in enumerate(outputs)
            if index >= len(outputs) - MAX_OUTPUTS
        ],
    }


def _error_meta(error: Error) -> dict[str, Any]:
    """The error, shortened: the whole one is an output with an id."""
    traceback = "\n".join(error.traceback)[-MAX_TRACEBACK:].split("\n")
    return {
        "ename": strip(error.ename[:200]),
        "evalue": strip(error.evalue[:1_000]),
        "traceback": [without_format(line) for line in traceback],
    }


def _output_meta(execution: Execution, output: Output, index: int) -> dict[str, Any]:
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
    return meta
