"""One of a kernel's sockets, read frame by frame.

pyzmq's ``ZMQStream`` receives a message whole, however many frames it has, one message for each
turn of the loop, and looks at its socket again by a callback for each. This reads what is there at
once, within a slice of time for each turn, and keeps no more frames than a message needs.
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
"""Seconds of a turn of the loop that reading takes; a message is handled whole."""


HEAVY = 0.02
"""Seconds of a turn after which reading rests as long as the turn took, for other work's sake."""

MAX_REST = 0.2


class ChannelSocket:
    """Sends messages, and gives the first `MAX_FRAMES` frames of each that comes to ``hear``.

    The socket's file descriptor tells only that something has changed since its state was last
    asked for, and sending asks for it too. So the state is looked at after both, until nothing
    is left to be read.
    """

    def __init__(self, stream: ZMQStream, hear: Callable[[list[Any]], object]) -> None:
        """``stream`` is taken over; ``hear`` never raises."""
        self._stream = stream
        self._hear = hear
        self._loop = asyncio.get_running_loop()
        self._frames: list[Any] = []
        """Those of a message that is not read to its end."""
        self._unsent: deque[Sequence[bytes]] = deque()
        self._is_due = False
        self._listens = True
        loop = self._stream.io_loop
        loop.remove_handler(self.socket)
        loop.add_handler(self.socket, self._on_event, loop.READ)
        self._work_soon()

    @property
    def socket(self) -> Any:
        """The socket; None when closed."""
        return self._stream.socket

    def listen(self, *, is_on: bool = True) -> None:
        """Read, or leave what comes where it is."""
        self._listens = is_on
        if is_on:
            self._work_soon()

    def send(self, frames: Sequence[bytes]) -> None:
        """Send a message now, or when the socket takes it; a closed one takes none."""
        if self._stream.closed():
            return
        self._unsent.append(frames)
        self._send()
        if self._events():
            self._work_soon()

    def close(self) -> None:
        """Close the socket; nothing is heard any more."""
        self._unsent.clear()
        if not self._stream.closed():
            self._stream.close(linger=0)

    def _on_event(self, *_: object) -> None:
        if self._is_due:
            self._events()  # else the loop is told the same again at once
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
            if events & zmq.POLLOUT:
                self._send()
            if events & zmq.POLLIN:
                self._read(until)
            if (now := time.monotonic()) > until:
                took = now - begun
                self._work_soon(min(took, MAX_REST) if took > HEAVY else 0)
                return

    def _events(self) -> int:
        """Whether there is something to read, or what waits can be sent."""
        if self._stream.closed():
            return 0
        wanted = (zmq.POLLIN if self._listens else 0) | (zmq.POLLOUT if self._unsent else 0)
        try:
            return int(self.socket.get(zmq.EVENTS)) & wanted
        except zmq.ContextTerminated:  # the server ends
            self.close()
            return 0

    def _send(self) -> None:
        while self._unsent:
            try:
                self.socket.send_multipart(self._unsent[0], zmq.NOBLOCK)
            except zmq.Again:
                return
            self._unsent.popleft()

    def _read(self, until: float) -> None:
        """Read a message, or as many of its frames as there is time for; one is there."""
        while True:
            # Not copied before its size is known: a print of 200 MB is one frame.
            frame = self.socket.recv(zmq.NOBLOCK, copy=False)
            if len(self._frames) < MAX_FRAMES:
                self._frames.append(frame)
            if not frame.more:
                break
            if time.monotonic() > until:
                return
        frames, self._frames = self._frames, []
        self._hear(frames)
