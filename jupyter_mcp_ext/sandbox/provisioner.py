"""The kernel provisioner of this package: kernels that agents start run in a sandbox.

Jupyter uses it for every kernel whose kernelspec names no other, so it is a plain
``LocalProvisioner`` for all that come without a `Confinement`: the kernels of people.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.launcher import launch_kernel
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from . import bubblewrap, directories, seccomp
from .confinement import Confinement
from .memory import memory_files

NAME = "mcp-sandbox"
"""Its name among Jupyter's provisioners."""

ARGUMENT = "mcp_confinement"
"""The argument of ``start_kernel`` that brings a `Confinement`. Jupyter keeps it for restarts, and
a provisioner that does not know it cannot start the kernel."""

START = 20.0
"""Seconds for bubblewrap to say which process is the kernel's."""

MAX_STATUS = 65_536
"""Characters of what bubblewrap reports."""


class NotConfined(OSError):
    """A kernel could not be started in its sandbox; standard error has what bubblewrap said."""


class SandboxProvisioner(LocalProvisioner):
    """Runs a kernel under bubblewrap if it is to be confined, and as Jupyter does if not."""

    confinement: Confinement | None = None
    """What the kernel may reach; None for a kernel that is not confined."""

    _inner: int | None = None
    """The kernel's own process; ``pid`` is bubblewrap's."""
    _sockets: Path | None = None
    _status: int = -1

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Have the kernel's sockets in a directory of its own, and its command in a sandbox."""
        self.confinement = kwargs.pop(ARGUMENT, None)
        if self.confinement is None:
            return await super().pre_launch(**kwargs)
        kernel: Any = self.parent
        if self._sockets is None:
            self._sockets = await asyncio.to_thread(directories.make)
            kernel.transport = "ipc"
            kernel.ip = str(self._sockets / "k")
        kwargs["env"] = {**self.confinement.env}
        kwargs = await super().pre_launch(**kwargs)
        kwargs["cwd"] = None
        return kwargs

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Start bubblewrap, and wait until it names the kernel's process. Raises NotConfined."""
        if self.confinement is None:
            return await super().launch_kernel(cmd, **kwargs)
        program = await asyncio.to_thread(bubblewrap.program)
        if program is None:
            msg = "bubblewrap is no longer installed"
            raise NotConfined(msg)
        self._close_status()
        self._status, writing = os.pipe()
        try:
            with memory_files(seccomp.program(has_inet=True), *bubblewrap.accounts()) as files:
                given = self._arguments(writing, files)
                with memory_files(b"\0".join(map(os.fsencode, given))) as (arguments,):
                    # Arguments of a command can be read by others, a file in memory cannot.
                    wrapped = [program, "--args", str(arguments), "--", *cmd]
                    # Its parent is in another PID namespace, where it would look in vain.
                    self.process = launch_kernel(
                        wrapped,
                        **self._scrub_kwargs(kwargs),
                        pass_fds=(writing, arguments, *files),
                        independent=True,
                    )
        finally:
            os.close(writing)
        self.pid = self.pgid = self.process.pid
        self.cwd = str(self.confinement.cwd)
        try:
            self._inner = await asyncio.wait_for(self._first_process(), START)
        except BaseException as err:  # cancelled too: no process may be left
            await self.kill()
            await self.wait()
            if isinstance(err, asyncio.TimeoutError):
                msg = f"bubblewrap did not start the kernel within {START:g} s"
                raise NotConfined(msg) from err
            raise
        return self.connection_info

    async def send_signal(self, signum: int) -> None:
        """Send a signal to the kernel and its children; what ends it ends all in its sandbox."""
        if self.confinement is None or self._inner is None:
            await super().send_signal(signum)
            return
        if await self.poll() is not None:
            return
        with contextlib.suppress(OSError):
            if signum in (signal.SIGTERM, signal.SIGKILL):
                # With it all others in its PID namespace end; bubblewrap reaps it and ends too.
                os.kill(self._inner, signal.SIGKILL)
            else:
                os.killpg(os.getpgid(self._kernel_process()), signum)

    async def wait(self) -> int | None:
        """Wait for the process, and let go of what it had."""
        code = await super().wait()
        self._close_status()
        self._inner = None
        return code

    async def cleanup(self, restart: bool = False) -> None:
        """Remove the directory of its sockets once it is not started again."""
        await super().cleanup(restart=restart)
        if not restart:
            self._close_status()
            if self._sockets is not None:
                await asyncio.to_thread(directories.remove, self._sockets)
                self._sockets = None

    def _arguments(self, status_fd: int, files: Sequence[int]) -> list[str]:
        """The arguments of bubblewrap; ``files`` are the filter and the files of accounts."""
        kernel: Any = self.parent
        assert self.confinement is not None  # noqa: S101
        assert self._sockets is not None  # noqa: S101
        sockets, connection_file = str(self._sockets), kernel.connection_file
        return bubblewrap.arguments(
            self.confinement,
            filter_fd=files[0],
            accounts_fds=(files[1], files[2]),
            more=(
                *("--json-status-fd", str(status_fd)),
                *("--ro-bind", connection_file, connection_file, "--bind", sockets, sockets),
            ),
        )

    def _kernel_process(self) -> int:
        """The kernel, which the first process in the sandbox has started."""
        assert self._inner is not None  # noqa: S101
        children = Path(f"/proc/{self._inner}/task/{self._inner}/children").read_text().split()
        return int(children[0]) if children else self._inner

    async def _first_process(self) -> int:
        """The first process in the sandbox, as bubblewrap reports it. Raises NotConfined."""
        said = b""
        while (report := _report(said)) is None:
            # It writes the report in pieces; a pipe that is closed before would end it.
            piece = await _piece(self._status)
            said += piece
            if not piece or len(said) > MAX_STATUS:
                msg = "bubblewrap could not make the kernel's sandbox"
                raise NotConfined(msg)
        return report

    def _close_status(self) -> None:
        if self._status >= 0:
            os.close(self._status)
            self._status = -1


def _report(said: bytes) -> int | None:
    """The process in a complete report of bubblewrap's, as ``--json-status-fd`` has it."""
    first, end, _ = said.partition(b"}")
    if not end:
        return None
    try:
        return int(json.loads(first + end)["child-pid"])
    except (ValueError, KeyError, TypeError) as err:
        msg = "bubblewrap did not say which process is the kernel's"
        raise NotConfined(msg) from err


async def _piece(fd: int) -> bytes:
    """What can be read next; empty at the end."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_reader(fd, _ready, ready)
    try:
        await ready
    finally:
        loop.remove_reader(fd)
    return os.read(fd, MAX_STATUS)


def _ready(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
