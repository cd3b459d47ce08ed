"""A kernel's messages in their order, also while a large one is read in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from logging import Logger
from typing import Any, TypeAlias

from .excerpts import CHEAP, Excerpt
from .incoming import Incoming
from .link import Content

MAX_WAITING = 64_000_000
"""Bytes of messages that wait while a large one is read; beyond, other large ones are dropped."""

Use: TypeAlias = Callable[[Content | None, int], object]
"""Takes a message's content, as far as it was read, and how many bytes of it were not."""


class InOrder:
    """Hands on what comes; what comes after a large message waits until that has been read.

    ``handle`` gets a channel and the frames of a message; ``drop`` gets frames that are too large
    to wait. What either raises is logged: an exception that leaves an ``on_recv`` callback wedges
    its stream for good.
    """

    def __init__(
        self,
        handle: Callable[[str, list[Any]], None],
        drop: Callable[[list[Any]], None],
        log: Logger,
    ) -> None:
        self._handle = handle
        self._drop = drop
        self._log = log
        self._reading = 0
        """Large messages that are being read; beside one, only control is listened to."""
        self._waiting: list[tuple[str, list[Any]]] = []
        self._bytes = 0

    def put(self, channel: str, frames: list[Any]) -> None:
        """A message has come."""
        try:
            if self._reading and channel != "control":
                self._wait(channel, frames)
            else:
                self._handle(channel, frames)
        except Exception:  # noqa: BLE001  # whatever it is, the next message is to be read
            self._log.exception("A message of a kernel could not be read")

    def take(self, message: Incoming, use: Use) -> None:
        """Give a message's content to ``use``, now or when it has been read."""
        content = message.content()
        if content is not None:
            use(content, 0)
            return
        self._reading += 1
        reading = asyncio.get_running_loop().run_in_executor(None, message.read)
        reading.add_done_callback(partial(self._take_read, use))

    def _wait(self, channel: str, frames: list[Any]) -> None:
        size = sum(map(len, frames))
        self._bytes += size
        if channel == "iopub" and size > CHEAP and self._bytes > MAX_WAITING:
            self._drop(frames)
        else:
            self._waiting.append((channel, frames))

    def _take_read(self, use: Use, reading: asyncio.Future[Excerpt]) -> None:
        try:
            found = reading.result()
            use(found.content, found.unread)
        except Exception:  # noqa: BLE001  # whatever it is, the next message is to be read
            self._log.exception("A message of a kernel could not be read")
        self._reading -= 1
        if not self._reading:
            waiting, self._waiting, self._bytes = self._waiting, [], 0
            for channel, frames in waiting:
                self.put(channel, frames)
