"""Fair turns at a resource that few can use at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

FORGOTTEN = 0.1
"""Seconds of an owner's past use that are forgotten each second."""


class FairTurns:
    """Gives ``places`` turns at once; the owner with the least recent use is next.

    So an owner whose turns are long waits for the others, and they for one turn of it at most.
    """

    def __init__(self, places: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._free = places
        self._clock = clock
        self._waiting: list[tuple[str, asyncio.Future[None]]] = []
        self._had: dict[str, tuple[float, float]] = {}
        """Recent use of each owner in seconds, and when it was computed."""

    @asynccontextmanager
    async def turn(self, owner: str) -> AsyncIterator[None]:
        """Have a turn for as long as the block lasts."""
        await self._begin(owner)
        begun = self._clock()
        try:
            yield
        finally:
            now = self._clock()
            self._had[owner] = (self._lately(owner) + now - begun, now)
            self._end()

    async def _begin(self, owner: str) -> None:
        if self._free:
            self._free -= 1
            return
        given = asyncio.get_running_loop().create_future()
        waiting = (owner, given)
        self._waiting.append(waiting)
        try:
            await given
        except asyncio.CancelledError:
            if not given.cancelled():  # its turn had been given to it already
                self._end()
            elif waiting in self._waiting:
                self._waiting.remove(waiting)
            raise

    def _end(self) -> None:
        self._had = {owner: had for owner, had in self._had.items() if self._lately(owner)}
        if not self._waiting:
            self._free += 1
            return
        following = min(self._waiting, key=lambda waiting: self._lately(waiting[0]))
        self._waiting.remove(following)
        _, given = following
        if given.cancelled():
            self._end()
        else:
            given.set_result(None)

    def _lately(self, owner: str) -> float:
        had, at = self._had.get(owner, (0.0, 0.0))
        return max(0.0, had - (self._clock() - at) * FORGOTTEN)
