"""Notices a server that answers nothing any more, while requests to it are open and silent.

A process that is stopped keeps its connections, and so does one whose event loop is blocked. Only
another request tells it from one whose code merely runs for long.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from jupyter_mcp_ext.concurrency import Tasks, Timer

WITHIN = 40.0
"""Seconds in which a server answers a small request, unless the command line says another."""

QUIET = 0.1
"""Part of these seconds for which an open request is silent before the server is asked."""

Asks: TypeAlias = Callable[[float], Awaitable[bool]]
"""Asks the server for something small: whether it answers within some seconds."""


class Watch:
    """Watches over the requests that are open at one server."""

    def __init__(self, asks: Asks, within: float = WITHIN) -> None:
        self._asks = asks
        self.within = within
        self.is_silent = False
        """Whether the server has not answered when it was last asked."""
        self._open: dict[object, Callable[[], None]] = {}
        self._heard = 0.0
        self._timer = Timer()
        self._tasks = Tasks()

    def heard(self) -> None:
        """The server has said something."""
        self.is_silent = False
        self._heard = asyncio.get_running_loop().time()

    @contextmanager
    def over(self, give_up: Callable[[], None]) -> Iterator[None]:
        """Watch over a request until the block is left.

        ``give_up`` is called once if the server answers nothing; the request stays open.
        """
        if not self._open:
            self._heard = asyncio.get_running_loop().time()
            self._timer.set(self._quiet, self._due)
        key = object()
        self._open[key] = give_up
        try:
            yield
        finally:
            self._open.pop(key, None)
            if not self._open:
                self._timer.stop()

    async def answers(self) -> bool:
        """Whether a server that was silent answers again; True for others."""
        if self.is_silent and await self._asks(self.within):
            self.heard()
        return not self.is_silent

    async def close(self) -> None:
        """Watch over nothing."""
        self._timer.stop()
        await self._tasks.close()

    @property
    def _quiet(self) -> float:
        return self.within * QUIET

    def _due(self) -> None:
        rest = self._heard + self._quiet - asyncio.get_running_loop().time()
        if rest > 0:
            self._timer.set(rest, self._due)
        else:
            self._tasks.start(self._look(), name="mcp-bridge-watch")

    async def _look(self) -> None:
        before, heard = list(self._open), self._heard
        if await self._asks(self.within):
            self.heard()
        elif self._heard == heard:
            self.is_silent = True
            for key in before:
                if give_up := self._open.pop(key, None):
                    give_up()
        if self._open:
            self._timer.set(self._quiet, self._due)
