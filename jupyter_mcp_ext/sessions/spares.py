"""Spare sessions: kernels started before anybody asks, each in the folder that it will keep."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from logging import Logger

import psutil

from jupyter_mcp_ext.errors import ToolError

from .session import Session

IDLE = 600.0
"""Seconds without a request after which the spares end."""

LEAST_MEMORY = 1_000_000_000
"""Bytes of memory that must be available for a spare to be started or kept."""


class Spares:
    """Keeps some sessions ready that nobody has yet."""

    def __init__(
        self,
        count: int,
        *,
        make: Callable[[], Awaitable[Session]],
        end: Callable[[Session], Awaitable[None]],
        is_sound: Callable[[Session], Awaitable[bool]],
        log: Logger,
        idle: float = IDLE,
    ) -> None:
        """``make`` starts a session's kernel, ``end`` takes the session back."""
        self._count = count
        self._make = make
        self._end = end
        self._is_sound = is_sound
        self._log = log
        self._idle = idle
        self._ready: deque[Session] = deque()
        self._filling: asyncio.Task[None] | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._wanted = 0.0
        self._is_closed = False

    @property
    def ids(self) -> set[str]:
        """The ids of the spares."""
        return {session.id for session in self._ready}

    def want(self) -> None:
        """Somebody uses the server: have spares."""
        self._wanted = time.monotonic()
        if self._count and not self._is_closed:
            if self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(self._idle, self._look)
            self._fill()

    async def take(self) -> Session | None:
        """A spare, which is the caller's from now on; None when there is none."""
        while self._ready:
            session = self._ready.popleft()
            self._fill()
            is_sound = False
            try:
                is_sound = await self._is_sound(session)
            finally:
                if not is_sound:
                    self._drop(session)
            if is_sound:
                return session
        return None

    async def close(self) -> None:
        """End them all."""
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._filling is not None:
            self._filling.cancel()
            await asyncio.wait({self._filling})
        self._empty()
        if self._ending:
            await asyncio.wait(self._ending)

    def _fill(self) -> None:
        if self._filling is None and len(self._ready) < self._count and not self._is_closed:
            self._filling = asyncio.create_task(self._make_all(), name="mcp-spare")

    async def _make_all(self) -> None:
        try:
            while len(self._ready) < self._count and _has_memory():
                self._ready.append(await self._make())
        except ToolError as err:
            self._count = 0  # what kept one from starting would keep the next
            self._log.warning("No kernel can be kept ready: %s", err)
        finally:
            self._filling = None

    def _look(self) -> None:
        """End the spares of a server that nobody uses."""
        self._timer = None
        left = self._wanted + self._idle - time.monotonic()
        if left > 0 and _has_memory():
            self._timer = asyncio.get_running_loop().call_later(left, self._look)
            return
        self._empty()
        if self._filling is not None:
            self._filling.cancel()

    def _empty(self) -> None:
        while self._ready:
            self._drop(self._ready.pop())

    def _drop(self, session: Session) -> None:
        async def end() -> None:
            try:
                await self._end(session)
            except ToolError as err:
                self._log.warning("A kernel that was kept ready was not ended: %s", err)

        task = asyncio.create_task(end(), name="mcp-spare-end")
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


def _has_memory() -> bool:
    return psutil.virtual_memory().available > LEAST_MEMORY
