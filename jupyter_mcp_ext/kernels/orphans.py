"""Processes that outlive their parents: kernels of an earlier server, and children of kernels."""

from __future__ import annotations

import contextlib
import os
import select
from pathlib import Path

import psutil

SLACK = 1.0
"""Seconds by which two readings of a process's start may differ."""


ENDING = 1.0
"""Seconds within which a process that has closed its files has ended."""


def reap(pid: int) -> None:
    """Reap an orphaned process that is ending, once it has ended.

    An init process does that. If this server is process 1 of a container, nothing else would, and
    each would stay a zombie. The number comes from a kernel and is not trusted: a process is reaped
    only if it is a child of this one that this one cannot have started, since a process that it
    starts leads its session or is in that of the server. Blocks shortly.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
        _, parent, _, session = stat.rpartition(b")")[2].split()[:4]
    except (OSError, ValueError):  # ended and forgotten, or not on Linux
        return
    if int(parent) != os.getpid() or int(session) in (pid, os.getsid(0)):
        return
    with contextlib.suppress(OSError, AttributeError):  # since Linux 5.3
        handle = os.pidfd_open(pid)
        try:
            ended = select.poll()
            ended.register(handle, select.POLLIN)
            ended.poll(ENDING * 1000)
        finally:
            os.close(handle)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def started_at(pid: int) -> float | None:
    """When a process was started, in seconds since the epoch; None if it is gone."""
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return None


def end(pid: int, created: float) -> bool:
    """End a process that was started at that time, with its children.

    False if there is none: the id may belong to another by now. Blocks shortly.
    """
    try:
        process = psutil.Process(pid)
        if abs(process.create_time() - created) > SLACK:
            return False
        family = [*process.children(recursive=True), process]
        for member in family:
            member.kill()
    except psutil.Error:
        return False
    return True
