"""The process of the proxy, as the server has it: started when a kernel needs it, and kept."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from logging import Logger
from pathlib import Path
from socket import socket
from typing import Any

from jupyter_mcp_ext.sandbox.memory import memory_files

from . import control, trial
from .entrance import Counts
from .namespace import namespace
from .patterns import Pattern

SECONDS = 15.0
"""For the proxy to listen in a sandbox."""

GRACE = 2.0
"""Seconds for the process to report the last, and to end."""

STEADY = 10.0
"""Seconds after which a process that ends is started again at once, and not a little later."""

SHORTEST_PAUSE, LONGEST_PAUSE = 0.1, 60.0

ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "RES_OPTIONS")
"""What finds libraries, and configures the resolver."""

NO_SEARCH = {"LOCALDOMAIN": "."}
"""Has the resolver try names as they are, and not below the machine's search domains too."""

_CODE = """
import sys
sys.path[:] = {path!r}
from jupyter_mcp_ext.sandbox.proxy.program import main
main()
"""


@dataclass(frozen=True, kw_only=True)
class Connections:
    """What became of connections of one kernel. No field has text of the kernel's."""

    kernel_id: str
    host: str | None
    """As it is listed; None if the host is not listed, or none was named."""
    outcome: str
    """``allowed``, or why they were not: ``not listed``, ``not public``, and so on."""
    count: int

    def __str__(self) -> str:
        host = self.host or "other hosts"
        return f"Connections of kernel {self.kernel_id} to {host}: {self.count} {self.outcome}"


class NoWayOut(OSError):
    """The proxy cannot listen in a sandbox."""


@dataclass(kw_only=True, eq=False)
class Way:
    """The proxy's place in one sandbox."""

    number: int
    kernel_id: str
    network: int
    """The sandbox's network namespace, which a new process of the proxy is given."""
    entered: asyncio.Future[None]

    @property
    def is_open(self) -> bool:
        """Whether the kernel still runs."""
        return self.network >= 0

    def close(self) -> None:
        """Let go of the namespace."""
        os.close(self.network)
        self.network = -1


