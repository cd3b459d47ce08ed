"""Notice at once that a local process has ended, and how.

Jupyter's restarter polls every three seconds. On Linux a pidfd becomes readable the moment the
process ends; elsewhere there is no watch, and the restarter has to notice.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass

from .memory import Peak, peak_of

SIGNALLED = 128
"""What programs that run others add to the number of the signal that ended these."""

UNKNOWN = "unknown"

KILL = 9
"""SIGKILL, which Windows does not name."""


@dataclass(frozen=True, kw_only=True)
class Exit:
    """How a process ended; at most one of ``code`` and ``signal`` is known."""

    code: int | None = None
    signal: int | None = None
    peak: Peak | None = None

    @classmethod
    def of(cls, returncode: int | None) -> Exit:
        """The end described by a ``Popen.returncode``."""
        if returncode is None:
            return cls()
        return cls(code=returncode) if returncode >= 0 else cls(signal=-returncode)

    @property
    def was_killed(self) -> bool:
        """Whether SIGKILL ended it, or the program that it ran, as shells report."""
        return self.signal == KILL or self.code == SIGNALLED + KILL

    @property
    def words(self) -> str:
        """``killed by signal 9 (SIGKILL), peak 230 MB``."""
        if self.signal is not None:
            how = f"killed by signal {self.signal} ({_signal_name(self.signal)})"
        else:
            how = "it ended" if self.code is None else _exit_words(self.code)
        return how if self.peak is None else f"{how}, {self.peak}"


class ProcessWatch:
    """Calls ``on_exit`` with how the process ended; the exit status stays unreaped."""

    def __init__(self, pidfd: int, on_exit: Callable[[Exit], None]) -> None:
        self._pidfd = pidfd
        self._on_exit = on_exit
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(pidfd, self._ended)

    @classmethod
    def start(cls, pid: int, on_exit: Callable[[Exit], None]) -> ProcessWatch | None:
        """Watch a process; None if that is not possible."""
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
        end = _how_it_ended(self._pidfd)
        self.close()
        self._on_exit(end)


def _how_it_ended(pidfd: int) -> Exit:
    if sys.platform != "linux":
        return Exit()
    try:
        # WNOWAIT leaves the status for the restarter, which owns the process.
        result = os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOWAIT | os.WNOHANG)
    except ChildProcessError:  # reaped already
        return Exit()
    if result is None:
        return Exit()
    if result.si_code == os.CLD_EXITED:
        return Exit(code=result.si_status, peak=peak_of(pidfd))
    return Exit(signal=result.si_status, peak=peak_of(pidfd))


def _exit_words(code: int) -> str:
    """An exit code; above 128 it mostly tells, as that of a shell, which signal ended a child."""
    if code <= SIGNALLED:
        return f"exit code {code}"
    number = code - SIGNALLED
    name = _signal_name(number)
    return f"exit code {code}" + ("" if name == UNKNOWN else f", as of signal {number} ({name})")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return UNKNOWN
