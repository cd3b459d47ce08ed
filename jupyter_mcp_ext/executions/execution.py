"""One run of code: what it is, how far it is, what it has put out.

It lives on the server and not in the request that started it, so it can be waited for and read
from anywhere, also after the client has gone.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from hashlib import sha256
from typing import TYPE_CHECKING, Literal, get_args

from jupyter_mcp_ext.advice import debuggers
from jupyter_mcp_ext.advice.unsent import Unsent
from jupyter_mcp_ext.concurrency import Timer
from jupyter_mcp_ext.files.changes import Change, Changes
from jupyter_mcp_ext.outputs.fold import OutputFold
from jupyter_mcp_ext.outputs.model import Error, Output

from .prompts import NO_FORM, NO_PASSWORDS, Prompt, Prompts, Reply
from .readings import Readings
from .record import Record

if TYPE_CHECKING:
    from jupyter_mcp_ext.errors import ToolError

Status = Literal["queued", "running", "input", "ok", "error", "timeout", "interrupted", "dead"]


def as_status(word: str) -> Status:
    """A word as a status; one that is none is taken for ``interrupted``."""
    known: tuple[Status, ...] = get_args(Status)
    return next((status for status in known if status == word), "interrupted")


UNFINISHED: frozenset[Status] = frozenset({"queued", "running", "input"})

MAX_DEBUGGERS = 20
"""Prompts of debuggers that are answered with "quit" before the code is interrupted."""

Stop = Literal["timeout", "interrupted"]
"""Why an execution is to end before its code has."""


class Execution:
    """A run of code on a kernel, or other work. Times are seconds since the epoch."""

    interrupted: float | None = None
    """When its code was first interrupted, by whomever, as far as that is known."""

    missed_loss = False
    """Whether its notices tell of a loss while it waited, and of what came back."""

    over: asyncio.Future[None] | None = None
    """Of code that ignored its interrupt and goes on after its end: done when that has ended."""

    def __init__(
        self,
        *,
        execution_id: str,
        session_id: str,
        kernel_name: str,
        code: str,
        owner: str,
        client: str,
        scope: str = "",
        timeout: float | None,
        max_output_bytes: int,
        input_timeout: float | None = None,
    ) -> None:
        """``input_timeout`` is for questions of the code; with None there is nobody to ask."""
        self.id = execution_id
        self.session_id = session_id
        self.kernel_id = ""
        """Empty until its kernel runs."""
        self.kernel_name = kernel_name
        self.code = code
        self.owner = owner
        self.client = client
        self.scope = scope
        """Which of its client's conversations it belongs to, where they are told apart."""
        self.timeout = timeout
        self.input_timeout = input_timeout
        self.prompts = Prompts()
        self._debuggers_left = 0
        self.status: Status = "queued"
        self.reason = ""
        """Words for why it ended so, or what it waits for; may be empty."""
        self.execution_count: int | None = None
        self.notices: list[str] = []
        """What there is to say of it, to whoever reads it."""
        self.readings = Readings()
        self.refusal: ToolError | None = None
        """Why the code never reached a kernel, if it did not."""
        self.failure: ToolError | None = None
        """Why work that is no code could not be done, if it could not."""
        self.created = time.time()
        self.sent: float | None = None
        """When its kernel was last given the code."""
        self.written = Changes()
        """The files that it has written, once they have been looked for."""
        self.began: float | None = None
        self.ended: float | None = None
        self.fold = OutputFold(max_output_bytes)
        self.unsent = Unsent()
        self._loop = asyncio.get_running_loop()
        self.stop: asyncio.Future[Stop] = self._loop.create_future()
        self.done: asyncio.Future[None] = self._loop.create_future()
        self._timer = Timer()
        self._time_left = timeout
        """Seconds of its timeout, while that stands still."""
        self.was_cancelled = False
        """Whether the task that it is for a client was cancelled while it ran."""
        self.stop_words = ""
        """Words for why it is to stop; may be empty."""
        self._outputs: tuple[Output, ...] | None = None
        self._outputs_version = 0
        self._error: Error | None = None
        self.is_loaded = True
        """Whether its outputs are in memory: those of a finished one may be on disk only."""

    @classmethod
    def restored(cls, record: Record) -> Execution:
        """A finished execution of an earlier server, its outputs on disk."""
        execution = cls(
            execution_id=record.execution_id,
            session_id=record.session_id,
            kernel_name=record.kernel_name,
            code=record.code,
            owner=record.owner,
            client=record.client,
            scope=record.scope,
            timeout=None,
            max_output_bytes=0,
        )
        execution.kernel_id = record.kernel_id
        execution.created, execution.began = record.created, record.began
        execution.execution_count = record.execution_count
        execution.notices = list(record.notices)
        execution.was_cancelled = record.was_cancelled
        files = tuple(Change(path=path, bytes=size, at=at) for path, size, at in record.files)
        execution.written = Changes(
            files=files,
            more=record.more_files,
            is_whole=record.files_are_whole,
            is_shared=record.files_are_shared,
        )
        execution.fold.restore(record.lines, record.bytes, record.dropped_bytes)
        execution.is_loaded = False
        execution.end(as_status(record.status), record.reason)
        execution.ended = record.ended
        return execution

    @property
    def goes_on(self) -> bool:
        """Whether its code runs on after its end, since it ignored the interrupt."""
        return self.over is not None and not self.over.done()

    @property
    def is_finished(self) -> bool:
        """Whether it will change no more."""
        return self.done.done()

    @property
    def outputs(self) -> tuple[Output, ...]:
        """What a notebook would show now; only of an execution that is loaded."""
        if not self.is_loaded:
            msg = f"the outputs of {self.id} are on disk"
            raise RuntimeError(msg)
        version = self.fold.version
        if self._outputs is not None and (version in (0, self._outputs_version)):
            return self._outputs
        outputs = self.fold.outputs
        if self.is_finished:
            self._outputs, self._outputs_version = outputs, version
        return outputs

    @property
    def error(self) -> Error | None:
        """What the code raised, if it did."""
        if self.status not in ("error", "timeout", "interrupted"):
            return None
        if not self.is_loaded:
            return self._error
        return next((o for o in reversed(self.outputs) if isinstance(o, Error)), None)

    @property
    def duration(self) -> float:
        """Seconds from when the kernel began, or else from its start, to its end or to now."""
        return (self.ended or time.time()) - (self.began or self.created)

    @property
    def code_hash(self) -> str:
        """What stands for the code in records that must not hold it."""
        return sha256(self.code.encode()).hexdigest()

    def begin(self) -> None:
        """The kernel has taken it up; from now on its timeout counts."""
        if self.status != "queued":
            return
        self.status = "running"
        self.began = time.time()
        self._go_on()

    def request_stop(self, why: Stop, words: str = "") -> None:
        """Ask its task to end it; the first reason counts. ``words`` are for its `reason`."""
        if not self.stop.done():
            self.stop_words = words
            self.stop.set_result(why)
            self._end_prompt()

    def ask(self, text: str, is_password: bool, reply: Reply) -> None:
        """The code asks a person and stands still until ``reply`` is called or it is stopped."""
        if self.stop.done() or self.is_finished:
            return
        if (way_out := debuggers.way_out(text)) is not None:
            self._leave_debugger(way_out, reply)
            return
        if self.input_timeout is None:
            self._give_up("the code asked for input", NO_PASSWORDS if is_password else NO_FORM)
            return
        if is_password:
            self._give_up("the code asked for a password", NO_PASSWORDS)
            return
        self.prompts.open(text, reply, timeout=self.input_timeout, on_timeout=self._give_up_on)
        self.status = "input"
        self._stand_still()

    def answer(self, number: int, value: str) -> bool:
        """Answer its question of that number; false when that is no longer open."""
        is_answered = self.prompts.answer(number, value)
        if is_answered:
            self.status = "running"
            self._go_on()
        return is_answered

    def decline(self, number: int, words: str) -> bool:
        """Stop the code, since nobody will answer that question; false when it is not open."""
        prompt = self.prompts.current
        if prompt is None or prompt.number != number:
            return False
        self._give_up(
            f"{words} {prompt.quoted}",
            "nobody answered the question of the code, so it was interrupted: do without the "
            "answer, or ask in the conversation and put the value into the code",
        )
        return True

    def _leave_debugger(self, way_out: str, reply: Reply) -> None:
        """Have a debugger quit; one that asks again and again is interrupted."""
        self.tell([debuggers.INSTEAD])
        self._debuggers_left += 1
        if self._debuggers_left > MAX_DEBUGGERS:
            self.request_stop("interrupted", "the code starts debuggers again and again")
        else:
            reply(way_out)

    def _go_on(self) -> None:
        """Let its timeout count."""
        if self._time_left is not None and not self._timer.is_set:
            self._timer.set(self._time_left, self.request_stop, "timeout")

    def _stand_still(self) -> None:
        """Let its timeout count no more while a person is asked: that has a limit of its own."""
        if self._timer.is_set:
            self._time_left = self._timer.left
            self._timer.stop()

    def _give_up_on(self, prompt: Prompt) -> None:
        self.decline(prompt.number, f"nobody answered within {self.input_timeout:g} s:")

    def _give_up(self, words: str, notice: str) -> None:
        self.notices.append(notice)
        self.request_stop("interrupted", words)

    def _end_prompt(self) -> None:
        if self.prompts.current is not None:
            self.prompts.close()
            self.status = "running"

    def end(self, status: Status, reason: str = "") -> None:
        """Fix its end; later ends are ignored."""
        self._timer.stop()
        if self.is_finished:
            return
        self._end_prompt()
        self.status = status
        self.reason = reason or (self.stop_words if status in ("timeout", "interrupted") else "")
        self.ended = time.time()
        self.done.set_result(None)

    def ended_late(self, reason: str) -> None:
        """The code has ended that went on after its end; ``reason`` is what is so now."""
        self.reason = reason
        if self.over is not None:
            self.over.set_result(None)

    def tell(self, notices: Iterable[str]) -> None:
        """Add notices that it does not have yet."""
        self.notices += [notice for notice in dict.fromkeys(notices) if notice not in self.notices]

    def changed(self) -> None:
        """More was put out after its end."""
        self._outputs = None

    def release(self) -> None:
        """Let go of the outputs, which are on disk."""
        self._error = self.error
        self.fold.release()
        self._outputs, self.is_loaded = None, False

    def load(self, outputs: tuple[Output, ...]) -> None:
        """Take the outputs back from disk."""
        self._outputs, self.is_loaded = outputs, True

    def record(self) -> Record:
        """What is to be known of it after a restart."""
        return Record(
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
            files=tuple((change.path, change.bytes, change.at) for change in self.written.files),
            more_files=self.written.more,
            files_are_whole=self.written.is_whole,
            files_are_shared=self.written.is_shared,
            was_cancelled=self.was_cancelled,
        )
