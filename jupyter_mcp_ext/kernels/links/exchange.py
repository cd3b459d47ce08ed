"""One execute request and what the kernel answers to it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

from jupyter_mcp_ext.concurrency import Timer
from jupyter_mcp_ext.kernels.losses import KernelLost, Loss

Content = Mapping[str, Any]
"""The content of a message."""

OnInput = Callable[[str, bool, Callable[[str], None]], object]
"""Called with the code's question, whether it is for a password, and how to answer."""

IDLE_GRACE = 2.0
"""Seconds for which a request with a reply waits for its last messages: PUB drops silently."""

REPLY_GRACE = 2.0
"""Seconds within which an idle kernel may still reply.

A kernel that fails internally never does, such as bash_kernel on incomplete code.
"""

NESTED = "nested too deeply (split it into steps)"


def ignore(*_: object) -> None:
    """Ignores its arguments."""


def no_reply(language: str) -> Content:
    """The reply in place of one that never came."""
    # A Python kernel reports incomplete code itself, and fails only if compiling does.
    why = f"an expression in it is {NESTED}"
    if language != "python":
        why = f"as when code is incomplete (an open quote, a block without its end) or {NESTED}"
    evalue = f"the kernel ended this code without a reply: it could not read it, {why}"
    return {"status": "error", "ename": "NoReply", "evalue": evalue, "traceback": []}


class Exchange:
    """One execute request and all messages that the kernel sends for it.

    It is over when the kernel has replied *and* is idle: after the reply alone, outputs can still
    arrive, and a busy kernel can drop the idle status. The missing one is waited for shortly.
    """

    def __init__(
        self,
        msg_id: str,
        on_message: Callable[[str, Content], object],
        on_begin: Callable[[], None],
        on_input: OnInput | None = None,
        on_dropped: Callable[[int], object] = ignore,
        language: str = "",
    ) -> None:
        self.msg_id = msg_id
        self.drop = on_dropped
        """Called with the size of output that was too large to read."""
        self._language = language
        self.reply: Content | None = None
        self.reply_id = ""
        self.unread = 0
        """Bytes of a reply that was too large to be read whole."""
        self.complete = False
        """Whether the kernel reported idle; otherwise outputs may be missing."""
        self.count: int | None = None
        """The execution count under which the kernel runs the code, once it has told it."""
        self.times: dict[str, float] = {}
        """When its messages came, in seconds since the epoch, by JupyterLab's names for them."""
        self.lost = 0
        """Approximate number of the kernel's messages that never came, once it is over."""
        self._on_message = on_message
        self._on_begin = on_begin
        self._on_input = on_input
        loop = asyncio.get_running_loop()
        self.started: asyncio.Future[None] = loop.create_future()
        self.over: asyncio.Future[Content] = loop.create_future()
        """Done when it is over, with the content of the reply; `finished` may be cancelled."""
        self._grace = Timer()

    @property
    def begun(self) -> bool:
        """Whether the kernel has begun the code."""
        return self.started.done()

    async def finished(self) -> Content:
        """The content of the reply. Raises KernelLost."""
        return await asyncio.shield(self.over)

    def feed(self, msg_type: str, content: Content) -> None:
        """Take an IOPub message whose parent is this request."""
        if msg_type == "status":
            state = content.get("execution_state")
            self.times[f"iopub.status.{state}"] = time.time()
            if state == "idle":
                self.complete = True
                self._settle()
            return
        if msg_type == "execute_input":
            self.times["iopub.execute_input"] = time.time()
            count = content.get("execution_count")
            self.count = count if isinstance(count, int) else None
            self._begin()
            return
        self._begin()
        self._on_message(msg_type, content)
        if self._grace.is_set and self.reply is not None:
            self._wait_for_idle()

    def ask(self, content: Content, reply: Callable[[str], None]) -> None:
        """Take an ``input_request``; ``reply`` answers it."""
        self._begin()
        if self._on_input is not None:
            self._on_input(str(content.get("prompt", "")), content.get("password") is True, reply)

    def answer(self, reply: Content, *, msg_id: str = "", unread: int = 0) -> None:
        """Take the reply; ``unread`` bytes of it were too large to read."""
        self.reply, self.reply_id, self.unread = reply, msg_id, unread
        self.times["shell.execute_reply"] = time.time()
        if reply.get("status") == "aborted":
            self.complete = True
        self._settle()

    def miss(self, messages: int) -> None:
        """Note that about this many messages of the kernel never came."""
        self.lost = messages

    def lose(self, loss: Loss, *, behind_other: bool = False) -> None:
        """Fail: the kernel is gone, possibly while it ran other code."""
        self._grace.stop()
        if not self.over.done():
            behind_other = behind_other and not self.begun
            self.over.set_exception(KernelLost(loss, behind_other=behind_other))
            self.over.exception()  # retrieved, so that asyncio logs nothing if nothing awaits it

    def _begin(self) -> None:
        if not self.started.done():
            self.started.set_result(None)
            self._on_begin()

    def _settle(self) -> None:
        if self.over.done():
            return
        if self.reply is None:
            self._wait_for_reply()
        elif self.complete:
            self._finish()
        else:
            self._wait_for_idle()

    def _wait_for_reply(self) -> None:
        self._grace.set(REPLY_GRACE, self.answer, no_reply(self._language))

    def _wait_for_idle(self) -> None:
        self._grace.set(IDLE_GRACE, self._finish)

    def _finish(self) -> None:
        self._grace.stop()
        if not self.over.done() and self.reply is not None:
            self.over.set_result(self.reply)
