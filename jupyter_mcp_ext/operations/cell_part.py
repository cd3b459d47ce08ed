"""One cell of a run: its code, and what becomes of its outputs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from jupyter_mcp_ext.notebooks.running.chosen import MAY_RAISE
from jupyter_mcp_ext.sessions.story.journal import NOT_RUN

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence

    from jupyter_mcp_ext.executions.cells import CellStatus
    from jupyter_mcp_ext.kernels.links.exchange import Content, Exchange
    from jupyter_mcp_ext.kernels.losses import KernelLost
    from jupyter_mcp_ext.notebooks.running.chosen import ChosenCell
    from jupyter_mcp_ext.notebooks.running.running_cell import RunningCell
    from jupyter_mcp_ext.outputs.model import Output


class Story(Protocol):
    """Where what ran is kept for the session."""

    def begin(self, code: str) -> asyncio.Future[None] | None:
        """The code of the next cell is about to be sent, once what is returned is done."""

    def end(self, status: str, count: int | None, outputs: Sequence[Output]) -> None:
        """It has ended."""


class CellRuns(Protocol):
    """The run to which a cell belongs."""

    @property
    def story(self) -> Story:
        """Where what ran is kept for the session."""

    def began(self, cell: RunningCell) -> None:
        """The kernel has begun with a cell."""

    def note(self, cell: RunningCell) -> None:
        """There is news of a cell."""

    def update_displays(self, content: Content) -> None:
        """Apply an ``update_display_data``, to earlier cells too."""

    def settle(self, cell: RunningCell) -> None:
        """A cell has ended."""

    def failed(self) -> None:
        """A cell raised what it must not."""


class Note(Protocol):
    """Notes how far a cell is."""

    def __call__(
        self,
        status: CellStatus,
        words: str = "",
        *,
        execution_count: int | None = None,
        seconds: float | None = None,
    ) -> None: ...


class CellPart:
    """One cell of a run: its code, and what becomes of its outputs."""

    def __init__(
        self,
        run: CellRuns,
        cell: ChosenCell,
        running: RunningCell,
        *,
        note: Note,
        heading: str,
        words: str,
    ) -> None:
        """``words`` are what there is to say of it whatever becomes of it; they may be empty."""
        self.code = cell.source
        self.cell_id = cell.cell_id
        self.heading = heading
        self._run = run
        self._note = note
        self._words = words
        self._may_raise = MAY_RAISE in cell.tags
        self._cell = running
        self._exchange: Exchange | None = None
        self._has_ended = self._raised = False
        self._began = time.time()

    def record(self) -> asyncio.Future[None] | None:
        """The code is about to be sent, once what is returned is done."""
        return self._run.story.begin(self.code)

    def sent(self, exchange: Exchange) -> None:
        """The kernel was given the code."""
        self._exchange = exchange

    def begin(self) -> None:
        """The kernel has begun with it."""
        count = None if self._exchange is None else self._exchange.count
        self._began = time.time()
        self._cell.begin(count)
        self._note("running", self._words, execution_count=count)
        self._run.began(self._cell)

    def take(self, msg_type: str, content: object, *, is_captured: bool) -> None:
        """A message of its outputs came."""
        if not isinstance(content, dict):
            return
        if msg_type == "update_display_data":
            self._run.update_displays(content)
        elif not is_captured and self._cell.outputs.take(msg_type, content):
            self._run.note(self._cell)

    def end(self, exchange: Exchange, reply: Content, *, is_stopped: bool) -> None:
        """The kernel has replied."""
        raised = (
            ""
            if reply.get("status") == "ok"
            else str(reply.get("ename") or reply.get("status"))[:100]
        )
        count = reply.get("execution_count")
        count = count if isinstance(count, int) else exchange.count
        self._raised = bool(raised)
        if not raised:
            self._end("ok", exchange, count)
        elif is_stopped:
            self._end("interrupted", exchange, count)
        elif self._may_raise:
            self._end("ok", exchange, count, f"{raised}, which its tag {MAY_RAISE} allows")
        else:
            self._run.failed()
            self._end("error", exchange, count, raised)

    def leave(self, lost: KernelLost | None) -> bool:
        """No reply came: the kernel was lost, or the run was stopped before.

        False if its code was not begun, so that the cell gets back what it had.
        """
        if self._has_ended:
            return True
        exchange = self._exchange
        # A kernel that dies at once may not have said that it has begun.
        is_lost = lost is not None and not lost.behind_other
        if exchange is None or not (exchange.begun or is_lost):
            self._run.story.end(NOT_RUN, None, ())
            return False
        is_dead = lost is not None and lost.loss.kind == "died"
        self._end("dead" if is_dead else "interrupted", exchange, exchange.count)
        return True

    def _end(
        self, status: CellStatus, exchange: Exchange, count: int | None, words: str = ""
    ) -> None:
        self._has_ended = True
        self._cell.end(count, exchange.times)
        self._run.settle(self._cell)
        kept = "error" if self._raised and status == "ok" else status
        self._run.story.end(kept, count, self._cell.outputs.all)
        took = time.time() - self._began
        said = "; ".join(filter(None, (self._words, words)))
        self._note(status, said, execution_count=count, seconds=took)
