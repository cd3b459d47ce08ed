"""Interrupts code until it stops or is given up, and tells who interrupted it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jupyter_mcp_ext.kernels.kernel import Kernel
    from jupyter_mcp_ext.kernels.links.exchange import Exchange

    from .execution import Execution

TIMES = 3
"""How often code is interrupted within the grace."""

OUTSIDE = "from outside"
"""Words for an interrupt that did not come from here."""


class Interrupts:
    """Interrupts executions; ``grace`` is the seconds that interrupted code gets to end."""

    def __init__(self, *, grace: float) -> None:
        self._grace = grace

    async def stop(self, execution: Execution, kernel: Kernel, exchange: Exchange) -> None:
        """Interrupt an execution until the kernel has replied or the grace is over."""
        replied = exchange.over
        why = execution.stop.why
        if not exchange.begun:
            await self._until_begun(execution, kernel, exchange)
        # A single interrupt can get lost, between a kernel's taking up the code and running it.
        times = TIMES if kernel.info.kind.takes_second_interrupt else 1
        for _ in range(times):
            if replied.done():
                return
            execution.stop.interrupt(time.time())
            await kernel.interrupt()
            await asyncio.wait({replied}, timeout=self._grace / times)
        if not replied.done():
            execution.end(
                why,
                "the code ignores the interrupt and goes on: "
                f'interrupt_kernel(execution_id="{execution.id}") tries again, '
                f'restart_kernel(session_id="{execution.session_id}", force=true) ends it and '
                "its variables",
            )
            execution.stop.ignore()

    async def _until_begun(self, execution: Execution, kernel: Kernel, exchange: Exchange) -> None:
        """Return when the kernel has begun with code that was sent, or has replied."""
        # The request cannot be taken back, and an interrupt now would hit the code before it.
        either: set[asyncio.Future[Any]] = {exchange.started, exchange.over}
        if kernel.foreign_since is None:  # nothing is ahead of it: it begins in this moment
            await asyncio.wait(either, timeout=self._grace, return_when=asyncio.FIRST_COMPLETED)
        if exchange.begun or exchange.over.done():
            return
        by = f", {execution.stop.words}" if execution.stop.words else ""
        stopped = f"stopped before the kernel began with it{by}"
        execution.end(execution.stop.why, f"{stopped}; as soon as it does, it is interrupted")
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        execution.end_late(
            f"{stopped}, and interrupted when it did" if exchange.started.done() else stopped
        )

    async def again(self, execution: Execution) -> None:
        """Interrupt code again that goes on after its execution's end."""
        if execution.goes_on and execution.kernel is not None:
            await execution.kernel.interrupt()
            await execution.stop.heeded(self._grace)

    def who(self, execution: Execution, kernel: Kernel) -> str:
        """Words for who interrupted the code while it ran; empty when it was not interrupted."""
        if execution.stop.is_requested and execution.stop.interrupted is not None:
            is_timeout = execution.stop.why == "timeout"
            return "its timeout" if is_timeout else execution.stop.words or "on request"
        last = kernel.last_interrupt
        sent = execution.sent or execution.created
        if last < sent:
            return ""
        execution.stop.interrupt(last)
        return kernel.limits.interrupted_since(sent) or OUTSIDE
