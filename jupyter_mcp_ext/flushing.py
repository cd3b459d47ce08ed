"""Writing in the background: shortly after something was noted, and one write at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from .concurrency import Timer


class Flusher:
    """Runs ``write`` in a task when asked to, never twice at a time.

    ``write`` writes everything that is noted, and gives the seconds after which it is run again,
    or None.
    """

    def __init__(self, write: Callable[[], Awaitable[float | None]], *, name: str) -> None:
        """``name`` is the task's."""
        self._write = write
        self._name = name
        self._timer = Timer()
        self._writing: asyncio.Task[None] | None = None

    @property
    def is_writing(self) -> bool:
        """Whether a write is going on."""
        return self._writing is not None

    def schedule(self, seconds: float) -> None:
        """Write within so many seconds, unless a write is going on."""
        # The scheduled write may be far off, and new things do not wait for it.
        is_sooner = not self._timer.is_set or seconds < self._timer.left
        if is_sooner and self._writing is None:
            self._timer.set(seconds, self.start)

    def start(self) -> None:
        """Write now, unless a write is going on."""
        self.cancel()
        if self._writing is None:
            self._writing = asyncio.create_task(self._run(), name=self._name)

    def cancel(self) -> None:
        """Forget the write that is scheduled."""
        self._timer.stop()

    async def written(self) -> None:
        """Return when the write that is going on has ended."""
        if self._writing is not None:
            await asyncio.wait({self._writing})

    async def _run(self) -> None:
        again: float | None = None
        try:
            again = await self._write()
        finally:
            self._writing = None
            if again is not None:
                self.schedule(again)
