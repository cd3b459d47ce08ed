"""The first process of a sandbox, with which all others in it end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal

PROCESS_GROUP = 4
"""``PIDFD_SIGNAL_PROCESS_GROUP``"""


class FirstProcess:
    """Refers to a process, and to no other that gets its number later.

    It is a child of the program that has made the sandbox, which may end first. Then the process
    is a child of this server, if that is process 1 of a container, and has to be reaped.
    """

    def __init__(self, pid: int) -> None:
        """Raises OSError if there is no such process."""
        self.pid = pid
        self._handle = os.pidfd_open(pid)

    def kill(self) -> None:
        """End it, and with it all others in its sandbox. Raises OSError."""
        signal.pidfd_send_signal(self._handle, signal.SIGKILL)

    def check(self) -> None:
        """Raise OSError if it has ended and was reaped: its number can be another's then."""
        signal.pidfd_send_signal(self._handle, 0)

    def signal_group(self, signum: int) -> None:
        """Send a signal to the process group that it leads. Raises OSError; needs Linux 6.9."""
        signal.pidfd_send_signal(self._handle, signum, None, PROCESS_GROUP)

    def close(self) -> None:
        """Reap it when it has ended. Called once; needs a running event loop."""
        asyncio.get_running_loop().add_reader(self._handle, self._reap)

    def _reap(self) -> None:
        asyncio.get_running_loop().remove_reader(self._handle)
        with contextlib.suppress(ChildProcessError):  # another process has to reap it
            os.waitid(os.P_PIDFD, self._handle, os.WEXITED | os.WNOHANG)
        os.close(self._handle)
