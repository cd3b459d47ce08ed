"""Takes an execution of code to its end: its kernel, its turn, the code, the reply."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from jupyter_mcp_ext.advice import payloads

from .carryover import Carryovers
from .conclusion import conclude
from .parts import PartsRunner
from .sending import Run, Sender

if TYPE_CHECKING:
    from jupyter_mcp_ext.kernels.kernel import Kernel
    from jupyter_mcp_ext.kernels.links.exchange import Content, Exchange
    from jupyter_mcp_ext.kernels.losses import Loss
    from jupyter_mcp_ext.variables.hints import Hints

    from .archive import Archive
    from .execution import Execution
    from .interrupts import Interrupts
    from .notices import Notices
    from .part import Parts

Ready: TypeAlias = "Callable[[], Awaitable[Kernel]]"
"""Gives a session's kernel, started if need be."""

Prepare: TypeAlias = Callable[[], Awaitable[str]]
"""Brings back what a kernel has lost, and gives words for what came back; they may be empty."""


class Runner:
    """Runs executions on kernels."""

    def __init__(
        self, archive: Archive, interrupts: Interrupts, notices: Notices, hints: Hints
    ) -> None:
        self._interrupts = interrupts
        self._notices = notices
        self._hints = hints
        self._carryovers = Carryovers()
        self._sender = Sender(archive, interrupts)
        self._parts = PartsRunner(self._sender, interrupts, notices, hints)

    async def run(
        self, execution: Execution, ready: Ready, prepare: Prepare | None, parts: Parts | None
    ) -> None:
        """Run an execution's code, or these parts in its place, which ends it.

        Raises KernelLost and ToolError.
        """
        kernel = execution.kernel
        if kernel is None or not kernel.hosted.is_there:
            kernel = await self._started(execution, ready)
        if kernel is None:
            await _stopped(execution, parts, "stopped while its kernel started")
            return
        execution.kernel = kernel
        turn = kernel.turn.join(execution)
        try:
            if await execution.stop.before(turn):
                await self._take_turn(execution, kernel, prepare, parts)
            else:
                await _stopped(execution, parts, "taken from the queue before it began")
        finally:
            kernel.turn.leave(execution)

    @staticmethod
    async def _started(execution: Execution, ready: Ready) -> Kernel | None:
        """The kernel, once it runs; None when the execution was stopped before."""
        starting = asyncio.ensure_future(ready())
        if await execution.stop.before(starting):
            return starting.result()
        # The kernel goes on starting: its session needs it all the same.
        starting.add_done_callback(lambda done: done.cancelled() or done.exception())
        return None

    async def _take_turn(
        self, execution: Execution, kernel: Kernel, prepare: Prepare | None, parts: Parts | None
    ) -> None:
        async with kernel.linked() as link:
            kernel.begin()
            try:
                await self._execute(Run(execution, kernel, link), prepare, parts)
            finally:
                kernel.end()

    async def _execute(self, run: Run, prepare: Prepare | None, parts: Parts | None) -> None:
        execution = run.execution
        execution.share(self._carryovers.of(run.kernel))
        if prepare is not None and not await self._is_prepared(run, prepare):
            await _stopped(execution, parts, "stopped while its session was brought back")
            return
        if parts is not None:
            await self._parts.run(run, parts)
            return
        hints = await self._hints.before(run.kernel, run.link, execution.code)
        ran = await self._sender.ran(run)
        if ran is not None:
            await self._finish(run, *ran, hints)

    async def _finish(self, run: Run, exchange: Exchange, reply: Content, hints: list[str]) -> None:
        """End an execution whose code has run, with what there is to say of it."""
        execution, link = run.execution, run.link
        if reply.get("status") == "error" and not execution.stop.is_requested:
            hints += await self._hints.after_error(link, str(reply.get("ename")))
        self._notices.take_reply(execution, link.info, reply)
        conclude(execution, exchange, reply, self._interrupts.who(execution, run.kernel))
        self._notices.add(execution, link.info, reply)
        execution.notices.extend((*run.kernel.limits.hits(_raised(execution)), *hints))
        if any(map(payloads.ends_kernel, payloads.payloads(reply))):
            await run.kernel.death.exits()

    async def _is_prepared(self, run: Run, prepare: Prepare) -> bool:
        """Make ready what the code needs; false when it was stopped before that was done."""
        preparing = asyncio.ensure_future(prepare())
        try:
            if await run.execution.stop.before(preparing):
                _tell_missed(run.execution, run.kernel.losses, preparing.result())
                return True
            return False
        finally:
            if not preparing.done():  # it ends what it has begun in the kernel
                preparing.cancel()
                await asyncio.wait({preparing})


def _raised(execution: Execution) -> str:
    error = execution.error
    return "" if error is None else f"{error.ename}: {error.evalue}"


async def _stopped(execution: Execution, parts: Parts | None, words: str) -> None:
    """End an execution before its code has begun."""
    if parts is not None:
        await parts.close()
    execution.end(execution.stop.why, words)


def _tell_missed(execution: Execution, losses: Sequence[Loss], comeback: str) -> None:
    """Report a loss while the code waited: it was written before the loss.

    ``comeback`` is what came back, in words.
    """
    if losses and losses[-1].at > execution.created and not losses[-1].is_past:
        # Code that was sent after exit() has waited for the kernel's end and nothing else.
        is_exit = losses[-1].kind == "exited"
        when = "" if is_exit else " while this code waited, which ran after that"
        execution.missed_loss = True
        execution.notices.append(
            f"{losses[-1].words}{when}: {comeback or 'its variables are lost'}"
        )
