"""Ends processes for good."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Callable, Collection, Container

PATIENCE = 10.0
"""Seconds for all processes to have ended: those with much memory take a moment."""

BATCH = 64
"""Processes that are held open at a time: a server has few file descriptors."""

PAUSE = 0.01
"""Seconds until the next look, where nothing can be waited for."""


def kill(
    living: Callable[[], Collection[int]], meant: Callable[[Collection[int]], Container[int]]
) -> None:
    """Kill processes, and wait until they have ended, not until they are reaped. Blocks.

    ``living`` finds those that run, which may start others at the same time, and ``meant`` tells
    which of some numbers are still theirs: the number of a process that has ended can be another's.
    """
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and (pids := list(living())):
        with contextlib.ExitStack() as opened:
            waiting = _wave(pids[:BATCH], meant, opened)
            for first in range(BATCH, len(pids), BATCH):
                with contextlib.ExitStack() as shortly:
                    _wave(pids[first : first + BATCH], meant, shortly)
            _wait(waiting, until)


def _wave(
    pids: Collection[int],
    meant: Callable[[Collection[int]], Container[int]],
    opened: contextlib.ExitStack,
) -> set[int]:
    """Kill some processes; the handles of those that can be waited for."""
    # While a handle is open it stands for one process, whatever becomes of the number.
    handles = {pid: _handle(pid, opened) for pid in pids}
    own = meant(pids)
    killed = set()
    for pid, handle in handles.items():
        with contextlib.suppress(OSError):  # it has ended, or is another account's
            if pid in own and handle is not None:
                signal.pidfd_send_signal(handle, signal.SIGKILL)
                killed.add(handle)
            elif pid in own:
                os.kill(pid, signal.SIGKILL)
    return killed


def _handle(pid: int, opened: contextlib.ExitStack) -> int | None:
    """A handle of a process; None if there is none, as in an old Linux."""
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return None
    opened.callback(os.close, handle)
    return handle


def _wait(handles: set[int], until: float) -> None:
    if not handles:
        time.sleep(PAUSE)
    ended = select.poll()
    for handle in handles:
        ended.register(handle, select.POLLIN)
    while handles and (left := until - time.monotonic()) > 0:
        for handle, _ in ended.poll(left * 1000):
            ended.unregister(handle)
            handles.discard(handle)
