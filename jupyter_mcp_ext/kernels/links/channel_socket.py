"""A socket of a kernel, read frame by frame.

pyzmq's ``ZMQStream`` receives one whole message per loop iteration, however many frames it has, and
schedules a callback for each. This class reads everything that has arrived, within a slice of time
per iteration, and keeps no more frames than a message needs.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import zmq
from zmq.eventloop.zmqstream import ZMQStream

from .incoming import MAX_FRAMES

SLICE = 0.002
"""Seconds of a loop iteration for reading; a message is always handled completely."""


HEAVY = 0.02
"""Seconds of an iteration after which reading pauses as long as it took, so that others can run."""

MAX_REST = 0.2

# Plain numbers: each operation on pyzmq's flags makes an object of an enumeration.
IN, OUT, NOBLOCK = int(zmq.POLLIN), int(zmq.POLLOUT), int(zmq.NOBLOCK)


class ChannelSocket:
    """Sends messages, and passes the first `MAX_FRAMES` frames of each incoming one to ``hear``.

    The socket's file descriptor signals only that its state changed since it was last queried, and
    sending queries it too. So the state is checked after both, until nothing is left to read.
    """

    def __init__(self, stream: ZMQStream, hear: Callable[[list[Any]], object]) -> None:
        """Takes over ``stream``; ``hear`` must not raise."""
        self._stream = stream
        self._hear = hear
        self._loop = asyncio.get_running_loop()
        self._frames: list[Any] = []
        """The frames of a message that is not read to its end yet."""
        self._unsent: deque[Sequence[bytes]] = deque()
        self._is_due = False
        self._listens = True
        loop = self._stream.io_loop
        loop.remove_handler(self.socket)
        loop.add_handler(self.socket, self._on_event, loop.READ)
        self._work_soon()

    @property
    def socket(self) -> Any:
        """The socket; None when it is closed."""
        return self._stream.socket

    def listen(self, *, is_on: bool = True) -> None:
        """Start or stop reading; unread messages stay in the socket."""
        self._listens = is_on
        if is_on:
            self._work_soon()

    def send(self, frames: Sequence[bytes]) -> None:
        """Send a message now, or when the socket can take it; a closed socket drops it."""
        if self._stream.closed():
            return
        self._unsent.append(frames)
        self._send()
        if self._events():
            self._work_soon()

    def close(self) -> None:
        """Close the socket; no further message is passed on."""
        self._unsent.clear()
        if not self._stream.closed():
            self._stream.close(linger=0)

    def _on_event(self, *_: object) -> None:
        if self._is_due:
            self._events()  # otherwise the loop would be signalled again at once
        else:
            self._work()

    def _work_soon(self, rest: float = 0) -> None:
        if not self._is_due:
            self._is_due = True
            if rest:
                self._loop.call_later(rest, self._go_on)
            else:
                self._loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        self._is_due = False
        self._work()

    def _work(self) -> None:
        begun = time.monotonic()
        until = begun + SLICE
        while events := self._events():
            if events & OUT:
                self._send()
            if events & IN:
                self._read(until)
            if (now := time.monotonic()) > until:
                took = now - begun
                self._work_soon(min(took, MAX_REST) if took > HEAVY else 0)
                return

    def _events(self) -> int:
        """Whether there is something to read, or waiting messages can be sent."""
        if self._stream.closed():
            return 0
        wanted = (IN if self._listens else 0) | (OUT if self._unsent else 0)
        try:
            return int(self.socket.get(zmq.EVENTS)) & wanted
        except zmq.ContextTerminated:  # the server ends
            self.close()
            return 0

    def _send(self) -> None:
        while self._unsent:
            try:
                self.socket.send_multipart(self._unsent[0], NOBLOCK)
            except zmq.Again:
                return
            self._unsent.popleft()

    def _read(self, until: float) -> None:
        """Read a message, or as many of its frames as there is time for; one is available."""
        while True:
            # Not copied before its size is known: a print of 200 MB is one frame.
            frame = self.socket.recv(NOBLOCK, copy=False)
            if len(self._frames) < MAX_FRAMES:
                self._frames.append(frame)
            if not frame.more:
                break
            if time.monotonic() > until:
                return
        frames, self._frames = self._frames, []
        self._hear(frames)
