"""A kernel in a sandbox that bubblewrap makes of namespaces."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from subprocess import Popen
from typing import Any

from jupyter_client.launcher import launch_kernel

from . import bubblewrap, open_files, seccomp
from .confinement import Confinement
from .first_process import FirstProcess
from .guard import NotConfined
from .memory import memory_files
from .pipes import piece
from .proxy import namespace
from .proxy.process import NoWayOut, Way
from .sockets import KernelSockets

if sys.platform != "win32":
    import resource

MAX_STATUS = 65_536
"""Characters of what bubblewrap reports."""


class BubblewrapGuard:
    """Starts a kernel under bubblewrap, as `Guard` says."""

    def __init__(self, confinement: Confinement, directory: Path, connection_file: str) -> None:
        """The kernel's sockets are in ``directory``."""
        self._confinement = confinement
        self._directory = directory
        self._sockets = KernelSockets(directory)
        # Jupyter's command has it without links.
        self._connection_file = os.path.realpath(connection_file)
        self._status = -1
        self._way: Way | None = None
        self._first: FirstProcess | None = None
        """It has started the kernel."""

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables that say where things are in the sandbox."""
        has_proxy = self._confinement.proxy is not None
        return {**bubblewrap.ENVIRONMENT, **(namespace.ENVIRONMENT if has_proxy else {})}

    async def launch(
        self, command: Sequence[str], arguments: Mapping[str, Any], *, prefix: Sequence[str]
    ) -> Popen[bytes]:
        """Start bubblewrap with the command. Raises NotConfined."""
        program = await asyncio.to_thread(bubblewrap.program)
        if program is None:
            msg = "bubblewrap is no longer installed"
            raise NotConfined(msg)
        self._status, writing = os.pipe()
        try:
            with memory_files(seccomp.program(has_inet=True), *bubblewrap.made()) as files:
                given = self._arguments(writing, files)
                with memory_files(b"\0".join(map(os.fsencode, given))) as (options,):
                    # Arguments of a command can be read by others, a file in memory cannot.
                    before = [*prefix, *open_files.prefix()]
                    wrapped = [*before, program, "--args", str(options), "--", *command]
                    # Its parent is in another PID namespace, where it would look in vain.
                    return launch_kernel(
                        wrapped, **arguments, pass_fds=(writing, options, *files), independent=True
                    )
        finally:
            os.close(writing)

    async def started(self) -> None:
        """Wait until bubblewrap names the first process, and the proxy listens. Raises NotConfined.

        The kernel goes on with its start, which takes longer.
        """
        said = b""
        while (report := _report(said)) is None:
            # It writes the report in pieces; a pipe that is closed before would end it.
            more = await piece(self._status, MAX_STATUS)
            said += more
            if not more or len(said) > MAX_STATUS:
                msg = "bubblewrap could not make the kernel's sandbox"
                raise NotConfined(msg)
        try:
            self._first = FirstProcess(report)
            _dump_nothing(report)
            _dump_nothing(_child(report))  # which may have been there before
        except OSError as err:
            msg = "bubblewrap ended while it made the kernel's sandbox"
            raise NotConfined(msg) from err
        if (proxy := self._confinement.proxy) is not None:
            try:
                self._way = await proxy.enter(self._kernel_id, self._first.pid)
            except NoWayOut as err:
                raise NotConfined(str(err)) from err

    def signal(self, signum: int) -> None:
        """Send a signal to the kernel and its children; what ends it ends all in the sandbox."""
        assert self._first is not None  # noqa: S101
        if signum in (signal.SIGTERM, signal.SIGKILL):
            self._first.kill()  # then bubblewrap ends too
        else:
            group = os.getpgid(_child(self._first.pid))
            self._first.check()
            os.killpg(group, signum)

    def close(self) -> None:
        """Close what was open for the process, which has ended or will."""
        self._sockets.close()
        if self._first is not None:
            self._first.close()
            self._first = None
        if self._status >= 0:
            os.close(self._status)
            self._status = -1
        if self._confinement.proxy is not None and self._way is not None:
            self._confinement.proxy.leave(self._way)
            self._way = None

    @property
    def _kernel_id(self) -> str:
        return Path(self._connection_file).stem.removeprefix("kernel-")

    def _arguments(self, status_fd: int, files: Sequence[int]) -> list[str]:
        """The arguments of bubblewrap; ``files`` are the filter and what is made for it."""
        made = str(self._sockets.open())
        return bubblewrap.arguments(
            self._confinement,
            filter_fd=files[0],
            made_fds=files[1:],
            more=(
                *("--json-status-fd", str(status_fd)),
                *("--ro-bind", self._connection_file, self._connection_file),
                *("--bind", made, str(self._directory)),
            ),
        )


def _child(pid: int) -> int:
    """The first child of a process, or itself."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(children[0]) if children else pid


def _dump_nothing(pid: int) -> None:
    """Have Linux neither write the memory of a process that crashes, nor run what takes it.

    Its children inherit that. A limit of 0 is for files only (core(5)).
    """
    if resource.prlimit(pid, resource.RLIMIT_CORE)[1]:
        resource.prlimit(pid, resource.RLIMIT_CORE, (1, 1))


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
