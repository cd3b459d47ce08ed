"""The connection to the server, made again where it failed."""

from __future__ import annotations

import asyncio
import os
import select
from contextlib import suppress

from .connection import Connection
from .finding import Finder

PAUSES = (0.5, 1, 2, 4, 8, 15, 30)
"""Seconds between attempts to hear from a server again; the last is repeated."""

_STDERR = 2
_LINE = 4_000
"""Bytes that a pipe takes at once if it takes any."""


class Reach:
    """Holds the connection to the server that is found."""

    def __init__(self, finder: Finder) -> None:
        self._finder = finder
        self._current: Connection | None = None
        self._former: list[Connection] = []
        """What may still be in use by requests that began earlier."""
        self._lock = asyncio.Lock()
        self._answered = asyncio.Event()
        self._is_down = False
        self.has_answered = False
        """Whether a server has answered since the bridge began."""
        self.was_missed = False
        """Whether the client was given empty lists, and has not heard yet that there are others."""

    async def connection(
        self, *, instead_of: Connection | None = None, may_start: bool = True
    ) -> Connection:
        """The connection; where ``instead_of`` has failed, the server is found again.

        That one is given back if the server is still said to be there, with the same token.
        Raises NoServer, and OSError for a file of certificates that cannot be used.
        """
        async with self._lock:
            current = self._current
            if current is not None and current is not instead_of:
                return current
            server = await asyncio.to_thread(self._finder.find, may_start=may_start)
            if current is not None:
                if current.server == server:
                    return current
                self._former.append(current)
            choice = self._finder.choice
            self._current = Connection(
                server,
                path=choice.path,
                cafile=choice.cafile,
                scope=choice.scope,
                within=choice.within,
            )
            log(f"connected to {server.words}")
            return self._current

    async def is_running(self) -> bool | None:
        """Whether the server still runs; None if that is not known."""
        if self._current is None:
            return None
        has_ended = await asyncio.to_thread(self._finder.has_ended, self._current.server)
        return False if has_ended else await self._current.listens()

    def failed(self) -> None:
        """A request found no server."""
        self._is_down = True

    def answered(self) -> None:
        """The server has answered: who waits for that need not wait longer."""
        self.has_answered = True
        if self._is_down:
            self._is_down = False
            self._answered.set()
            self._answered.clear()

    async def pause(self, attempt: int) -> None:
        """Wait before another attempt to listen, unless the server answers before."""
        seconds = PAUSES[min(attempt, len(PAUSES) - 1)]
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._answered.wait(), seconds)

    async def close(self) -> None:
        """Close all connections."""
        current = [] if self._current is None else [self._current]
        for connection in (*self._former, *current):
            await connection.close()


def log(sentence: str) -> None:
    """Say something to the person, in the log that clients keep of stderr.

    A client that does not read it, or has closed it, does not hear it.
    """
    line = f"jupyter mcp bridge: {sentence}".encode(errors="replace")[:_LINE] + b"\n"
    with suppress(OSError):
        # To write to a pipe that is full would stop the bridge. Windows cannot tell that.
        if os.name == "nt" or select.select((), (_STDERR,), (), 0)[1]:
            os.write(_STDERR, line)
