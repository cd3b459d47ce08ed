"""Keeps a kernel's messages in order while a large one is read in a thread."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from logging import Logger
from typing import Any, TypeAlias

from .excerpts import CHEAP, Excerpt
from .exchange import Content
from .incoming import Incoming

MAX_WAITING = 64_000_000
"""Bytes of messages that wait while a large one is read; beyond that, large ones are dropped."""

MAX_MESSAGES = 2_000
"""Waiting messages after which no more are read from the kernel, which then drops its output."""

MAX_LOGGED = 5
"""Unreadable messages that are logged, of any number."""

SLICE = 0.002
"""Seconds of a loop iteration for passing on messages that have waited."""

Use: TypeAlias = Callable[[Content | None, int], object]
"""Called with the part of a message's content that was read, and the number of unread bytes."""


class InOrder:
    """Passes on messages; those after a large message wait until that has been read.

    ``handle`` gets a channel and the frames of a message; ``drop`` gets frames that are too large
    to wait; ``hold`` is called when so many messages wait that only those on control may follow,
    and when all may again. What ``handle`` and ``drop`` raise is logged.
    """

    def __init__(
        self,
        handle: Callable[[str, list[Any]], None],
        drop: Callable[[list[Any]], None],
        hold: Callable[[bool], object],
        log: Logger,
    ) -> None:
        self._handle = handle
        self._drop = drop
        self._hold = hold
        self._log = log
        self._reading = 0
        """Large messages that are being read; only control is read beside them."""
        self._waiting: deque[tuple[str, list[Any], int]] = deque()
        """Channels, frames and sizes."""
        self._bytes = 0
        self._is_full = False
        self._is_due = False
        self._failures = 0

    def put(self, channel: str, frames: list[Any]) -> None:
        """A message has come."""
        if (self._reading or self._waiting) and channel != "control":
            self._wait(channel, frames)
        else:
            self._try(self._handle, channel, frames)

    def take(self, message: Incoming, use: Use) -> None:
        """Pass a message's content to ``use``, now or when it has been read."""
        content = message.content()
        if content is not None:
            use(content, 0)
            return
        self._reading += 1
        reading = asyncio.get_running_loop().run_in_executor(None, message.read)
        reading.add_done_callback(partial(self._take_read, use))

    def _wait(self, channel: str, frames: list[Any]) -> None:
        size = sum(map(len, frames))
        if channel == "iopub" and size > CHEAP and self._bytes + size > MAX_WAITING:
            self._try(self._drop, frames)
            return
        self._bytes += size
        self._waiting.append((channel, frames, size))
        if len(self._waiting) == MAX_MESSAGES:
            self._is_full = True
            self._hold(True)

    def _take_read(self, use: Use, reading: asyncio.Future[Excerpt]) -> None:
        self._try(self._use, use, reading)
        self._reading -= 1
        self._go_on()

    @staticmethod
    def _use(use: Use, reading: asyncio.Future[Excerpt]) -> None:
        found = reading.result()
        use(found.content, found.unread)

    def _go_on(self) -> None:
        """Pass on messages that have waited, within a slice of time."""
        until = time.monotonic() + SLICE
        while self._waiting and not self._reading:
            channel, frames, size = self._waiting.popleft()
            self._bytes -= size
            self._try(self._handle, channel, frames)
            if time.monotonic() > until:
                self._go_on_soon()
                break
        if self._is_full and not self._waiting:
            self._is_full = False
            self._hold(False)

    def _go_on_soon(self) -> None:
        if not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self._go_on_now)

    def _go_on_now(self) -> None:
        self._is_due = False
        self._go_on()

    def _try(self, work: Callable[..., object], *args: Any) -> None:
        try:
            work(*args)
        except Exception:  # noqa: BLE001  # the next message has to be read in any case
            self._failures += 1
            if self._failures <= MAX_LOGGED:
                self._log.exception("A message of a kernel could not be read")
            elif self._failures == MAX_LOGGED + 1:
                self._log.error("Another one could not be read; further ones are not logged")
