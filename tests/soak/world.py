"""The server of a soak, which is killed and started again, and what it holds of the machine."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.benchmarks import meter
from tests.servers import JupyterServer, running_server
from tests.soak import clock
from tests.users import OPTION

OPTIONS = (*meter.LOADED, f"--ServerApp.jpserver_extensions={clock.__name__}=True", OPTION)
KEPT = 200
"""Executions that the server keeps for each user."""


@dataclass(frozen=True, kw_only=True)
class Held:
    """What a server holds."""

    megabytes: float
    descriptors: int
    threads: int
    children: int


class World:
    """The server as its clients know it: it may be away for a moment, and has a new port then."""

    def __init__(self, folder: Path, *, users: int) -> None:
        self.lives = 0
        """How often a server was started."""
        self.killed = 0.0
        """When one was killed last, on the monotonic clock."""
        self._folder = folder
        self._options = (*OPTIONS, f"--McpExecutions.max_kept={users * KEPT}")
        self._server: JupyterServer | None = None
        self._running = ExitStack()
        self._changed = threading.Condition()
        self._acts = 0
        self._at_work = 0

    @property
    def server(self) -> JupyterServer:
        """The server that runs; waits for one that is being started."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._server is not None, 120)
            assert self._server is not None
            return self._server

    def is_current(self, server: JupyterServer) -> bool:
        """Whether a server has not been killed."""
        return server is self._server

    def start(self) -> JupyterServer:
        """Start a server."""
        server = self._running.enter_context(running_server(self._folder, *self._options))
        server.token = "operator"  # who is no user of the soak
        with self._changed:
            self._server = server
            self.lives += 1
            self._changed.notify_all()
        return server

    def kill(self) -> None:
        """Kill the server."""
        server = self.server
        with self._changed:
            self._server = None
        self.killed = time.monotonic()
        server.process.kill()
        server.process.wait()
        self._running.close()

    def close(self) -> None:
        """End the server."""
        self._running.close()

    def held(self) -> Held:
        """What the server holds while nothing is asked of it."""
        process = psutil.Process(self.server.process.pid)
        return Held(
            megabytes=process.memory_info().rss / 1e6,
            descriptors=process.num_fds(),
            threads=process.num_threads(),
            children=len(process.children(recursive=True)),
        )

    def begin(self, agents: int) -> None:
        """So many agents begin to act."""
        with self._changed:
            self._acts, self._at_work = 0, agents

    def acted(self) -> None:
        """An agent has made a call or several."""
        with self._changed:
            self._acts += 1
            self._changed.notify_all()

    def rested(self) -> None:
        """An agent acts no more."""
        with self._changed:
            self._at_work -= 1
            self._changed.notify_all()

    def until_acted(self, acts: int) -> None:
        """Return when so much was done by all agents, or no agent acts any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._acts >= acts or not self._at_work)
