"""A kernel under Landlock and seccomp, without namespaces."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from subprocess import Popen
from typing import Any

from jupyter_client.launcher import launch_kernel

from . import landlock
from .confinement import Confinement
from .first_process import FirstProcess
from .guard import NotConfined
from .memory import memory_files
from .pipes import piece

MAX_STATUS = 64


class LandlockGuard:
    """Starts a kernel under Landlock, as `Guard` says."""

    def __init__(self, confinement: Confinement, directory: Path, connection_file: str) -> None:
        """The kernel's sockets, home and temporary files are in ``directory``."""
        self.environment = landlock.environment(directory)
        self._confinement = confinement
        self._directory = directory
        self._connection_file = Path(connection_file)
        self._status = -1
        self._first: FirstProcess | None = None
        """The kernel."""

    async def launch(
        self, command: Sequence[str], arguments: Mapping[str, Any], *, prefix: Sequence[str]
    ) -> Popen[bytes]:
        """Start the launcher with the command. Raises NotConfined."""
        self._status, writing = os.pipe()
        try:
            plan = await asyncio.to_thread(self._plan, command, writing)
            with memory_files(plan) as (plan_fd,):
                wrapped = [*prefix, *landlock.command(plan_fd)]
                # The kernel's parent is the launcher, which watches the server itself.
                return launch_kernel(
                    wrapped, **arguments, pass_fds=(writing, plan_fd), independent=True
                )
        finally:
            os.close(writing)

    async def started(self) -> None:
        """Wait until the launcher names the kernel's process. Raises NotConfined."""
        said = await piece(self._status, MAX_STATUS)
        if not said:
            msg = "Landlock could not confine the kernel"
            raise NotConfined(msg)
        try:
            self._first = FirstProcess(int(said))
        except OSError as err:
            msg = "the kernel ended while it was confined"
            raise NotConfined(msg) from err

    def signal(self, signum: int) -> None:
        """Send a signal to the kernel and its children; what ends it ends all in the sandbox."""
        assert self._first is not None  # noqa: S101
        if signum in (signal.SIGTERM, signal.SIGKILL):
            self._first.kill()  # then the launcher ends the others
        else:
            self._first.signal_group(signum)

    def close(self) -> None:
        """Close what was open for the process, which has ended or will."""
        if self._first is not None:
            self._first.close()
            self._first = None
        if self._status >= 0:
            os.close(self._status)
            self._status = -1

    def _plan(self, command: Sequence[str], status_fd: int) -> bytes:
        landlock.prepare(self._directory)
        readable = [self._connection_file]
        return landlock.plan(
            self._confinement, self._directory, command, status_fd=status_fd, readable=readable
        )
