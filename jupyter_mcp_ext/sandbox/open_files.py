"""How many files a confined kernel may have open: fewer than the server.

Linux counts the files that are being passed between processes for an account as a whole, and lets
a process pass more while the count is below its own limit of open files. So what kernels use up
leaves some to the server, which could else start no kernel.
"""

from __future__ import annotations

import errno
import socket
import struct
import sys
from collections.abc import Sequence

if sys.platform != "win32":
    import resource

SPARE = 1_024
"""Files that are left to the server, or a quarter of those that there are."""

SHELL = "/bin/sh"


Limits = tuple[int, int]
"""A soft and a hard limit."""


def most() -> Limits:
    """The limits of a process that uses all that the server may have open."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return hard, hard


def limits() -> Limits:
    """The limits of a kernel."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    hard -= min(SPARE, hard // 4)
    return min(soft, hard), hard


def packed(limits: Limits) -> bytes:
    """Limits as ``setrlimit(2)`` takes them."""
    return struct.pack("QQ", *limits)


def prefix() -> list[str]:
    """What comes before a command so that it and all that it starts have these limits."""
    soft, hard = limits()
    return [SHELL, "-c", f'ulimit -Sn {soft} && ulimit -Hn {hard} && exec "$@"', SHELL]


def send(end: socket.socket, data: bytes, fds: Sequence[int]) -> None:
    """Send a message with files, also if kernels have used up what they may. Raises OSError."""
    try:
        socket.send_fds(end, [data], fds)
    except OSError as err:
        if err.errno != errno.ETOOMANYREFS:
            raise
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, most())
        try:
            socket.send_fds(end, [data], fds)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
