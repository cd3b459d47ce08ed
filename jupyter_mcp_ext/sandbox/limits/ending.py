"""Ends processes for good."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time
from collections.abc import Iterable

PATIENCE = 2.0
"""Seconds for processes that were killed to have ended: those with much memory take a moment."""


def kill(pids: Iterable[int]) -> None:
    """Kill processes, and wait until they have ended, not until they are reaped. Blocks."""
    with contextlib.ExitStack() as opened:
        waiting = {handle for pid in pids if (handle := _killed(pid, opened)) >= 0}
        until = time.monotonic() + PATIENCE
        ended = select.poll()
        for handle in waiting:
            ended.register(handle, select.POLLIN)
        while waiting and (left := until - time.monotonic()) > 0:
            for handle, _ in ended.poll(left * 1000):
                ended.unregister(handle)
                waiting.discard(handle)


def _killed(pid: int, opened: contextlib.ExitStack) -> int:
    """A handle of a process that was killed; -1 if there is none to wait for."""
    handle = -1
    with contextlib.suppress(OSError):
        if sys.platform == "linux":
            handle = os.pidfd_open(pid)
            opened.callback(os.close, handle)
    with contextlib.suppress(OSError):
        os.kill(pid, signal.SIGKILL)
    return handle
