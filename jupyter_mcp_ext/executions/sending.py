"""Gives a kernel code, again if another client's failing cell aborts it, and awaits its reply."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from jupyter_mcp_ext.advice import notices
from jupyter_mcp_ext.outputs.model import SHOWN

from . import questions

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_mcp_ext.kernels.kernel import Kernel
    from jupyter_mcp_ext.kernels.links.exchange import Content, Exchange
    from jupyter_mcp_ext.kernels.links.link import KernelLink

    from .archive import Archive
    from .execution import Execution
    from .interrupts import Interrupts
    from .part import Part

MAX_ABORTS = 3
"""How often an execution that another client's failing cell aborted is sent again."""


@dataclass(frozen=True)
class Run:
    """An execution that has its kernel's turn, and the open link."""

    execution: Execution
    kernel: Kernel
    link: KernelLink


class Sender:
    """Has kernels run the code of executions that have the turn."""

    def __init__(self, archive: Archive, interrupts: Interrupts) -> None:
        self._archive = archive
        self._interrupts = interrupts

    async def ran(self, run: Run, part: Part | None = None) -> tuple[Exchange, Content] | None:
        """Have an execution's code run, or one part of several, to the kernel's reply.

        None when it has not begun, and the execution has ended. Raises KernelLost.
        """
        execution = run.execution
        recorded = execution.recorded if part is None else part.record()
        if recorded is not None and not await execution.stop.before(recorded):
            execution.end(execution.stop.why, "stopped before it began")
            return None
        for _ in range(1 + MAX_ABORTS):
            exchange, reply = await self._send(run, part)
            if exchange.begun or reply.get("status") != "aborted":
                return exchange, reply
            if execution.stop.is_requested:
                execution.end(execution.stop.why, "stopped before it began")
                return None
        execution.end(
            "interrupted",
            f"failing cells of others aborted it {1 + MAX_ABORTS} times before it began",
        )
        return None

    async def _send(self, run: Run, part: Part | None) -> tuple[Exchange, Content]:
        execution, link = run.execution, run.link
        code = execution.code if part is None else part.code
        execution.sent = time.time()
        exchange = link.execute(
            code,
            on_message=self._taking(execution, part),
            on_begin=execution.begin if part is None else partial(_begin, execution, part),
            on_dropped=execution.fold.drop,
            on_input=partial(questions.ask, execution),
            can_ask=execution.input_timeout is not None,
            expressions=notices.expressions(code) if link.info.kind.runs_functions else None,
            cell_id="" if part is None else part.cell_id,
        )
        if part is not None:
            part.sent(exchange)
        try:
            reply = await self._reply(run, exchange)
        finally:
            link.forget(exchange)
            self._archive.finish_text(execution)
        if reply.get("status") != "ok" and not execution.stop.is_requested:
            await run.kernel.death.check_stays()
        return exchange, reply

    def _taking(self, execution: Execution, part: Part | None) -> Callable[[str, Content], object]:
        take = partial(self._archive.take, execution)
        if part is None:
            return take

        def take_for_part(msg_type: str, content: Content) -> None:
            is_captured = bool(execution.fold.captures.open)
            if part.heading and msg_type in SHOWN and not is_captured:
                take("section", {"heading": part.heading})
                part.heading = ""
            take(msg_type, content)
            part.take(msg_type, content, is_captured=is_captured)

        return take_for_part

    async def _reply(self, run: Run, exchange: Exchange) -> Content:
        """The kernel's reply; the turn is kept until it has come, whatever the caller was told."""
        if not await run.execution.stop.before(exchange.over):
            await self._interrupts.stop(run.execution, run.kernel, exchange)
        return await exchange.finished()


def _begin(execution: Execution, part: Part) -> None:
    execution.begin()
    part.begin()
