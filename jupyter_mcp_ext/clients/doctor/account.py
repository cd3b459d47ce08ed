"""Whose program it is that listens at a port of this machine, where the system tells that."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import psutil

from jupyter_mcp_ext.clients.servers import Server

_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
_LISTENS = "0A"
"""The state of a socket that listens."""


def other_account(server: Server) -> str:
    """The account of a server of this machine if it is another one; empty if it is not known."""
    if not server.is_local or server.port is None or not hasattr(os, "geteuid"):
        return ""
    users = {user for table in _TABLES for user in _listening(table, server.port)}
    if len(users) != 1 or os.geteuid() in users:
        return ""
    return name_of(users.pop())


def name_of(user: int) -> str:
    """An account by the name that its processes show, or else by its number."""
    for process in psutil.process_iter():
        try:
            if process.uids().effective == user:
                return str(process.username())
        except psutil.Error:  # noqa: PERF203  # it has ended since
            continue
    return str(user)


def _listening(table: str, port: int) -> Iterator[int]:
    """The accounts whose sockets listen at a port."""
    try:
        lines = Path(table).read_text().splitlines()[1:]
    except OSError:
        return
    for line in lines:
        _, local, _, state, *_, user = line.split()[:8]
        if state == _LISTENS and int(local.rpartition(":")[2], 16) == port:
            yield int(user)
