"""Executions of other work than code on a kernel, as an installation: told, stopped, kept alike."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from logging import Logger
from typing import Any, TypeAlias

from jupyter_mcp_ext.errors import ToolError

from .archive import STOPPING, Archive
from .execution import Execution

Say: TypeAlias = Callable[[str], object]
"""Puts out a line."""

Work: TypeAlias = Callable[[Execution, Say], Awaitable[None]]
"""What is to be done; it is cancelled when it is to stop, and may then still come to its end."""


async def carry_out(execution: Execution, work: Work, archive: Archive, log: Logger) -> None:
    """Do an execution's work to an honest end."""

    def say(line: str) -> None:
        archive.take(execution, "stream", {"name": "stdout", "text": f"{line}\n"})

    async def begun() -> None:
        await work(execution, say)

    doing = asyncio.create_task(begun(), name=f"mcp-work-{execution.id}")
    either: set[asyncio.Future[Any]] = {doing, execution.stop}
    try:
        execution.begin()
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        await _ended(doing)
        if doing.cancelled():
            execution.end(execution.stop.result() if execution.stop.done() else "interrupted")
        else:
            doing.result()
            execution.end("ok")
    except ToolError as err:
        _fail(execution, archive, err)
    except asyncio.CancelledError:
        await _ended(doing)
        execution.end("interrupted", STOPPING)
        raise
    except Exception:
        log.exception("The execution %s failed", execution.id)
        _fail(execution, archive, ToolError("An internal error, which the server's log tells."))
    finally:
        archive.finish(execution)


async def _ended(doing: asyncio.Task[None]) -> None:
    """Stop what is not at its end, and return when it is."""
    if not doing.done():
        doing.cancel()
        await asyncio.wait({doing})


def _fail(execution: Execution, archive: Archive, err: ToolError) -> None:
    execution.failure = err
    error = {"ename": type(err).__name__, "evalue": str(err), "traceback": []}
    archive.take(execution, "error", error)
    execution.end("error")
