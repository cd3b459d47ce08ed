"""Whose turn it is on a kernel: one user of it at a time, first come, first served."""

from __future__ import annotations

import asyncio
from typing import TypeVar

T = TypeVar("T")


class Turn:
    """A queue of whatever runs code in one kernel; the first has the turn."""

    def __init__(self) -> None:
        self._queue: dict[object, asyncio.Future[None]] = {}

    def join(self, user: object) -> asyncio.Future[None]:
        """Join the queue; the returned future is done when the turn has come."""
        turn = self._queue[user] = asyncio.get_running_loop().create_future()
        self._call_first()
        return turn

    def leave(self, user: object) -> None:
        """Give the turn to the next, or leave the queue before the turn has come."""
        del self._queue[user]
        self._call_first()

    def queue(self, kind: type[T]) -> tuple[T, ...]:
        """Those of a class in the queue, in its order."""
        return tuple(user for user in self._queue if isinstance(user, kind))

    def _call_first(self) -> None:
        turn = next(iter(self._queue.values()), None)
        if turn is not None and not turn.done():
            turn.set_result(None)
