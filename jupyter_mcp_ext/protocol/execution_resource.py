"""``jupyter://executions/{id}``: all outputs of an execution, as a notebook of one cell."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from typing import TYPE_CHECKING, Any

from jupyter_mcp_ext.outputs.model import to_nbformat
from jupyter_mcp_ext.resources.uris import Uri
from jupyter_mcp_ext.sessions.story.composition import METADATA

from .resource import MAX_CHARACTERS, NOTEBOOK, Content, Resource, too_large

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_mcp_ext.executions.execution import Execution
    from jupyter_mcp_ext.governance.policy import Right
    from jupyter_mcp_ext.outputs.model import Output
    from jupyter_mcp_ext.tools.call import Call

RIGHTS: tuple[Right, ...] = (("read", "kernels"),)
"""What a caller needs to read one, and to be told of its changes."""

TOOL = "get_output"
"""The tool that shows the same: who does not have it does not get the resource."""

MEMORY = 8
"""How much more room numbers take in memory than as text: what is kept may be text or numbers."""

FRESH = 60_000
"""Milliseconds for which a finished execution is fresh: threads of its code may still write."""


async def find(call: Call, execution_id: str) -> Resource:
    """The caller's execution of an id. Raises Forbidden, UnknownExecution."""
    await call.require(*RIGHTS, tool=TOOL)
    execution = call.services.executions.directory.find(call.caller, execution_id)
    call.follow(execution)
    name = Uri(kind="executions", name=execution.id)
    return Resource(names=frozenset({name}), read=partial(_read, call, execution))


async def _read(call: Call, execution: Execution) -> Content:
    _check_size(execution, execution.fold.bytes // MEMORY)
    await call.services.executions.load(execution)
    fresh = FRESH if execution.is_finished else 0
    # Both of the same moment: the execution goes on while the text is made.
    notebook, outputs = _notebook(execution), execution.outputs
    text = await asyncio.to_thread(_text, notebook, outputs)
    _check_size(execution, len(text))
    return Content(text=text, mime_type=NOTEBOOK, fresh=fresh)


def _check_size(execution: Execution, number: int) -> None:
    if number > MAX_CHARACTERS:
        what, instead = f"The output of {execution.id}", f'get_output("{execution.id}", offset=1)'
        raise too_large(what, instead)


def _text(notebook: dict[str, Any], outputs: Sequence[Output]) -> str:
    notebook["cells"][0]["outputs"] = [to_nbformat(output) for output in outputs]
    # Not indented as in a file: that gives a line to each number of a chart.
    return json.dumps(notebook, ensure_ascii=False, separators=(",", ":"))


def _notebook(execution: Execution) -> dict[str, Any]:
    return {
        "cells": [_cell(execution)],
        "metadata": {"kernelspec": _kernelspec(execution)},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _kernelspec(execution: Execution) -> dict[str, str]:
    return {"name": execution.kernel_name, "display_name": execution.kernel_name}


def _cell(execution: Execution) -> dict[str, Any]:
    known = {
        "execution_id": execution.id,
        "session_id": execution.session_id,
        "status": execution.status,
        "reason": execution.reason,
        "client": execution.client,
        "created": execution.created,
        "began": execution.began,
        "ended": execution.ended,
        "notices": list(execution.notices),
        "dropped_bytes": execution.fold.dropped_bytes,
    }
    return {
        "id": execution.id,
        "cell_type": "code",
        "metadata": {METADATA: known},
        "source": execution.code,
        "execution_count": execution.execution_count,
        "outputs": [],
    }
