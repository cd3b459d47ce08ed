"""Tools that show a kernel's variables without leaving a trace in the kernel."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from jupyter_mcp_ext.errors import KernelUnavailable
from jupyter_mcp_ext.executions.turns import queue
from jupyter_mcp_ext.outputs.images import whole_png
from jupyter_mcp_ext.outputs.presentation import ImageBlock, TextBlock
from jupyter_mcp_ext.variables import variable_words
from jupyter_mcp_ext.variables.way import Detail, KernelBusy, Query
from jupyter_mcp_ext.wording import seconds

from .answer import Answer, Block, text
from .call import Call
from .definition import tool
from .types import FoundSession

if TYPE_CHECKING:
    from jupyter_mcp_ext.sessions.session import Session

MAX_FILTER = 200

MAX_EDGE = 2_000
"""Pixels of the longer side of a kernel's picture; half of that is asked for."""


@tool(("read", "kernels"), ("execute", "kernels"), read_only=True)
async def get_variables(
    call: Call,
    session: FoundSession,
    filter: Annotated[
        str | None, Field(max_length=MAX_FILTER, description="Part or glob of a name or type.")
    ] = None,
    limit: Annotated[int, Field(ge=1, le=1_000)] = 50,
) -> Answer:
    """List what variables there are, newest first: type, shape, size, preview; also while code
    runs.
    """
    _check_variables(call, session)
    services = call.services
    kernel = session.kernel
    query = Query(filter=(filter or "").strip(), limit=limit)
    try:
        found = await services.variables.listing(kernel, query)
    except KernelBusy as err:
        raise _busy(call, session) from err
    where = f"{session.id} ({session.kernel_name})"
    words, shown = variable_words.listing(
        found,
        filter=query.filter,
        room=services.limits.text,
        where=where,
        session_id=session.id if call.names_session else "",
    )
    meta = {
        "version": 1,
        "session_id": session.id,
        "kernel_id": session.kernel_id,
        "total": found.total,
        "matching": found.data,
        "variables": [asdict(variable) for variable in found.variables[:shown]],
        "functions": asdict(found.functions),
        "classes": asdict(found.classes),
        "modules": asdict(found.modules),
    }
    return text(words, variables=meta)


@tool(("read", "kernels"), ("execute", "kernels"), read_only=True)
async def inspect_variable(
    call: Call,
    name: Annotated[str, Field(description="`df`, `model.layers[0]`, `cfg['a']`.")],
    session: FoundSession,
    detail: Detail = "summary",
) -> Answer:
    """Show one variable: columns, statistics and rows of data, signature and docstring (or source)
    of functions and classes, else value and attributes.
    """
    _check_variables(call, session)
    services = call.services
    kernel = session.kernel
    try:
        found = await services.variables.inspection(kernel, name, detail)
    except KernelBusy as err:
        raise _busy(call, session) from err
    words = variable_words.inspection(
        found,
        name=name.strip(),
        room=services.limits.text,
        detail=detail,
        session_id=session.id if call.names_session else "",
    )
    meta = {
        "version": 1,
        "session_id": session.id,
        "kernel_id": session.kernel_id,
        "name": name.strip(),
        "type": found.type,
        "facts": dict(found.facts),
        "notes": list(found.notes),
    }
    blocks: list[Block] = [TextBlock(text=words)]
    size = await asyncio.to_thread(whole_png, found.picture, MAX_EDGE) if found.picture else None
    if size is not None:
        blocks.append(ImageBlock(data=found.picture, mime_type="image/png"))
    return Answer(blocks=tuple(blocks), meta={"variable": meta})


def _check_variables(call: Call, session: Session) -> None:
    """Refuse a session without a running kernel: looking at variables does not start one."""
    sessions = call.services.sessions
    if not sessions.is_ready(session):
        back = " and brings back what was saved" if session.can_come_back else ""
        msg = (
            f"{session.id} ({session.name}) has no kernel now, so there are no variables. "
            f"execute_code starts one{back}."
        )
        raise KernelUnavailable(msg)
    if sessions.readiness.awaits_comeback(session):
        msg = (
            f"{session.id} ({session.name}) lost its kernel and its variables are not back yet. "
            "execute_code brings them back."
        )
        raise KernelUnavailable(msg)


def _busy(call: Call, session: Session) -> KernelUnavailable:
    """The error for a kernel that does not answer while code runs."""
    line = queue(session.kernel)
    since = session.kernel.foreign_since
    if line:
        doing = f"runs {line[0].id} for {seconds(line[0].duration)}"
        then = f'get_output("{line[0].id}", wait=50) waits for it, interrupt_kernel stops it.'
    elif since is not None:
        doing = f"runs a person's code for {seconds(time.time() - since)}"
        then = "Try again when get_kernel_status says that it is idle."
    else:
        doing = "does not answer"
        then = "Try again, or see get_kernel_status."
    msg = f"The kernel {doing} and cannot report its variables now. {then}"
    return KernelUnavailable(msg)
