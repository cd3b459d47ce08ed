"""One run of code: its state, its progress and its output.

It lives on the server and not in the request that started it, so it can be waited for and read
from anywhere, also after the client has gone.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal, get_args

from jupyter_mcp_ext.advice.unsent import Unsent
from jupyter_mcp_ext.concurrency import Timer
from jupyter_mcp_ext.files.changes import Change, Changes
from jupyter_mcp_ext.outputs.folding.fold import OutputFold
from jupyter_mcp_ext.outputs.model import Error, Output

from .cells import RunCells
from .held import HeldOutputs
from .order import Order
from .prompts import Prompts
from .readers import Readers
from .record import MAX_CELLS, ExecutionRecord
from .stop import Stop, Why

if TYPE_CHECKING:
    from jupyter_mcp_ext.errors import ToolError

    from .carryover import Carryover

Status = Literal["queued", "running", "input", "ok", "error", "timeout", "interrupted", "dead"]


def as_status(word: str) -> Status:
    """A word as a status; an unknown one becomes ``interrupted``."""
    known: tuple[Status, ...] = get_args(Status)
    return next((status for status in known if status == word), "interrupted")


UNFINISHED: frozenset[Status] = frozenset({"queued", "running", "input"})


class Execution:
    """A run of code on a kernel, or other work. Times are seconds since the epoch."""

    status: Status = "queued"

    reason = ""
    """Words for why it ended so, or what it waits for; may be empty."""

    recorded: asyncio.Future[None] | None = None
    """Done when it is on disk that the code may run: it is not sent before."""

    sent: float | None = None
    """When its kernel was last given the code."""

    began: float | None = None
    ended: float | None = None
    execution_count: int | None = None

    missed_loss = False
    """Whether its notices tell of a loss while it waited, and of what came back."""

    refusal: ToolError | None = None
    """Why the code never reached a kernel, if it did not."""

    failure: ToolError | None = None
    """Why work that is not code could not be done, if it could not."""

    _recorded_kernel = ""
    """The id of the kernel that it had on an earlier server."""

    was_cancelled = False
    """Whether the task that it is for a client was cancelled while it ran."""

    def __init__(
        self,
        order: Order,
        *,
        timeout: float | None = None,
        max_output_bytes: int,
        input_timeout: float | None = None,
    ) -> None:
        """``input_timeout`` is for questions of the code; with None no person can be asked."""
        self.id = order.id
        self.session_id = order.session_id
        self.kernel = order.kernel
        """None until its kernel runs."""
        self.kernel_name = order.kernel_name
        self.code = order.code
        self.owner = order.owner
        self.client = order.client
        self.scope = order.scope
        self.created = time.time()
        self.input_timeout = input_timeout
        self.prompts = Prompts()
        self.stop = Stop()
        self.notices: list[str] = []
        """What its result says to every reader, beside its outputs."""
        self.readers = Readers()
        self.files = Changes()
        """The files that it has written, once they have been looked for."""
        self.cells = RunCells()
        """The cells that it runs; none for code."""
        self.fold = OutputFold(max_output_bytes)
        self.held = HeldOutputs(self.fold)
        self.unsent = Unsent()
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._timer = Timer()
        self._time_left = timeout
        """Seconds of its timeout, while that stands still."""

    @classmethod
    def restored(cls, record: ExecutionRecord) -> Execution:
        """A finished execution of an earlier server, its outputs on disk."""
        order = Order(
            id=record.execution_id,
            session_id=record.session_id,
            kernel_name=record.kernel_name,
            code=record.code,
            owner=record.owner,
            client=record.client,
            scope=record.scope,
        )
        execution = cls(order, max_output_bytes=0)
        execution._restore(record)
        return execution

    def _restore(self, record: ExecutionRecord) -> None:
        self._recorded_kernel = record.kernel_id
        self.created, self.began = record.created, record.began
        self.execution_count = record.execution_count
        self.notices = list(record.notices)
        self.was_cancelled = record.was_cancelled
        files = tuple(Change(path=path, bytes=size, at=at) for path, size, at in record.files)
        self.cells = RunCells(record.cells)
        self.files = Changes(
            files=files,
            more=record.more_files,
            is_whole=record.files_are_whole,
            is_shared=record.files_are_shared,
        )
        self.held.release(None)
        self.fold.restore(record.lines, record.bytes, record.dropped_bytes)
        self.end(as_status(record.status), record.reason)
        self.ended = record.ended

    @property
    def kernel_id(self) -> str:
        """The id of its kernel; empty until that runs, and for other work."""
        return self.kernel.id if self.kernel is not None else self._recorded_kernel

    @property
    def is_finished(self) -> bool:
        """Whether it will no longer change."""
        return self.done.done()

    @property
    def goes_on(self) -> bool:
        """Whether its code runs on after its end, since it ignored the interrupt."""
        return self.stop.is_ignored

    @property
    def is_loaded(self) -> bool:
        """Whether its outputs are in memory: those of a finished one may be on disk only."""
        return self.held.is_loaded

    @property
    def outputs(self) -> tuple[Output, ...]:
        """What a notebook would show now; only of an execution that is loaded."""
        return self.held.now(is_finished=self.is_finished)

    @property
    def error(self) -> Error | None:
        """What the code raised, if it did."""
        if self.status not in ("error", "timeout", "interrupted"):
            return None
        return self.held.error(is_finished=self.is_finished)

    @property
    def duration(self) -> float:
        """Seconds from when the kernel began, or else from its start, to its end or to now."""
        return (self.ended or time.time()) - (self.began or self.created)

    def share(self, carryover: Carryover) -> None:
        """Take over what earlier executions of its kernel have left, and add to it."""
        self.unsent = carryover.unsent
        self.fold.share(carryover.widgets, by=self.id)

    def begin(self) -> None:
        """The kernel has taken it up; from now on its timeout counts."""
        if self.status == "queued":
            self.began = time.time()
            self.go_on()

    def go_on(self) -> None:
        """The code runs, and its timeout counts."""
        self.status = "running"
        if self._time_left is not None and not self._timer.is_set:
            self._timer.set(self._time_left, self.request_stop, "timeout")

    def pause(self) -> None:
        """The code waits for a person: that has a limit of its own, so its timeout stands still."""
        self.status = "input"
        if self._timer.is_set:
            self._time_left = self._timer.left
            self._timer.stop()

    def request_stop(self, why: Why, words: str = "") -> None:
        """Ask its task to end it; the first reason counts. ``words`` are for its `reason`."""
        if not self.stop.is_requested:
            self.stop.request(why, words)
            self._end_prompt()

    def end(self, status: Status, reason: str = "") -> None:
        """End it; later calls are ignored."""
        self._timer.stop()
        if self.is_finished:
            return
        self._end_prompt()
        self.status = status
        self.reason = reason or (self.stop.words if status in ("timeout", "interrupted") else "")
        self.ended = time.time()
        self.done.set_result(None)

    def end_late(self, reason: str) -> None:
        """The code that went on after the end has ended too; ``reason`` says how."""
        self.reason = reason
        self.stop.end()

    def tell(self, notices: Iterable[str]) -> None:
        """Add notices that it does not have yet."""
        self.notices += [notice for notice in dict.fromkeys(notices) if notice not in self.notices]

    def _end_prompt(self) -> None:
        if self.prompts.current is not None:
            self.prompts.close()
            self.status = "running"

    def record(self) -> ExecutionRecord:
        """What a later server needs of it."""
        return ExecutionRecord(
            execution_id=self.id,
            session_id=self.session_id,
            kernel_id=self.kernel_id,
            kernel_name=self.kernel_name,
            code=self.code,
            owner=self.owner,
            client=self.client,
            scope=self.scope,
            created=self.created,
            status=self.status,
            reason=self.reason,
            began=self.began,
            ended=self.ended,
            execution_count=self.execution_count,
            notices=tuple(self.notices),
            lines=self.fold.lines,
            bytes=self.fold.bytes,
            dropped_bytes=self.fold.dropped_bytes,
            files=tuple((change.path, change.bytes, change.at) for change in self.files.files),
            more_files=self.files.more,
            files_are_whole=self.files.is_whole,
            files_are_shared=self.files.is_shared,
            was_cancelled=self.was_cancelled,
            cells=self.cells.all[:MAX_CELLS],
        )
