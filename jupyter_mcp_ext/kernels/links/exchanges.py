"""The open requests of one link, and the routing of messages to them."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from functools import partial

from jupyter_mcp_ext.kernels.losses import KernelLost, Loss

from .counting import Count
from .exchange import Content, Exchange
from .incoming import Incoming
from .inorder import Use
from .link import Listener
from .presence import Presence

MAX_LATE = 64
"""Finished exchanges whose threads may still print."""


class Exchanges:
    """Executions and other requests, by the ids of their messages.

    ``read`` passes a message's content to its user, once it is read; ``send_input`` answers an
    ``input_request``, given its header.
    """

    def __init__(
        self,
        presence: Presence,
        listener: Listener,
        read: Callable[[Incoming, Use], None],
        send_input: Callable[[Content, str], None],
    ) -> None:
        self._presence = presence
        self._listener = listener
        self._read = read
        self._send_input = send_input
        self._running: dict[str, Exchange] = {}
        self._late: OrderedDict[str, Exchange] = OrderedDict()
        """Finished exchanges, the latest last: their threads may still print."""
        self._calls: dict[str, asyncio.Future[Content]] = {}
        self._count = Count()

    @property
    def are_none(self) -> bool:
        """Whether no request waits."""
        return not self._running and not self._calls

    @property
    def have_code(self) -> bool:
        """Whether code runs or has been sent."""
        return any(not exchange.complete for exchange in self._running.values())

    def begin(self, exchange: Exchange) -> None:
        """An exchange's request is about to be sent."""
        self._running[exchange.msg_id] = exchange
        self._count.begin(exchange.msg_id)

    async def reply(self, msg_id: str, timeout: float) -> Content:
        """The reply to a request that has been sent. Raises KernelLost, asyncio.TimeoutError."""
        reply = self._calls[msg_id] = asyncio.get_running_loop().create_future()
        try:
            return await asyncio.wait_for(reply, timeout)
        finally:
            del self._calls[msg_id]

    def forget(self, exchange: Exchange) -> None:
        """An exchange is over; see `KernelLink.forget`."""
        if self._running.pop(exchange.msg_id, None) is None:
            return
        if not exchange.lost:  # without the idle status, the reply tells how many there were
            exchange.miss(self._count.end(exchange.msg_id, exchange.reply_id))
        self._late[exchange.msg_id] = exchange
        self._listener.change()
        if len(self._late) > MAX_LATE:
            self._late.popitem(last=False)

    def lose(self, loss: Loss) -> None:
        """Fail all of them."""
        for exchange in list(self._running.values()):
            exchange.lose(loss, behind_other=self._presence.foreign is not None)
        for call in self._calls.values():
            if not call.done():
                call.set_exception(KernelLost(loss))

    def take_output(self, message: Incoming) -> None:
        """A message came on IOPub."""
        # A message that is too large to be read has not been lost either.
        self._count.see(message.msg_id, message.parent, busy=message.says_busy)
        exchange = self._of(message)
        if exchange is None:
            self._presence.watch(message)
        else:
            self._read(message, partial(self._feed, exchange, message))

    def take_reply(self, message: Incoming) -> None:
        """A message came on another channel."""
        exchange = self._running.get(message.parent_id)
        call = self._calls.get(message.parent_id)
        if exchange is not None:
            self._read(message, partial(self._answer, exchange, message))
        elif call is not None:
            self._read(message, partial(self._answer_call, call))

    def drop(self, message: Incoming) -> None:
        """A message on IOPub is too large to be kept until it can be read."""
        exchange = self._of(message)
        if exchange is not None:
            exchange.drop(message.size)

    def _of(self, message: Incoming) -> Exchange | None:
        return self._running.get(message.parent_id) or self._late.get(message.parent_id)

    def _feed(
        self, exchange: Exchange, message: Incoming, content: Content | None, unread: int
    ) -> None:
        if unread:
            exchange.drop(unread)
        if content is None:
            return
        is_status = message.msg_type == "status"
        if is_status:
            self._presence.hear(content)
        if message.says_busy:
            self._presence.run(message.parent)
        is_idle = is_status and content.get("execution_state") == "idle"
        if is_idle:
            exchange.miss(self._count.end(message.parent_id, message.msg_id))
        exchange.feed(message.msg_type, content)
        if is_idle:
            self._listener.change()

    def _answer(
        self, exchange: Exchange, message: Incoming, content: Content | None, unread: int
    ) -> None:
        if message.msg_type == "input_request":
            self._count.see_question()
            exchange.ask(content or {}, partial(self._send_input, message.header))
        elif message.msg_type == "execute_reply":
            exchange.answer(content or {}, msg_id=message.msg_id, unread=unread)

    @staticmethod
    def _answer_call(call: asyncio.Future[Content], content: Content | None, _: int) -> None:
        if not call.done():
            call.set_result(content or {})
