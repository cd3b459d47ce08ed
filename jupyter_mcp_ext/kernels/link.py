"""What the rest of the package needs of a connection to a kernel, whatever carries it.

Messages and channels are those of the Jupyter messaging protocol
(https://jupyter-client.readthedocs.io/en/stable/messaging.html).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

Content = Mapping[str, Any]
OnInput = Callable[[str, bool, Callable[[str], None]], object]
"""Is told what code asks, whether it is a password, and what takes the answer to the kernel."""

Channel = Literal["shell", "control"]

IDLE_GRACE = 2.0
"""Seconds for which a replied request waits for its last messages: PUB drops silently."""

REPLY_GRACE = 2.0
"""Seconds for which a kernel that is done may still reply.

A kernel whose own code fails never does: bash_kernel, for one, on code that is incomplete.
"""

NESTED = "nested too deep (split it into steps)"


def no_reply(language: str) -> Content:
    """Stands for the reply that never came."""
    # A Python kernel says of itself where code is incomplete, and fails where compiling it does.
    why = f"an expression in it is {NESTED}"
    if language != "python":
        why = f"as when code is incomplete (an open quote, a block without its end) or {NESTED}"
    evalue = f"the kernel ended this code without a reply: it could not read it, {why}"
    return {"status": "error", "ename": "NoReply", "evalue": evalue, "traceback": []}


@dataclass(frozen=True, kw_only=True)
class Loss:
    """Why and when a kernel's variables went away."""

    kind: Literal["died", "exited", "restarted", "stopped"]
    detail: str
    """Words for people: ``"killed by signal 9"``, ``"the kernel was restarted from outside"``."""
    at: float = field(default_factory=time.time)

    @property
    def words(self) -> str:
        """What happened, as a sentence without its end."""
        return f"the kernel died ({self.detail})" if self.kind == "died" else self.detail


class KernelLost(Exception):
    """The kernel went away while a request waited for it."""

    def __init__(self, loss: Loss, *, behind_other: bool = False) -> None:
        """``behind_other`` tells that the kernel was at other code, and never began with it."""
        super().__init__(loss.detail)
        self.loss = loss
        self.behind_other = behind_other


@dataclass(frozen=True, kw_only=True)
class KernelInfo:
    """What a kernel says of itself (``kernel_info_reply``)."""

    implementation: str
    language: str
    language_version: str
    features: frozenset[str] = frozenset()
    """What it can beyond the protocol's core, ``"kernel subshells"`` for example."""


@dataclass(frozen=True, kw_only=True)
class Foreign:
    """An execution on the kernel that is not ours: a person's, or another client's.

    ``msg_id`` is empty for one that ran already when the link was opened.
    """

    msg_id: str
    since: float


