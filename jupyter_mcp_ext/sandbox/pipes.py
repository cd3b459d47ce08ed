"""Reading what a process writes into a pipe."""

from __future__ import annotations

import asyncio
import os


async def piece(fd: int, size: int) -> bytes:
    """What can be read next, at most so many bytes; empty at the end."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_reader(fd, _ready, ready)
    try:
        await ready
    finally:
        loop.remove_reader(fd)
    return os.read(fd, size)


def _ready(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
