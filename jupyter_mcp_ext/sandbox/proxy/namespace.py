"""Listens inside of the network namespace of a sandbox, from outside. Blocks.

A socket belongs to the namespace in which it was made, whichever process has it. So the proxy
needs no program and no file in the sandbox: code there finds a port of its own loopback open.
"""

from __future__ import annotations

import ctypes
import os
import socket
import sys
from contextlib import suppress
from pathlib import Path

HOST, PORT = "127.0.0.1", 3128
"""Where programs in a sandbox find the proxy. Its loopback is its own, so the port is free."""

ENVIRONMENT = {
    **dict.fromkeys(
        ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"), f"http://{HOST}:{PORT}"
    ),
    **dict.fromkeys(("no_proxy", "NO_PROXY"), "localhost,127.0.0.1,::1"),
}
"""The variables by which programs find it. Requests without TLS get an answer that says why not."""

BACKLOG = 128
"""Connections that wait to be accepted."""

SECONDS = 10.0

_CLONE_NEWUSER, _CLONE_NEWNET = 0x1000_0000, 0x4000_0000
_NS_GET_USERNS = 0xB701
"""``ioctl_ns(2)``"""
_IP_FREEBIND = 15
"""The loopback may not be up yet."""

if sys.platform == "linux":
    import fcntl


def namespace(pid: int) -> int:
    """Open the network namespace of a process. Raises OSError, also if it is this process's."""
    opened = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    if os.path.samestat(os.fstat(opened), Path("/proc/self/ns/net").stat()):
        os.close(opened)
        msg = "the process has the network of this server"
        raise OSError(msg)
    return opened


def listener(network: int) -> socket.socket:
    """A listening socket in a network namespace. Raises OSError."""
    owner = fcntl.ioctl(network, _NS_GET_USERNS)
    try:
        said, fds = _answer(owner, network)
    finally:
        os.close(owner)
    if not fds:
        raise OSError(said.decode() or "the process that enters it has died")
    return socket.socket(fileno=fds[0])


def _answer(owner: int, network: int) -> tuple[bytes, list[int]]:
    """What the process says that enters a network, and the socket that it has made. Raises OSError.

    A user namespace can only be entered by a process that has one thread, and not be left.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(SECONDS)
        child = os.fork()
        if not child:
            _child(libc, owner, network, theirs)
        theirs.close()
        try:
            said, fds, _, _ = socket.recv_fds(ours, 300, 1)
        finally:
            with suppress(ProcessLookupError):
                os.kill(child, 9)
            os.waitpid(child, 0)
    return said, fds


def _child(libc: ctypes.CDLL, owner: int, network: int, answers: socket.socket) -> None:
    try:
        made = _entered(libc, owner, network)
        socket.send_fds(answers, [b"."], [made.fileno()])
    except OSError as err:
        answers.send(str(err).encode()[:300])
    finally:
        os._exit(0)


def _entered(libc: ctypes.CDLL, owner: int, network: int) -> socket.socket:
    """Enter a network namespace, and listen in it."""
    for fd, kind in ((owner, _CLONE_NEWUSER), (network, _CLONE_NEWNET)):
        if libc.setns(fd, kind):
            number = ctypes.get_errno()
            raise OSError(number, f"setns: {os.strerror(number)}")
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.SOL_IP, _IP_FREEBIND, 1)
    made.bind((HOST, PORT))
    made.listen(BACKLOG)
    return made
