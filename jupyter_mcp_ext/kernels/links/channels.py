"""The ZeroMQ sockets of one kernel's channels, and the session that signs their messages.

``KernelManager.client()`` clones the manager's session with its identity, so that two clients in
one process share a ROUTER identity and the second never hears a reply
(https://github.com/jupyter/jupyter_client/issues/391). So each link has a ``Session`` of its own
and uses ``connect_*`` with its own identity, as the server's websocket handler does.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

import zmq
from jupyter_client.session import Session
from zmq.eventloop.zmqstream import ZMQStream

from .channel_socket import ChannelSocket
from .exchange import Content

HANDSHAKE = 0.2
"""Seconds after which a connection on this machine is certainly established."""


class Channels:
    """``hear`` gets the channel and the frames of each message; ``manager`` is the kernel's own."""

    def __init__(self, manager: Any, hear: Callable[[str, list[Any]], object]) -> None:
        self.session = Session(
            key=manager.session.key,
            signature_scheme=manager.session.signature_scheme,
            check_pid=False,
            digest_history_size=0,
        )
        self.sockets: dict[str, ChannelSocket] = {}
        self._manager = manager
        self._hear = hear

    def connect(self) -> None:
        """Connect all channels except stdin, on which the kernel asks for input."""
        for channel in ("shell", "control", "iopub"):
            self._connect(channel)
        # A kernel sends iopub_welcome only to the first subscriber to everything, which is the
        # server's activity watcher. A unique topic gets one too: then outputs arrive.
        self.sockets["iopub"].socket.subscribe(b"mcp-" + uuid.uuid4().hex.encode())

    async def connect_stdin(self) -> bool:
        """Connect stdin; whether the kernel was seen to know this client there.

        A kernel that asks an unknown client waits forever. A socket that connects before the kernel
        listens tries again a tenth of a second later, so this one is connected last.
        """
        socket = self._connect("stdin").socket
        known = asyncio.Event()
        events = socket.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED)
        monitor = ZMQStream(zmq.Socket.shadow(events.underlying))  # streams take plain sockets
        monitor.on_recv(lambda _: known.set())
        try:
            await asyncio.wait_for(known.wait(), HANDSHAKE)
        except asyncio.TimeoutError:
            return False
        finally:
            monitor.on_recv(None)
            if not socket.closed:
                socket.disable_monitor()
            monitor.close(linger=0)
            events.close(linger=0)
        return True

    def send(self, channel: str, message: dict[str, Any]) -> None:
        """Send a message of the session; a closed channel drops it."""
        socket = self.sockets.get(channel)
        if socket is not None:
            socket.send(self.session.serialize(message))

    def send_input(self, request: Content, value: str) -> None:
        """Answer an ``input_request`` with this header."""
        self.send("stdin", self.session.msg("input_reply", {"value": value}, parent=dict(request)))

    def hold(self, is_full: bool) -> None:
        """Pause or resume all channels except control; messages wait in the sockets."""
        for channel, socket in self.sockets.items():
            socket.listen(is_on=not is_full or channel == "control")

    def close(self) -> None:
        """Close all of them."""
        for socket in self.sockets.values():
            socket.close()
        self.sockets.clear()

    def _connect(self, channel: str) -> ChannelSocket:
        stream = getattr(self._manager, f"connect_{channel}")(identity=self.session.bsession)
        socket = ChannelSocket(stream, partial(self._hear, channel))
        self.sockets[channel] = socket
        return socket