class Exchange:
    """One execute request and everything the kernel says because of it.

    It is over when the kernel has replied *and* is idle: the reply alone would lose outputs that
    are still on their way, idle alone can be dropped by a busy kernel. What is missing of the two
    is waited for shortly.
    """

    def __init__(
        self,
        msg_id: str,
        on_message: Callable[[str, Content], object],
        on_begin: Callable[[], None],
        on_input: OnInput | None = None,
        language: str = "",
    ) -> None:
        self.msg_id = msg_id
        self._language = language
        self.reply: Content | None = None
        self.reply_id = ""
        self.unread = 0
        """Bytes of a reply that was too large to be read whole."""
        self.complete = False
        """Whether the kernel said idle: else outputs may be missing."""
        self.lost = 0
        """About how many of the kernel's messages never came, once it is over."""
        self._on_message = on_message
        self._on_begin = on_begin
        self._on_input = on_input
        self._loop = asyncio.get_running_loop()
        self.started: asyncio.Future[None] = self._loop.create_future()
        self._done: asyncio.Future[Content] = self._loop.create_future()
        self._grace: asyncio.TimerHandle | None = None

    @property
    def begun(self) -> bool:
        """Whether the kernel has taken the code up."""
        return self.started.done()

    async def finished(self) -> Content:
        """The content of the reply. Raises KernelLost."""
        return await asyncio.shield(self._done)

    def feed(self, msg_type: str, content: Content) -> None:
        """Take an IOPub message whose parent is this request."""
        if msg_type == "status":
            if content.get("execution_state") == "idle":
                self.complete = True
                self._settle()
            return
        if msg_type == "execute_input":
            self._begin()
            return
        self._begin()
        self._on_message(msg_type, content)
        if self._grace is not None and self.reply is not None:
            self._wait_for_idle()

    def ask(self, content: Content, reply: Callable[[str], None]) -> None:
        """Take an ``input_request``; ``reply`` answers it."""
        self._begin()
        if self._on_input is not None:
            self._on_input(str(content.get("prompt", "")), content.get("password") is True, reply)

    def answer(self, reply: Content) -> None:
        """Take the reply."""
        self.reply = reply
        if reply.get("status") == "aborted":
            self.complete = True
        self._settle()

    def lose(self, loss: Loss, *, behind_other: bool = False) -> None:
        """The kernel is gone, perhaps while it was at other code: whoever waits is told so."""
        self._stop_grace()
        if not self._done.done():
            behind_other = behind_other and not self.begun
            self._done.set_exception(KernelLost(loss, behind_other=behind_other))
            self._done.exception()  # taken, so that nothing is logged when nobody waits

    def _begin(self) -> None:
        if not self.started.done():
            self.started.set_result(None)
            self._on_begin()

    def _settle(self) -> None:
        if self._done.done():
            return
        if self.reply is None:
            self._wait_for_reply()
        elif self.complete:
            self._finish()
        else:
            self._wait_for_idle()

    def _wait_for_reply(self) -> None:
        self._stop_grace()
        self._grace = self._loop.call_later(REPLY_GRACE, self.answer, no_reply(self._language))

    def _wait_for_idle(self) -> None:
        self._stop_grace()
        self._grace = self._loop.call_later(IDLE_GRACE, self._finish)

    def _stop_grace(self) -> None:
        if self._grace is not None:
            self._grace.cancel()
            self._grace = None

    def _finish(self) -> None:
        self._stop_grace()
        if not self._done.done() and self.reply is not None:
            self._done.set_result(self.reply)


class KernelLink(Protocol):
    """A standing connection to one running kernel, shared by all that execute on it."""

    kernel_id: str
    info: KernelInfo | None
    foreign: Foreign | None
    """The execution of somebody else that the kernel is at now, if any."""

    latest: Content | None
    """The header of the latest code that the kernel took up, as far as we know."""
    heard: str
    """``busy`` or ``idle``, as the kernel last said of its shell; empty before, and when lost."""

    @property
    def is_busy(self) -> bool:
        """Whether code runs in the kernel, or is on its way there, ours or somebody else's."""

    def execute(
        self,
        code: str,
        *,
        on_message: Callable[[str, Content], object],
        on_begin: Callable[[], None],
        on_dropped: Callable[[int], None],
        on_input: OnInput | None = None,
        can_ask: bool = False,
        expressions: Mapping[str, str] | None = None,
    ) -> Exchange:
        """Send code; outputs go to ``on_message``, frames too large to take to ``on_dropped``.

        Without ``can_ask`` the kernel is to tell code that asks for input that nobody is there;
        some (IRkernel) ask all the same. The reply has the values that ``expressions`` have after
        the code.
        """

    async def call(
        self,
        channel: Channel,
        msg_type: str,
        content: Content,
        *,
        timeout: float,
        subshell_id: str = "",
    ) -> Content:
        """Send a request and return its reply's content. Raises KernelLost and TimeoutError.

        With ``subshell_id`` the kernel answers in that subshell, beside what it runs.
        """

    def forget(self, exchange: Exchange) -> None:
        """An exchange is over; what its threads print later is still taken, for a while."""

    def lose(self, loss: Loss) -> None:
        """End every request that waits, and close."""
