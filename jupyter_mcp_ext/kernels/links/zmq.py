"""The standing link to a kernel over ZeroMQ, on the sockets that the kernel manager opens."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from logging import Logger
from typing import Any

from jupyter_mcp_ext.kernels.losses import KernelLost, Loss

from .channels import Channels
from .exchange import Content, Exchange, OnInput
from .exchanges import Exchanges
from .incoming import Incoming
from .inorder import InOrder
from .introduction import Introduction
from .link import Channel, Foreign, KernelInfo, Listener
from .presence import Presence
from .requests import EXECUTE, execute_content, run

FIRST_CODE = 1.0
"""Seconds to wait for a kernel that needs our code first; it may be running other code."""


class ZmqLink:
    """A `KernelLink` to a kernel that this server's kernel manager runs.

    ``manager`` is the kernel's own ``KernelManager``.
    """

    def __init__(self, kernel_id: str, manager: Any, log: Logger, listener: Listener) -> None:
        self.kernel_id = kernel_id
        self._log = log
        self._listener = listener
        self._order = InOrder(self._dispatch, self._drop, self._hold, log)
        self._channels = Channels(manager, self._order.put)
        self._presence = Presence(self._channels.session.session, listener)
        self._exchanges = Exchanges(
            self._presence, listener, self._order.take, self._channels.send_input
        )
        self._introduction = Introduction(self.call)
        self._loss: Loss | None = None

    @property
    def info(self) -> KernelInfo:
        """What the kernel has reported about itself."""
        return self._introduction.info

    @property
    def foreign(self) -> Foreign | None:
        """The execution of another client that the kernel runs now."""
        return self._presence.foreign

    @property
    def latest(self) -> Content | None:
        """The header of the latest code that the kernel began."""
        return self._presence.latest

    @property
    def heard(self) -> str:
        """The state that the kernel last reported for its shell."""
        return self._presence.heard

    @property
    def heard_restart(self) -> bool | None:
        """Whether the kernel announced a restart or a shutdown."""
        return self._presence.heard_restart

    @property
    def is_open(self) -> bool:
        """Whether requests can be sent."""
        return bool(self._channels.sockets) and self._loss is None

    @property
    def is_idle(self) -> bool:
        """Whether no request waits."""
        return self._exchanges.are_none

    @property
    def is_busy(self) -> bool:
        """Whether code runs in the kernel or has been sent to it."""
        return self._presence.foreign is not None or self._exchanges.have_code

    def find_running(self) -> None:
        """Note that another client's code ran before the link was opened."""
        if not self.is_busy and not self._introduction.has_answered_at_shell:
            self._presence.take_foreign(Foreign(msg_id="", since=time.time()))

    async def open(self, timeout: float) -> None:
        """Connect; see `KernelLink.open`."""
        self._channels.connect()
        await self._introduction.meet(timeout)
        if not await self._channels.connect_stdin():
            self._log.debug("Kernel %s has not confirmed the connection on stdin", self.kernel_id)
        if self.info.kind.first_code:
            await self._run_first(self.info.kind.first_code)

    async def _run_first(self, code: str) -> None:
        try:
            # Alone: xeus begins a request before it has ended the one before, and takes back
            # what that had of input() while this runs.
            await run(self, code, timeout=FIRST_CODE)
        except asyncio.TimeoutError:
            self._log.debug("Kernel %s runs code and is prepared after it", self.kernel_id)

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
        cell_id: str = "",
    ) -> Exchange:
        """Send code; see `KernelLink.execute`."""
        if self._loss is not None:
            raise KernelLost(self._loss)
        content = execute_content(code, is_silent=False, expressions=expressions, can_ask=can_ask)
        metadata = {"cellId": cell_id} if cell_id else None  # as JupyterLab sends it
        message = self._channels.session.msg(EXECUTE, content, metadata=metadata)
        msg_id, language = message["header"]["msg_id"], self.info.language
        exchange = Exchange(msg_id, on_message, on_begin, on_input, on_dropped, language)
        self._exchanges.begin(exchange)
        self._channels.send("shell", message)
        return exchange

    async def call(
        self,
        channel: Channel,
        msg_type: str,
        content: Content,
        *,
        timeout: float,
        subshell_id: str = "",
    ) -> Content:
        """Send a request and return its reply's content; see `KernelLink.call`."""
        if self._loss is not None:
            raise KernelLost(self._loss)
        message = self._channels.session.msg(msg_type, dict(content))
        if subshell_id:
            message["header"]["subshell_id"] = subshell_id
        self._channels.send(channel, message)
        return await self._exchanges.reply(message["header"]["msg_id"], timeout)

    def wake(self) -> None:
        """Send a harmless message to a kernel that needs one to notice an interrupt."""
        if self.info.kind.sleeps_through_interrupt:
            self._channels.send("shell", self._channels.session.msg("kernel_info_request", {}))

    def forget(self, exchange: Exchange) -> None:
        """An exchange is over; see `KernelLink.forget`."""
        self._exchanges.forget(exchange)

    def lose(self, loss: Loss) -> None:
        """Fail every request that waits, and close."""
        if self._loss is not None:
            return
        self._loss = loss
        self._exchanges.lose(loss)
        self._channels.close()
        self._presence.lose()

    def _dispatch(self, channel: str, frames: list[Any]) -> None:
        if channel == "iopub":
            self._introduction.hear()
        message = Incoming(self._channels.session, frames)
        if channel == "iopub":
            self._listener.hear(message)
            self._exchanges.take_output(message)
        else:
            self._exchanges.take_reply(message)

    def _drop(self, frames: list[Any]) -> None:
        self._exchanges.drop(Incoming(self._channels.session, frames))

    def _hold(self, is_full: bool) -> None:
        self._channels.hold(is_full)
