"""The tool that reads the output of code, or one output in full."""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from jupyter_mcp_ext.errors import InvalidArgument, UnknownExecution, shown
from jupyter_mcp_ext.executions.execution import UNFINISHED
from jupyter_mcp_ext.executions.turns import ahead_of
from jupyter_mcp_ext.outputs.characters import plain_name
from jupyter_mcp_ext.outputs.model import Display, Output
from jupyter_mcp_ext.outputs.pages import as_line, text_lines
from jupyter_mcp_ext.outputs.pictures import ImageBlock, pictures
from jupyter_mcp_ext.outputs.presentation import Presentation, TextBlock, present
from jupyter_mcp_ext.outputs.text import split, strip
from jupyter_mcp_ext.wording import seconds

from .answer import Answer
from .call import Call
from .definition import tool
from .lost import LOST, report_lost
from .paging import Paging, execution_lines, report_lines, report_news
from .reports import output_id as id_of
from .types import SessionId, found
from .waiting import answered, settle, tell_session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_mcp_ext.executions.execution import Execution
    from jupyter_mcp_ext.outputs.rendering import Render

OUTPUT_ID = re.compile(r"(?P<execution>[^/]+)(?:/(?P<first>\d{1,6})(?:-(?P<last>\d{1,6}))?)?")

MAX_OTHERS = 5
"""Executions that are named beside the latest."""

MAX_IMAGES = 8
"""Images that one call fetches in the original."""

MAX_PICTURES = 16
"""Images that one call fetches, made smaller where they are large."""


@tool(("read", "kernels"), read_only=True, is_main=True)
async def get_output(
    call: Call,
    output_id: Annotated[
        str | None, Field(description="Execution (`id-12`), output (`id-12/1`), images (`/3-6`).")
    ] = None,
    session_id: SessionId = None,
    offset: Annotated[
        int | None, Field(description="First line, from 1; negative: from the end.")
    ] = None,
    limit: Annotated[int, Field(ge=1, le=10_000)] = 200,
    grep: str | None = None,
    mime_type: str | None = None,
    context: Annotated[int, Field(ge=0, le=100)] = 0,
    column: Annotated[int, Field(ge=0, description="First character of that line.")] = 0,
    wait: Annotated[float, Field(ge=0)] = 0,
) -> Answer:
    """Wait for running code, read its output again, search it (grep: a regex), or page through one
    output in full (text, original image, HTML). Without an id: your latest execution, also after a
    lost connection.
    """
    paging = Paging(
        offset=None if offset is None else as_line(offset),
        limit=limit,
        grep=grep,
        column=column,
        context=context,
        mime_type=mime_type,
    )
    if output_id and (found := LOST.fullmatch(output_id.strip())):
        return await report_lost(call, found["session"], paging)
    execution, first, last = await _wanted(call, output_id, session_id)
    call.follow(execution)
    allowed = await settle(call, execution, wait)
    if call.question is not None:
        return await answered(call, execution, allowed)
    if not output_id and not session_id:
        call.notices.extend(_others(call, execution))
    tell_session(call, execution)
    if first is not None:
        return await _outputs(call, execution, str(output_id), first, last, paging)
    return await _execution(call, execution, paging, allowed)


async def _execution(call: Call, execution: Execution, paging: Paging, waited: float) -> Answer:
    """All outputs of a finished execution, a page of them, or the lines new to this reader."""
    if paging.mime_type is not None:
        msg = (
            "mime_type goes with one output. Name it, as in "
            f'get_output("{execution.id}/1", mime_type="text/html").'
        )
        raise InvalidArgument(msg)
    if paging.offset is None and paging.grep is None and execution.is_finished:
        return await answered(call, execution, waited)
    reader = execution.readers.of(call.caller.reader)
    ahead = ahead_of(execution)
    lines = partial(execution_lines, execution, execution.outputs)
    if paging.offset is None and paging.grep is None:
        since = reader.lines
        reader.see(execution.fold.lines)
        return await report_news(call, execution, lines, since, paging, ahead=ahead)
    if paging.grep is None:
        reader.see(max(reader.lines, execution.fold.lines))
    return await report_lines(call, execution, lines, execution.id, paging, ahead=ahead)


async def _wanted(
    call: Call, wanted: str | None, session_id: str | None
) -> tuple[Execution, int | None, int]:
    """The execution that an id names, with the range of its outputs, counted from 1."""
    directory = call.services.executions.directory
    if not wanted:
        if not session_id:
            return directory.latest_of(call.caller), None, 0
        session = await found(call, session_id)
        return directory.latest(call.caller, session.id), None, 0
    parts = OUTPUT_ID.fullmatch(wanted.strip())
    if parts is None:
        msg = (
            f"{shown(wanted)} is not the id of an execution or output. They look like "
            "'k7m2q9xw-12' and 'k7m2q9xw-12/1'."
        )
        raise UnknownExecution(msg)
    execution = directory.find(call.caller, parts["execution"])
    if parts["first"] is None:
        return execution, None, 0
    first = int(parts["first"])
    return execution, first, int(parts["last"] or first)


