"""The standing link to a kernel over ZeroMQ, on the sockets that the kernel manager opens.

``KernelManager.client()`` clones the manager's session with its identity, so that two clients in
one process share a ROUTER identity and the second never hears a reply
(https://github.com/jupyter/jupyter_client/issues/391). So each link has a ``Session`` of its own
and uses ``connect_*`` with its own identity, as the server's websocket handler does.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import partial
from logging import Logger
from typing import Any

import zmq
from jupyter_client.session import Session
from zmq.eventloop.zmqstream import ZMQStream

from .channel_socket import ChannelSocket
from .counting import Count
from .incoming import Incoming
from .inorder import InOrder
from .link import Channel, Content, Exchange, Foreign, KernelInfo, KernelLost, Loss, OnInput
from .signals import handler_request, sleeps_through

HANDSHAKE = 0.2
"""Seconds after which a connection on this machine is certainly made."""

MAX_LATE = 64
"""Exchanges that are over and whose threads are still listened to."""

AT_SHELL = {
    *("execute_request", "inspect_request", "complete_request", "is_complete_request"),
    *("history_request", "comm_open", "comm_msg", "comm_close"),
}
"""Requests that a kernel takes up one after the other: when one ends, none runs."""

HANDLER = 1.0
"""Seconds that a kernel is waited for which is to take interrupts; it may run code just now."""

NUDGE = 0.5
"""Seconds after which a kernel that has not been heard of is asked again."""


class ZmqLink:
    """A `KernelLink` to a kernel that this server's kernel manager runs.

    ``manager`` is the kernel's own ``KernelManager``.
    """

    def __init__(self, kernel_id: str, manager: Any, log: Logger) -> None:
        self.kernel_id = kernel_id
        self.info: KernelInfo | None = None
        self.foreign: Foreign | None = None
        self.latest: Content | None = None
        self.heard = ""
        self.heard_restart: bool | None = None
        """What the kernel itself said when it was asked to go: True for a restart."""
        self.on_interrupt: Callable[[], object] = ignore
        """Is called when another client has asked the kernel to interrupt its code."""
        self.on_change: Callable[[], object] = ignore
        """Is called when `is_busy` may have changed, and when the link is lost."""
        self.on_heard: Callable[[Incoming], object] = ignore
        """Is called with every message on IOPub, whoever's it is, before it is handed on."""
        self._manager = manager
        self._log = log
        self._session = Session(
            key=manager.session.key,
            signature_scheme=manager.session.signature_scheme,
            check_pid=False,
            digest_history_size=0,
        )
        self._sockets: dict[str, ChannelSocket] = {}
        self._exchanges: dict[str, Exchange] = {}
        self._late: OrderedDict[str, Exchange] = OrderedDict()
        """Exchanges that are over, the latest last: threads of theirs may still print."""
        self._drops: dict[str, Callable[[int], None]] = {}
        self._count = Count()
        self._calls: dict[str, asyncio.Future[Content]] = {}
        self._order = InOrder(self._dispatch, self._drop, self._hold, log)
        self._loss: Loss | None = None
        self._has_answered = False
        """Whether the kernel has answered at its shell, and so runs nothing from before."""
        self._subscribed = asyncio.Event()
        self._asking: dict[Channel, asyncio.Task[None]] = {}
        """What asks the kernel what it is, while the link is opened."""
        self._topic = b"mcp-" + uuid.uuid4().hex.encode()

    @property
    def is_open(self) -> bool:
        """Whether requests can be sent."""
        return bool(self._sockets) and self._loss is None

    @property
    def is_idle(self) -> bool:
        """Whether no request waits."""
        return not self._exchanges and not self._calls

    @property
    def is_busy(self) -> bool:
        """Whether code runs in the kernel, or is on its way there."""
        return self.foreign is not None or any(not e.complete for e in self._exchanges.values())

    def find_running(self) -> None:
        """Somebody else's code ran before the link was opened, and has not been heard to end."""
        if not self.is_busy and not self._has_answered:
            self._take_foreign(Foreign(msg_id="", since=time.time()))

    async def open(self, timeout: float) -> None:
        """Connect, and wait until the kernel answers and its outputs reach us.

        Raises TimeoutError after ``timeout`` seconds, KernelLost when the kernel ends before.
        """
        for channel in ("shell", "control", "iopub"):
            self._connect(channel)
        # A kernel greets only the first subscriber to everything, and that is the server's
        # activity watcher. A topic of our own is greeted too: then outputs do reach us.
        self._sockets["iopub"].socket.subscribe(self._topic)
        try:
            await self._meet(time.monotonic() + timeout)
        finally:
            for asking in self._asking.values():
                asking.cancel()
                asking.add_done_callback(lambda done: done.cancelled() or done.exception())
        await self._connect_stdin()
        await self._prepare_interrupts()

    async def _meet(self, deadline: float) -> None:
        """Ask the kernel what it is until it has said so and is heard on IOPub.

        On control, which answers while a cell runs; where it does not (IRkernel hears only
        requests to go there) on shell. Kernels that greet nobody publish that they are busy with
        the request: that this reaches us is what we wait for.
        """
        channels: list[Channel] = ["control"]
        while self.info is None or not self._subscribed.is_set():
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            for channel in channels:
                asking = self._asking.get(channel)
                if asking is None or asking.done():
                    # On shell the request may wait behind a cell: it is asked once for all.
                    patience = min(left, NUDGE) if channel == "control" else left
                    self._asking[channel] = asyncio.create_task(self._introduce(channel, patience))
            done, _ = await asyncio.wait(self._asking.values(), return_when=asyncio.FIRST_COMPLETED)
            for asking in done:
                asking.result()
            if self.info is None or not self._subscribed.is_set():
                channels = ["control", "shell"]

    def _connect(self, channel: str) -> ChannelSocket:
        stream = getattr(self._manager, f"connect_{channel}")(identity=self._session.bsession)
        socket = ChannelSocket(stream, partial(self._order.put, channel))
        self._sockets[channel] = socket
        return socket

    async def _connect_stdin(self) -> None:
        """Connect to where the kernel asks for input, and wait until it knows us there.

        It would ask a stranger in vain, and wait for ever. A socket that connects before the
        kernel listens tries again a tenth of a second later: so this one comes last.
        """
        socket = self._connect("stdin").socket
        known = asyncio.Event()
        events = socket.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED)
        monitor = ZMQStream(zmq.Socket.shadow(events.underlying))  # streams take plain sockets
        monitor.on_recv(lambda _: known.set())
        try:
            await asyncio.wait_for(known.wait(), HANDSHAKE)
        except asyncio.TimeoutError:
            self._log.debug("Kernel %s was not seen to know us on stdin", self.kernel_id)
        finally:
            monitor.on_recv(None)
            if not socket.closed:
                socket.disable_monitor()
            monitor.close(linger=0)
            events.close(linger=0)

    async def _introduce(self, channel: Channel, timeout: float) -> None:
        try:
            reply = await self.call(channel, "kernel_info_request", {}, timeout=timeout)
            self._has_answered |= channel == "shell"
            language = reply.get("language_info") or {}
            self.info = KernelInfo(
                implementation=str(reply.get("implementation", "")),
                language=str(language.get("name", "")),
                language_version=str(language.get("version", "")),
                features=frozenset(map(str, reply.get("supported_features") or ())),
            )
            await asyncio.wait_for(self._subscribed.wait(), min(timeout, NUDGE))
        except asyncio.TimeoutError:
            return

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
        """Send code; see `KernelLink.execute`."""
        if self._loss is not None:
            raise KernelLost(self._loss)
        message = self._session.msg(
            "execute_request",
            {
                "code": code,
                "silent": False,
                "store_history": True,
                "user_expressions": dict(expressions or {}),
                "allow_stdin": can_ask,
                # True would abort what a person has queued behind us.
                "stop_on_error": False,
            },
        )
        msg_id = message["header"]["msg_id"]
        language = self.info.language if self.info is not None else ""
        exchange = Exchange(msg_id, on_message, on_begin, on_input, language)
        self._exchanges[msg_id] = exchange
        self._drops[msg_id] = on_dropped
        self._count.begin(msg_id)
        self._send(self._sockets["shell"], message)
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
        message = self._session.msg(msg_type, dict(content))
        if subshell_id:
            message["header"]["subshell_id"] = subshell_id
        msg_id = message["header"]["msg_id"]
        reply = self._calls[msg_id] = asyncio.get_running_loop().create_future()
        self._send(self._sockets[channel], message)
        try:
            return await asyncio.wait_for(reply, timeout)
        finally:
            del self._calls[msg_id]

    def _send(self, socket: ChannelSocket, message: dict[str, Any]) -> None:
        socket.send(self._session.serialize(message))

    def wake(self) -> None:
        """Speak to a kernel that was interrupted, where it sleeps through that; it does no harm."""
        shell = self._sockets.get("shell")
        if shell is not None and sleeps_through(self.info):
            self._send(shell, self._session.msg("kernel_info_request", {}))

    async def _prepare_interrupts(self) -> None:
        """Before any code of ours: an interrupt is to end that and not the kernel."""
        content = handler_request(self.info)
        if content is None:
            return
        try:
            # Alone: xeus begins with a request before it has ended the one before, and takes back
            # what that had of input() while this runs.
            await self.call("shell", "execute_request", content, timeout=HANDLER)
        except asyncio.TimeoutError:
            self._log.debug("Kernel %s runs code and is prepared after it", self.kernel_id)

    def forget(self, exchange: Exchange) -> None:
        """An exchange is over; what its threads print later is still taken, for a while."""
        if self._exchanges.pop(exchange.msg_id, None) is None:
            return
        # Where the idle has not come, the reply tells how many there were.
        exchange.lost = exchange.lost or self._count.end(exchange.msg_id, exchange.reply_id)
        self._late[exchange.msg_id] = exchange
        self.on_change()
        if len(self._late) > MAX_LATE:
            self._drops.pop(self._late.popitem(last=False)[0], None)

    def lose(self, loss: Loss) -> None:
        """End every request that waits, and close."""
        if self._loss is not None:
            return
        self._loss = loss
        for exchange in list(self._exchanges.values()):
            exchange.lose(loss, behind_other=self.foreign is not None)
        for call in self._calls.values():
            if not call.done():
                call.set_exception(KernelLost(loss))
        for socket in self._sockets.values():
            socket.close()
        self._sockets.clear()
        self.heard = ""
        self._take_foreign(None)

    def _dispatch(self, channel: str, frames: list[Any]) -> None:
        if channel == "iopub" and not self._subscribed.is_set():
            self._subscribed.set()
        message = Incoming(self._session, frames)
        if channel != "iopub":
            self._dispatch_reply(message)
            return
        self.on_heard(message)
        # What is too large for us was not lost on its way either.
        self._count.see(message.msg_id, message.parent, busy=message.says_busy)
        parent_id = message.parent_id
        exchange = self._exchanges.get(parent_id) or self._late.get(parent_id)
        if exchange is None:
            self._watch_others(message)
        else:
            self._order.take(message, partial(self._feed, exchange, message))

    def _drop(self, frames: list[Any]) -> None:
        message = Incoming(self._session, frames)
        self._drops.get(message.parent_id, ignore)(message.size)

    def _hold(self, is_full: bool) -> None:
        for channel, socket in self._sockets.items():
            socket.listen(is_on=not is_full or channel == "control")

    def _feed(
        self, exchange: Exchange, message: Incoming, content: Content | None, unread: int
    ) -> None:
        if unread:
            self._drops.get(message.parent_id, ignore)(unread)
        if content is None:
            return
        if message.msg_type == "status":
            self._hear(content)
        if message.says_busy:
            self.latest = message.parent
            self._take_foreign(None)  # a kernel runs one thing after the other
        is_idle = message.msg_type == "status" and content.get("execution_state") == "idle"
        if is_idle:
            exchange.lost = self._count.end(message.parent_id, message.msg_id)
        exchange.feed(message.msg_type, content)
        if is_idle:
            self.on_change()

    def _dispatch_reply(self, message: Incoming) -> None:
        exchange = self._exchanges.get(message.parent_id)
        call = self._calls.get(message.parent_id)
        if exchange is not None or call is not None:
            self._order.take(message, partial(self._answer, message, exchange, call))

    def _answer(
        self,
        message: Incoming,
        exchange: Exchange | None,
        call: asyncio.Future[Content] | None,
        content: Content | None,
        unread: int,
    ) -> None:
        content = content or {}
        if exchange is not None and message.msg_type == "input_request":
            self._count.see_question()
            exchange.ask(content, partial(self._reply_input, message.header))
        elif exchange is not None and message.msg_type == "execute_reply":
            exchange.reply_id = message.msg_id
            exchange.unread = unread
            exchange.answer(content)
        elif call is not None and not call.done():
            call.set_result(content)

    def _reply_input(self, request: Content, value: str) -> None:
        stdin = self._sockets.get("stdin")
        if stdin is not None:
            message = self._session.msg("input_reply", {"value": value}, parent=dict(request))
            self._send(stdin, message)

    def _watch_others(self, message: Incoming) -> None:
        """Know what else the kernel is at, and hear it say goodbye."""
        if message.msg_type not in ("status", "shutdown_reply"):
            return
        content = message.content() or {}
        parent = message.parent
        if message.msg_type == "shutdown_reply":
            self.heard_restart = bool(content.get("restart"))
        elif parent.get("msg_type") == "interrupt_request":
            self.on_interrupt()
        elif parent.get("msg_type") in AT_SHELL and not parent.get("subshell_id"):
            self._hear(content)
            known = None if self.foreign is None else self.foreign.msg_id
            if content.get("execution_state") != "busy":
                if known in ("", message.parent_id):
                    self._take_foreign(None)
            elif (
                parent["msg_type"] == "execute_request"
                and parent.get("session") != self._session.session  # what `call` sends is ours
            ):
                self.latest = parent
                self._take_foreign(Foreign(msg_id=message.parent_id, since=time.time()))

    def _hear(self, content: Content) -> None:
        state = content.get("execution_state")
        self.heard = state if state in ("busy", "idle") else self.heard

    def _take_foreign(self, foreign: Foreign | None) -> None:
        self.foreign = foreign
        self.on_change()


def ignore(*_: object) -> None:
    """What is called where nothing listens."""
