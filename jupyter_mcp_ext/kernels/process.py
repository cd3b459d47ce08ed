"""Notice at once that a local process has ended, and how.

Jupyter's restarter looks every three seconds. On Linux a pidfd becomes readable the moment the
process ends; elsewhere there is no watch, and the restarter's word is what we have.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable


class ProcessWatch:
    """Calls ``on_exit`` with words for how the process ended; the exit status stays unreaped."""

    def __init__(self, pidfd: int, on_exit: Callable[[str], None]) -> None:
        self._pidfd = pidfd
        self._on_exit = on_exit
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(pidfd, self._ended)

    @classmethod
    def start(cls, pid: int, on_exit: Callable[[str], None]) -> ProcessWatch | None:
        """Watch a process; None where that is not possible."""
        if sys.platform != "linux":
            return None
        try:
            return cls(os.pidfd_open(pid), on_exit)
        except OSError:  # no such process, or a kernel older than 5.3
            return None

    def close(self) -> None:
        """Stop watching."""
        if self._pidfd >= 0:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1

    def _ended(self) -> None:
        words = _how_it_ended(self._pidfd)
        self.close()
        self._on_exit(words)


def _how_it_ended(pidfd: int) -> str:
    if sys.platform != "linux":
        return "it ended"
    try:
        # WNOWAIT leaves the status for the restarter, which owns the process.
        result = os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOWAIT | os.WNOHANG)
    except ChildProcessError:  # somebody has reaped it already
        return "it ended"
    if result is None:
        return "it ended"
    if result.si_code == os.CLD_EXITED:
        return f"exit code {result.si_status}"
    try:
        name = signal.Signals(result.si_status).name
    except ValueError:
        name = "unknown"
    return f"killed by signal {result.si_status} ({name})"
