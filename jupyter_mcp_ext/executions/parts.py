"""Runs several pieces of code as one execution: the cells of a notebook, one after another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jupyter_mcp_ext.advice import payloads
from jupyter_mcp_ext.kernels.losses import KernelLost

from .conclusion import conclude

if TYPE_CHECKING:
    from jupyter_mcp_ext.kernels.links.exchange import Content, Exchange
    from jupyter_mcp_ext.variables.hints import Hints

    from .interrupts import Interrupts
    from .notices import Notices
    from .part import Part, Parts
    from .sending import Run, Sender


@dataclass(frozen=True)
class Ran:
    """A part that has run, and who interrupted it in words; empty when it was not interrupted."""

    part: Part
    exchange: Exchange
    reply: Content
    interrupter: str

    @property
    def is_ok(self) -> bool:
        """Whether it raised nothing."""
        return self.reply.get("status") == "ok"

    @property
    def ends_kernel(self) -> bool:
        """Whether the kernel ends itself now."""
        return any(map(payloads.ends_kernel, payloads.payloads(self.reply)))


class PartsRunner:
    """Runs the parts of executions that have the turn."""

    def __init__(
        self, sender: Sender, interrupts: Interrupts, notices: Notices, hints: Hints
    ) -> None:
        self._sender = sender
        self._interrupts = interrupts
        self._notices = notices
        self._hints = hints

    async def run(self, run: Run, parts: Parts) -> None:
        """Run one part after another until one fails, and end the execution. Raises KernelLost."""
        execution = run.execution
        ran: list[Ran] = []
        lost: KernelLost | None = None
        try:
            while (part := await parts.next()) is not None and not execution.stop.is_requested:
                last = await self._ran(run, part)
                if last is None:
                    return
                ran = [*ran[:1], last]
                if not await self._goes_on(run, parts, last):
                    break
        except KernelLost as err:
            lost = err
            raise
        finally:
            await parts.close(lost)
        if part is not None and execution.stop.is_requested and (not ran or ran[-1].is_ok):
            execution.end(execution.stop.why, "stopped before the next cell began")
        if ran:
            await self._finish(run, parts, ran[-1])
        execution.end("ok")  # unless it has ended
        if len(ran) > 1:
            execution.execution_count = None

    async def _ran(self, run: Run, part: Part) -> Ran | None:
        """Have a part run; None when it has not begun, and the execution has ended."""
        run.execution.tell(await self._hints.before(run.kernel, run.link, part.code))
        ran = await self._sender.ran(run, part)
        if ran is None:
            return None
        exchange, reply = ran
        interrupter = self._interrupts.who(run.execution, run.kernel)
        part.end(exchange, reply, is_stopped=bool(interrupter))
        self._notices.take_reply(run.execution, run.link.info, reply)
        return Ran(part, exchange, reply, interrupter)

    async def _goes_on(self, run: Run, parts: Parts, last: Ran) -> bool:
        """Whether the next part is run after this one, which has ended."""
        if parts.has_failed and not last.is_ok:
            ename = str(last.reply.get("ename"))
            run.execution.tell(await self._hints.after_error(run.link, ename))
        if last.ends_kernel or (last.interrupter and not last.is_ok):
            return False
        return parts.goes_on or not parts.has_failed

    async def _finish(self, run: Run, parts: Parts, last: Ran) -> None:
        execution, reply = run.execution, last.reply
        if parts.has_failed and last.is_ok:
            execution.end("error")
        elif not parts.has_failed and not last.interrupter:
            reply = {**reply, "status": "ok"}  # what it raised, it may raise
        conclude(execution, last.exchange, reply, last.interrupter)
        self._notices.add(execution, run.link.info, reply, source=last.part.code)
        if last.ends_kernel:
            await run.kernel.death.exits()
