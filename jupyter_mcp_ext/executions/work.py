"""Executions of work that is not code, such as an installation: shown, stopped and kept alike."""

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
"""The work; it is cancelled to stop it, and may still complete then."""


class Works:
    """The work that is going on."""

    def __init__(self) -> None:
        self._running: set[Execution] = set()

    def add(self, execution: Execution) -> None:
        """Know an execution until it has ended."""
        self._running.add(execution)
        execution.done.add_done_callback(lambda _: self._running.discard(execution))

    def running_of(self, owner: str) -> str:
        """The id of one of a user's that is going on; empty if there is none."""
        running = (e for e in self._running if e.owner == owner and not e.is_finished)
        return next((e.id for e in running), "")


async def carry_out(execution: Execution, work: Work, archive: Archive, log: Logger) -> None:
    """Do the work of an execution, and end the execution with its outcome."""

    def say(line: str) -> None:
        archive.take(execution, "stream", {"name": "stdout", "text": f"{line}\n"})

    async def begun() -> None:
        await work(execution, say)

    doing = asyncio.create_task(begun(), name=f"mcp-work-{execution.id}")
    either: set[asyncio.Future[Any]] = {doing, execution.stop.requested}
    try:
        execution.begin()
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        await _ended(doing)
        if doing.cancelled():
            execution.end(execution.stop.why if execution.stop.is_requested else "interrupted")
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
        _fail(execution, archive, ToolError("An internal error. The server's log has the details."))
    finally:
        archive.finish(execution)


async def _ended(doing: asyncio.Task[None]) -> None:
    """Cancel the work if it is not done, and return when it has ended."""
    if not doing.done():
        doing.cancel()
        await asyncio.wait({doing})


def _fail(execution: Execution, archive: Archive, err: ToolError) -> None:
    execution.failure = err
    error = {"ename": type(err).__name__, "evalue": str(err), "traceback": []}
    archive.take(execution, "error", error)
    execution.end("error")