class Proxy:
    """Lets kernels in sandboxes reach the hosts that are listed."""

    def __init__(
        self, listed: Sequence[Pattern], log: Logger, told: Callable[[Connections], object]
    ) -> None:
        self._listed = listed
        self._log = log
        self._told = told
        self._numbers = count(1)
        self._ways: dict[int, Way] = {}
        self._line: control.Line | None = None
        self._running: asyncio.Task[None] | None = None
        self._is_closed = False
        self._left = asyncio.Event()
        """Set when a sandbox is no longer served."""

    @property
    def listed(self) -> int:
        """How many hosts, or domains, are listed."""
        return len(self._listed)

    def failure(self, bwrap: str | None) -> str:
        """Why no sandbox of this program can be entered; empty if they can. Blocks."""
        why = "there is no bubblewrap" if bwrap is None else trial.failure(bwrap)
        return _cannot(OSError(why)) if why else ""

    async def enter(self, kernel_id: str, pid: int) -> Way:
        """Have the proxy listen in the sandbox of a process. Raises NoWayOut."""
        if self._is_closed:
            msg = "the server is stopping"
            raise NoWayOut(msg)
        try:
            network = namespace(pid)
        except OSError as err:
            raise NoWayOut(_cannot(err)) from err
        entered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        way = Way(number=next(self._numbers), kernel_id=kernel_id, network=network, entered=entered)
        self._ways[way.number] = way
        if self._running is None:
            self._running = asyncio.create_task(self._run(), name="mcp-sandbox-proxy")
        else:
            self._send(way)
        try:
            await asyncio.wait_for(asyncio.shield(entered), SECONDS)
        except BaseException as err:
            self.leave(way)
            if isinstance(err, (OSError, asyncio.TimeoutError)):
                raise NoWayOut(_cannot(err)) from err
            raise
        return way

    def leave(self, way: Way) -> None:
        """Close the connections of a sandbox."""
        if not way.is_open:
            return
        way.close()
        if self._line is None:
            self._ways.pop(way.number, None)
            return
        with suppress(OSError):  # the process has ended, and with it the connections
            self._line.send(control.LEAVE, way.number)

    async def close(self) -> None:
        """End the process, for good, when it has reported all."""
        self._is_closed = True
        for way in tuple(self._ways.values()):
            self.leave(way)
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._all_left(), GRACE)
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
            self._running = None

    async def _all_left(self) -> None:
        while self._ways:
            self._left.clear()
            await self._left.wait()

    async def _run(self) -> None:
        """Have a process as long as the server runs."""
        now, pause = asyncio.get_running_loop().time, 0.0
        while True:
            begun = now()
            try:
                ended = await self._serve()
            except Exception as err:  # noqa: BLE001  # kernels are to have their way out again
                ended = str(err)
            is_steady = now() - begun > STEADY
            pause = 0.0 if is_steady else min(max(SHORTEST_PAUSE, 2 * pause), LONGEST_PAUSE)
            self._log.warning("The proxy of sandboxes ended (%s). It is started again.", ended)
            self._ways = {number: way for number, way in self._ways.items() if way.is_open}
            self._left.set()
            await asyncio.sleep(pause)

    async def _serve(self) -> str:
        """Start a process and listen to it until it ends: how it did."""
        ours, theirs = control.pair()
        with ours:
            with theirs:
                process = await self._started(theirs)
            self._line = line = control.Line(ours)
            try:
                for way in self._ways.values():
                    self._send(way)
                while data := await asyncio.get_running_loop().sock_recv(ours, control.MAX):
                    self._hear(*json.loads(data))
            finally:
                self._line = None
                line.close()
                await _end(process)
        return f"exit code {process.returncode}"

    async def _started(self, theirs: socket) -> asyncio.subprocess.Process:
        package = str(Path(__file__).parent.parent.parent.parent)
        path = [package, *(place for place in sys.path if place)]
        listed = json.dumps([str(each) for each in self._listed]).encode()
        with memory_files(listed) as (given,):
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", "-W", "ignore", "-c", _CODE.format(path=path)),
                str(theirs.fileno()),
                env={**{n: os.environ[n] for n in ENVIRONMENT if n in os.environ}, **NO_SEARCH},
                cwd="/",
                stdin=given,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C in the terminal is for the server
            )

    def _send(self, way: Way) -> None:
        if self._line is None or not way.is_open:
            return
        try:
            self._line.send(control.ENTER, way.number, None, way.network)
        except ConnectionError:
            return  # the process has just ended; the next one is told
        except OSError as err:
            self._cannot_enter(way, str(err))

    def _cannot_enter(self, way: Way, why: str) -> None:
        if way.entered.done():
            self._log.warning("Kernel %s cannot reach listed hosts: %s", way.kernel_id, why)
        else:
            way.entered.set_exception(OSError(why))

    def _hear(self, kind: str, number: int, value: Any) -> None:
        """Take a message of the process."""
        way = self._ways.get(number)
        if way is None:
            return
        if kind == control.COUNTS:
            self._tell(way.kernel_id, value)
        elif kind == control.LEFT:
            del self._ways[number]
            self._left.set()
        elif kind == control.FAILED:
            self._cannot_enter(way, str(value))
        elif not way.entered.done():
            way.entered.set_result(None)
        else:
            self._log.info("Kernel %s can reach listed hosts again.", way.kernel_id)

    def _tell(self, kernel_id: str, counts: Counts) -> None:
        for host, what, often in counts:
            connections = Connections(
                kernel_id=kernel_id, host=str(host) or None, outcome=str(what), count=int(often)
            )
            self._log.info("%s", connections)
            try:
                self._told(connections)
            except Exception:  # noqa: BLE001  # no fault of the proxy's, which goes on
                self._log.exception("A report on connections failed.")


async def _end(process: asyncio.subprocess.Process) -> None:
    """Wait for the end of the process, which ends when its socket is closed."""
    try:
        await asyncio.wait_for(process.wait(), GRACE)
    except asyncio.TimeoutError:
        pass
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _cannot(err: BaseException) -> str:
    """Why the proxy cannot listen, and what to do."""
    why = str(err) or "the proxy did not answer"
    what = "Allow the system call setns" if "setns" in why else "Have a person mend that"
    return (
        f"the sandbox's network cannot be entered ({why}). {what}, or take back "
        "McpSandbox.allow_hosts"
    )
