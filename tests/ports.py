"""Ports for servers and kernels that no other test of this machine chooses at the same time.

A port that the system gives on request can be given to another process too, between the moment
when it is chosen and the moment when it is listened to: a kernel that is restarted, for example,
leaves its ports and then takes them again. These are outside the range of the system's.
"""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from pathlib import Path

FIRST, COUNT = 20_000, 12_000
LAST = Path(tempfile.gettempdir(), f"port-of-the-tests-{os.getuid()}")
"""The file with the port that was chosen last."""


def free_port(host: str = "127.0.0.1") -> int:
    """The next port that is free; it is chosen again after all others."""
    while True:
        port = _next()
        with socket.socket() as sock:
            try:
                sock.bind((host, port))
            except OSError:
                continue
        return port


def _next() -> int:
    with LAST.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        port = FIRST + (int(file.read() or FIRST) + 1 - FIRST) % COUNT
        file.truncate(0)
        file.write(str(port))
    return port
