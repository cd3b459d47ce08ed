"""What the server and the process of the proxy tell each other. Pure but for the sockets.

A message is one packet: JSON, and at most one descriptor.
"""

from __future__ import annotations

import json
import socket
from typing import Any

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


def send(to: socket.socket, kind: str, number: int, value: Any = None, *fds: int) -> None:
    """Send a message. Raises OSError, BlockingIOError too: then too many have not been read."""
    socket.send_fds(to, [json.dumps([kind, number, value]).encode()], fds)


def receive(source: socket.socket) -> tuple[str, int, Any, list[int]] | None:
    """The next message with its descriptors; None at the end. Raises BlockingIOError."""
    data, fds, _, _ = socket.recv_fds(source, MAX, 1)
    if not data:
        return None
    kind, number, value = json.loads(data)
    return kind, number, value, list(fds)
