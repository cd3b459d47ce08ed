"""Takes an execution of code to its end: its kernel, its turn, the code, the reply."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from jupyter_mcp_ext.advice import notices, payloads

from . import questions
from .carryover import Carryovers
from .conclusion import conclude

if TYPE_CHECKING:
    from jupyter_mcp_ext.kernels.exchange import Content, Exchange
    from jupyter_mcp_ext.kernels.kernel import Kernel
    from jupyter_mcp_ext.kernels.link import KernelLink
    from jupyter_mcp_ext.kernels.losses import Loss
    from jupyter_mcp_ext.variables.hints import Hints

    from .archive import Archive
    from .execution import Execution
    from .interrupts import Interrupts
    from .notices import Notices

MAX_ABORTS = 3
"""How often an execution that another client's failing cell aborted is sent again."""

Ready: TypeAlias = "Callable[[], Awaitable[Kernel]]"
"""Gives a session's kernel, started if need be."""

Prepare: TypeAlias = Callable[[], Awaitable[str]]
"""Brings back what a kernel has lost, and gives words for what came back; they may be empty."""


@dataclass(frozen=True)
class Run:
    """An execution that has its kernel's turn, and the open link."""

    execution: Execution
    kernel: Kernel
    link: KernelLink


class Runner:
    """Runs executions on kernels."""

    def __init__(
        self, archive: Archive, interrupts: Interrupts, notices: Notices, hints: Hints
    ) -> None:
        self._archive = archive
        self._interrupts = interrupts
        self._notices = notices
        self._hints = hints
        self._carryovers = Carryovers()

    async def run(self, execution: Execution, ready: Ready, prepare: Prepare | None) -> None:
        """Run an execution, which ends it. Raises KernelLost and ToolError."""
        kernel = execution.kernel
        if kernel is None or not kernel.hosted.is_there:
            kernel = await self._started(execution, ready)
        if kernel is None:
            execution.end(execution.stop.why, "stopped while its kernel started")
            return
        execution.kernel = kernel
        turn = kernel.turn.join(execution)
        try:
            if await _or_stopped(execution, turn):
                await self._take_turn(execution, kernel, prepare)
            else:
                execution.end(execution.stop.why, "taken from the queue before it began")
        finally:
            kernel.turn.leave(execution)

    @staticmethod
    async def _started(execution: Execution, ready: Ready) -> Kernel | None:
        """The kernel, once it runs; None when the execution was stopped before."""
        starting = asyncio.ensure_future(ready())
        if await _or_stopped(execution, starting):
            return starting.result()
        # The kernel goes on starting: its session needs it all the same.
        starting.add_done_callback(lambda done: done.cancelled() or done.exception())
        return None

    async def _take_turn(
        self, execution: Execution, kernel: Kernel, prepare: Prepare | None
    ) -> None:
        async with kernel.linked() as link:
            kernel.begin()
            try:
                await self._execute(Run(execution, kernel, link), prepare)
            finally:
                kernel.end()

    async def _execute(self, run: Run, prepare: Prepare | None) -> None:
        execution = run.execution
        execution.share(self._carryovers.of(run.kernel))
        if prepare is not None and not await self._is_prepared(run, prepare):
            execution.end(execution.stop.why, "stopped while its session was brought back")
            return
        hints = await self._hints.before(run.kernel, run.link, execution.code)
        for _ in range(1 + MAX_ABORTS):
            exchange, reply = await self._send(run)
            if exchange.begun or reply.get("status") != "aborted":
                await self._finish(run, exchange, reply, hints)
                return
            if execution.stop.is_requested:
                execution.end(execution.stop.why, "stopped before it began")
                return
        execution.end(
            "interrupted",
            f"failing cells of others aborted it {1 + MAX_ABORTS} times before it began",
        )

    async def _send(self, run: Run) -> tuple[Exchange, Content]:
        """Give the kernel the code, and wait for its reply."""
        execution, link = run.execution, run.link
        can_evaluate = link.info.kind.runs_functions
        execution.sent = time.time()
        exchange = link.execute(
            execution.code,
            on_message=partial(self._archive.take, execution),
            on_begin=execution.begin,
            on_dropped=execution.fold.drop,
            on_input=partial(questions.ask, execution),
            can_ask=execution.input_timeout is not None,
            expressions=notices.expressions(execution.code) if can_evaluate else None,
        )
        try:
            reply = await self._reply(run, exchange)
        finally:
            link.forget(exchange)
            self._archive.finish_text(execution)
        if reply.get("status") != "ok" and not execution.stop.is_requested:
            await run.kernel.death.check_stays()
        return exchange, reply

    async def _reply(self, run: Run, exchange: Exchange) -> Content:
        """The kernel's reply; the turn is kept until it has come, whatever the caller was told."""
        if not await _or_stopped(run.execution, exchange.over):
            await self._interrupts.stop(run.execution, run.kernel, exchange)
        return await exchange.finished()

    async def _finish(self, run: Run, exchange: Exchange, reply: Content, hints: list[str]) -> None:
        """End an execution whose code has run, with what there is to say of it."""
        execution, link = run.execution, run.link
        if reply.get("status") == "error" and not execution.stop.is_requested:
            hints += await self._hints.after_error(link, str(reply.get("ename")))
        self._notices.take_reply(execution, link.info, reply)
        conclude(execution, exchange, reply, self._interrupts.who(execution, run.kernel))
        self._notices.add(execution, link.info, reply)
        execution.notices.extend(hints)
        if any(map(payloads.ends_kernel, payloads.payloads(reply))):
            await run.kernel.death.exits()

    async def _is_prepared(self, run: Run, prepare: Prepare) -> bool:
        """Make ready what the code needs; false when it was stopped before that was done."""
        preparing = asyncio.ensure_future(prepare())
        try:
            if await _or_stopped(run.execution, preparing):
                _tell_missed(run.execution, run.kernel.losses, preparing.result())
                return True
            return False
        finally:
            if not preparing.done():  # it ends what it has begun in the kernel
                preparing.cancel()
                await asyncio.wait({preparing})


def _tell_missed(execution: Execution, losses: Sequence[Loss], comeback: str) -> None:
    """Tell of a loss while the code waited: it was written before the loss.

    ``comeback`` is what came back, in words.
    """
    if losses and losses[-1].at > execution.created:
        # Code that was sent after exit() has waited for the kernel's end and nothing else.
        is_exit = losses[-1].kind == "exited"
        when = "" if is_exit else " while this code waited, which ran after that"
        execution.missed_loss = True
        execution.notices.append(
            f"{losses[-1].words}{when}: {comeback or 'its variables are lost'}"
        )


async def _or_stopped(execution: Execution, awaited: asyncio.Future[Any]) -> bool:
    """Wait until something is done or the execution is stopped; whether it is done."""
    if awaited.done():
        return True  # `asyncio.wait` takes two iterations of the loop to say so
    await asyncio.wait({awaited, execution.stop.requested}, return_when=asyncio.FIRST_COMPLETED)
    return awaited.done()
