"""Spare sessions: kernels started before they are asked for, each in its final folder."""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from collections.abc import Callable
from logging import Logger
from typing import Protocol

from jupyter_mcp_ext.concurrency import Tasks, Timer
from jupyter_mcp_ext.errors import ToolError
from jupyter_mcp_ext.kernels.available import available

from .session import Session

IDLE = 600.0
"""Seconds without a request after which the spares end."""

ROW = 60.0
"""Seconds after a session was made for which one more spare is held ready."""

MOST = 3
"""The most spares in that case, where the operator did not ask for more."""

PATIENCE = 0.3
"""Seconds after a spare was taken until the next one starts: its taker needs the processor."""

LEAST_MEMORY = 1_000_000_000
"""Bytes of memory that must be available for a spare to be started or kept."""

LOOK = 10.0
"""Seconds between two checks of the memory while requests come."""


def has_memory() -> bool:
    """Whether there is enough memory for another kernel."""
    return available() > LEAST_MEMORY


def how_many(wanted: int | None) -> int:
    """The number of spares; without an operator's wish none under JupyterHub, else one."""
    if wanted is None:
        return 0 if "JUPYTERHUB_SERVICE_PREFIX" in os.environ else 1
    return wanted


class SpareMaker(Protocol):
    """Makes spares and ends them."""

    async def make_spare(self) -> Session:
        """A session whose kernel runs. Raises ToolError."""

    async def end_spare(self, session: Session) -> None:
        """End a spare's kernel and remove its folder. Raises ToolError."""

    async def is_sound(self, session: Session) -> bool:
        """Whether a spare's kernel can be used."""


class Spares:
    """Sessions with a running kernel that no caller has yet."""

    def __init__(
        self,
        count: int,
        maker: SpareMaker,
        log: Logger,
        *,
        idle: float = IDLE,
        patience: float = PATIENCE,
        has_memory: Callable[[], bool] = has_memory,
    ) -> None:
        self._count = count
        self._maker = maker
        self._log = log
        self._idle = idle
        self._patience = patience
        self._later = Timer()
        self._has_memory = has_memory
        self._ready: deque[Session] = deque()
        self._filling: asyncio.Task[None] | None = None
        self._ending = Tasks()
        self._timer = Timer()
        self._wanted = 0.0
        self._looked = 0.0
        self._taken: deque[float] = deque(maxlen=MOST)
        """When the latest sessions were made."""
        self._is_closed = False

    def __len__(self) -> int:
        return len(self._ready)

    @property
    def kernel_ids(self) -> frozenset[str]:
        """The ids of their kernels."""
        return frozenset(session.kernel_id for session in self._ready)

    def want(self) -> None:
        """Start spares; called on each request."""
        self._wanted = time.monotonic()
        if self._count and not self._is_closed:
            if self._wanted - self._looked > LOOK:
                self._looked = self._wanted
                if not self._has_memory():
                    self._empty()
                    return
            if not self._timer.is_set:
                self._timer.set(self._idle, self._look)
            self._fill()

    async def take(self) -> Session | None:
        """A spare, which belongs to the caller from now on; None when there is none."""
        self._taken.append(time.monotonic())
        self._fill()
        while self._ready:
            session = self._ready.popleft()
            self._fill()
            is_sound = False
            try:
                is_sound = await self._maker.is_sound(session)
            finally:
                if not is_sound:
                    self._drop(session)
            if is_sound:
                return session
        return None

    async def close(self) -> None:
        """End them all."""
        self._is_closed = True
        self._timer.stop()
        self._later.stop()
        if self._filling is not None:
            self._filling.cancel()
            await asyncio.wait({self._filling})
        self._empty()
        await self._ending.ended()

    @property
    def _goal(self) -> int:
        """How many should be ready: more while sessions are made in a row."""
        since = time.monotonic() - ROW
        more = self._count + sum(taken > since for taken in self._taken)
        return max(self._count, min(more, MOST)) if self._count else 0

    @property
    def is_filling(self) -> bool:
        """Whether a spare is being started, or is about to be."""
        return self._filling is not None or self._later.is_set

    def _fill(self) -> None:
        if self.is_filling or len(self._ready) >= self._goal or self._is_closed:
            return
        left = self._taken[-1] + self._patience - time.monotonic() if self._taken else 0.0
        if left > 0:
            self._later.set(left, self._fill_now)
        else:
            self._fill_now()

    def _fill_now(self) -> None:
        if self._filling is None and not self._is_closed:
            self._filling = asyncio.create_task(self._make_all(), name="mcp-spare")

    async def _make_all(self) -> None:
        try:
            while len(self._ready) < self._goal and self._has_memory():
                self._ready.append(await self._maker.make_spare())
        except ToolError as err:
            self._count = 0  # what kept one from starting would keep the next
            self._log.warning("No kernel can be kept ready: %s", err)
        finally:
            self._filling = None

    def _look(self) -> None:
        """End the spares of a server that gets no more requests."""
        left = self._wanted + self._idle - time.monotonic()
        if left > 0 and self._has_memory():
            self._timer.set(left, self._look)
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
                await self._maker.end_spare(session)
            except ToolError as err:
                self._log.warning("A kernel that was kept ready was not ended: %s", err)

        self._ending.start(end(), name="mcp-spare-end")
