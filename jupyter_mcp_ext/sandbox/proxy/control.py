"""What the server and the process of the proxy tell each other. Pure but for the sockets.

A message is one packet: JSON, and at most one descriptor.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections import deque
from typing import Any

from jupyter_mcp_ext.sandbox import open_files

MAX = 65_536
"""Bytes of a message."""

ENTER, LEAVE = "enter", "leave"
"""The server's: a sandbox's number, with its network namespace; and that its kernel has ended."""

ENTERED, FAILED, COUNTS, LEFT = "entered", "failed", "counts", "left"
"""The proxy's: it listens there; it cannot, and why; what became of connections since the last; no
more is said of this sandbox."""

MAX_COUNTS = 100
"""Counts in one message."""


def pair() -> tuple[socket.socket, socket.socket]:
    """Two ends, which do not block."""
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in ends:
        end.setblocking(False)
    return ends


def receive(source: socket.socket) -> tuple[str, int, Any, list[int]] | None:
    """The next message with its descriptors; None at the end. Raises BlockingIOError."""
    data, fds, _, _ = socket.recv_fds(source, MAX, 1)
    if not data:
        return None
    kind, number, value = json.loads(data)
    return kind, number, value, list(fds)


class Line:
    """Sends messages over one end in their order: those for which there is no room yet, later."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._waiting: deque[tuple[bytes, list[int]]] = deque()

    @property
    def is_free(self) -> bool:
        """Whether no message waits."""
        return not self._waiting

    def send(self, kind: str, number: int, value: Any = None, *fds: int) -> None:
        """Send a message; descriptors may be closed then. Raises OSError."""
        data = json.dumps([kind, number, value]).encode()
        if self.is_free:
            try:
                open_files.send(self._end, data, fds)
            except BlockingIOError:
                pass
            else:
                return
        self._waiting.append((data, [os.dup(fd) for fd in fds]))
        asyncio.get_running_loop().add_writer(self._end, self._send_waiting)

    def close(self) -> None:
        """Close the end, and forget what waits."""
        self._stop()
        self._end.close()

    def _send_waiting(self) -> None:
        try:
            while self._waiting:
                data, fds = self._waiting[0]
                open_files.send(self._end, data, fds)
                self._forget_first()
        except BlockingIOError:
            return
        except OSError:  # one is lost: the other side is to see the end
            self._end.shutdown(socket.SHUT_RDWR)
        self._stop()

    def _stop(self) -> None:
        if self._end.fileno() >= 0:
            asyncio.get_running_loop().remove_writer(self._end)
        while self._waiting:
            self._forget_first()

    def _forget_first(self) -> None:
        for fd in self._waiting.popleft()[1]:
            os.close(fd)
