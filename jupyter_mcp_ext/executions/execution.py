"""One run of code: what it is, how far it is, what it has put out.

It lives on the server and not in the request that started it, so it can be waited for and read
from anywhere, also after the client has gone.
"""

from __future__ import annotations

import asyncio
import time
from hashlib import sha256
from typing import TYPE_CHECKING, Literal

from jupyter_mcp_ext.outputs.fold import OutputFold
from jupyter_mcp_ext.outputs.model import Error, Output

if TYPE_CHECKING:
    from jupyter_mcp_ext.errors import ToolError

Status = Literal["queued", "running", "input", "ok", "error", "timeout", "interrupted", "dead"]

UNFINISHED: frozenset[Status] = frozenset({"queued", "running", "input"})

Stop = Literal["timeout", "interrupted"]
"""Why an execution is to end before its code has."""


class Execution:
    """A run of code on a kernel. Times are seconds since the epoch."""

    def __init__(
        self,
        *,
        execution_id: str,
        session_id: str,
        kernel_name: str,
        code: str,
        owner: str,
        client: str,
        timeout: float | None,
        max_output_bytes: int,
    ) -> None:
        self.id = execution_id
        self.session_id = session_id
        self.kernel_id = ""
        """Empty until its kernel runs."""
        self.kernel_name = kernel_name
        self.code = code
        self.owner = owner
        self.client = client
        self.timeout = timeout
        self.status: Status = "queued"
        self.reason = ""
        """Words for why it ended so, or what it waits for; may be empty."""
        self.execution_count: int | None = None
        self.notices: list[str] = []
        self.refusal: ToolError | None = None
        """Why the code never reached a kernel, if it did not."""
        self.created = time.time()
        self.began: float | None = None
        self.ended: float | None = None
        self.fold = OutputFold(max_output_bytes)
        self._loop = asyncio.get_running_loop()
        self.stop: asyncio.Future[Stop] = self._loop.create_future()
        self.done: asyncio.Future[None] = self._loop.create_future()
        self._timer: asyncio.TimerHandle | None = None
        self._outputs: tuple[Output, ...] | None = None

    @property
    def is_finished(self) -> bool:
        """Whether it will change no more."""
        return self.done.done()

    @property
    def outputs(self) -> tuple[Output, ...]:
        """What a notebook would show now."""
        if self._outputs is not None:
            return self._outputs
        outputs = self.fold.outputs
        if self.is_finished:
            self._outputs = outputs
        return outputs

    @property
    def error(self) -> Error | None:
        """What the code raised, if it did."""
        if self.status not in ("error", "timeout", "interrupted"):
            return None
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
        if self.timeout is not None:
            self._timer = self._loop.call_later(self.timeout, self.request_stop, "timeout")

    def request_stop(self, why: Stop) -> None:
        """Ask its task to end it; the first reason counts."""
        if not self.stop.done():
            self.stop.set_result(why)

    def end(self, status: Status, reason: str = "") -> None:
        """Fix its end; later ends are ignored."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.is_finished:
            return
        self.status = status
        self.reason = reason
        self.ended = time.time()
        self.done.set_result(None)
