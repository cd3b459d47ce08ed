"""The stop of an execution before its code has ended: requested, carried out, ignored."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

Why = Literal["timeout", "interrupted"]


class Stop:
    """Whether and why an execution should stop, and whether its code does."""

    interrupted: float | None = None
    """When the code was first interrupted, by any client, as far as that is known."""

    words = ""
    """Words for why it was requested; may be empty."""

    _ignored: asyncio.Future[None] | None = None
    """Of code that ignored the interrupt and goes on: done when that code has ended."""

    def __init__(self) -> None:
        self.requested: asyncio.Future[Why] = asyncio.get_running_loop().create_future()

    @property
    def is_requested(self) -> bool:
        """Whether it was requested."""
        return self.requested.done()

    @property
    def why(self) -> Why:
        """Why it was requested, as a status."""
        return self.requested.result()

    @property
    def is_ignored(self) -> bool:
        """Whether the code runs on although the execution has ended."""
        return self._ignored is not None and not self._ignored.done()

    async def before(self, awaited: asyncio.Future[Any]) -> bool:
        """Wait until something is done or the stop is requested; whether it is done."""
        if awaited.done():
            return True  # `asyncio.wait` takes two iterations of the loop to say so
        await asyncio.wait({awaited, self.requested}, return_when=asyncio.FIRST_COMPLETED)
        return awaited.done()

    def request(self, why: Why, words: str) -> None:
        """Request it; the first request counts."""
        self.words = words
        self.requested.set_result(why)

    def interrupt(self, at: float) -> None:
        """The code was interrupted, in seconds since the epoch; the first time counts."""
        self.interrupted = self.interrupted or at

    def ignore(self) -> None:
        """The code ignores the interrupt and goes on."""
        self._ignored = asyncio.get_running_loop().create_future()

    def end(self) -> None:
        """The code that went on has ended."""
        if self._ignored is not None:
            self._ignored.set_result(None)

    async def heeded(self, timeout: float) -> None:
        """Return when code that goes on has ended, ``timeout`` seconds later at most."""
        if self._ignored is not None:
            await asyncio.wait({self._ignored}, timeout=timeout)