def _others(call: Call, latest: Execution) -> list[str]:
    """A notice that names what else the client has running, beside its latest execution."""
    unfinished = call.services.executions.directory.unfinished_of(call.caller)
    others = [each for each in reversed(unfinished) if each is not latest]
    if not others:
        return []
    words = [f"{each.id} {each.status} {seconds(each.duration)}" for each in others[:MAX_OTHERS]]
    more = f" and {len(others) - MAX_OTHERS} more" if len(others) > MAX_OTHERS else ""
    return [f'also yours: {", ".join(words)}{more}; get_output("{others[0].id}") reads it']


async def _outputs(
    call: Call, execution: Execution, wanted: str, first: int, last: int, paging: Paging
) -> Answer:
    """The answer for a call that names outputs."""
    outputs = _chosen(execution, first, last)
    if all(_image(output, paging.mime_type) for output in outputs):
        return await _images(call, execution, outputs, first, paging.mime_type)
    is_range = "-" in wanted.rpartition("/")[2]
    if is_range and paging.mime_type is None and all(next(pictures(o), None) for o in outputs):
        return await _pictures(call, execution, outputs, first)
    if len(outputs) > 1:
        msg = "A range may name images only. Ask for other outputs one by one."
        raise InvalidArgument(msg)
    name = f"{execution.id}/{first}"
    lines = partial(_lines, outputs[0], name, paging.mime_type)
    return await report_lines(call, execution, lines, name, paging)


def _chosen(execution: Execution, first: int, last: int) -> tuple[Output, ...]:
    count = len(execution.outputs)
    if not 1 <= first <= last <= count:
        there = f"It has {count}." if count else "It has none."
        more = " It is still running." if execution.status in UNFINISHED else ""
        wanted = f"{first}-{last}" if last > first else str(first)
        msg = (
            f"The execution {execution.id} has no output {wanted}. "
            f'{there}{more} get_output("{execution.id}") shows them.'
        )
        raise UnknownExecution(msg)
    return execution.outputs[first - 1 : last]


def _image(output: Output, mime_type: str | None) -> str | None:
    """The image type that is wanted and that the output has."""
    if not isinstance(output, Display):
        return None
    wanted = [mime_type] if mime_type else ["image/png", "image/jpeg", "image/gif", "image/webp"]
    return next(
        (m for m in wanted if m and m.startswith("image/") and "svg" not in m and m in output.data),
        None,
    )


async def _images(
    call: Call, execution: Execution, outputs: tuple[Output, ...], first: int, mime_type: str | None
) -> Answer:
    blocks: list[TextBlock | ImageBlock] = []
    for index, output in enumerate(outputs[:MAX_IMAGES], start=first - 1):
        found = _image(output, mime_type)
        if not isinstance(output, Display) or found is None:
            continue
        try:
            data = await asyncio.to_thread(base64.b64decode, str(output.data[found]))
        except binascii.Error:
            words = f"[{id_of(execution, index)} is not a valid {plain_name(found)}]"
            blocks.append(TextBlock(text=words))
            continue
        name = id_of(execution, index)
        blocks.append(
            TextBlock(text=f"[image {name} {plain_name(found)}, {len(data):,} bytes, original]")
        )
        blocks.append(ImageBlock(data=data, mime_type=found))
    if len(outputs) > MAX_IMAGES:
        following = f"{execution.id}/{first + MAX_IMAGES}-{first + len(outputs) - 1}"
        blocks.append(TextBlock(text=f'more images: get_output("{following}")'))
    return Answer(blocks=tuple(blocks), status=execution.status)


async def _pictures(
    call: Call, execution: Execution, outputs: tuple[Output, ...], first: int
) -> Answer:
    """Outputs whose images are drawings or parts of a text, and so have no original."""

    def name(index: int) -> str:
        return id_of(execution, first - 1 + index)

    def build(render: Render) -> Presentation:
        return present(
            outputs,
            limits=replace(call.services.limits, images=MAX_PICTURES),
            label=name,
            more=lambda index, *_: f'get_output("{name(index)}", offset=0)',
            render=render,
        )

    shown = await call.services.rendering.shown(build, of=execution.session_id)
    return Answer(blocks=shown.blocks, status=execution.status)


def _lines(output: Output, name: str, mime_type: str | None, render: Render) -> Sequence[str]:
    if mime_type is None:
        return text_lines(output, name, render)
    held = output.data if isinstance(output, Display) else {}
    if mime_type not in held:
        types = ", ".join(map(plain_name, held)) or "text/plain, which needs no mime_type"
        msg = f"This output is not held as {shown(mime_type)}, but as: {types}."
        raise InvalidArgument(msg)
    value = held[mime_type]
    if isinstance(value, str):
        return split(strip(value))
    return text_lines(Display(data={mime_type: value}), name, render)
