"""Progress of an execution, for callers that asked for it with a progress token.

A task of its own sends it, so that a client that reads slowly holds up neither the kernel, whose
messages are taken elsewhere, nor the answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_mcp_ext.executions.execution import Execution

Progress = Callable[[float, float | None, str | None], Awaitable[None]]
"""Sends a progress notification: seconds since the call began, no total, a message."""

SHORTEST = 1.0
"""Seconds between two notifications at least."""

LONGEST = 5.0
"""Seconds between two notifications at most: some clients give up on a silent call."""


@asynccontextmanager
async def reported(execution: Execution, progress: Progress | None) -> AsyncIterator[None]:
    """Report while the block waits for the execution."""
    if progress is None or execution.is_finished:
        yield
        return
    task = asyncio.create_task(_report(execution, progress), name=f"mcp-progress-{execution.id}")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _report(execution: Execution, progress: Progress) -> None:
    loop = asyncio.get_running_loop()
    begun, said, silent_since = loop.time(), "", loop.time()
    while not (await asyncio.wait({execution.done}, timeout=SHORTEST))[0]:
        words = execution.fold.last_line or execution.status
        if execution.cells.progress:
            words = f"{execution.cells.progress}: {words}"
        now = loop.time()
        if words != said or now - silent_since >= LONGEST:
            await progress(round(now - begun, 1), None, words)
            said, silent_since = words, loop.time()
