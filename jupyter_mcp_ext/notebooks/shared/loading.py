"""Documents of rooms that are loading, or that a room is changing at the moment."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from jupyter_mcp_ext.errors import ContentsError
from jupyter_mcp_ext.files.paths import quoted

from .cells import is_busy

LOADING = 10.0
"""Seconds for which a room is waited for that is loading its notebook."""

BUSY = 0.01
"""Seconds between two looks at a document that another task is changing."""


class RoomLoading(ContentsError):
    """A room has not loaded its notebook yet: an edit would be overwritten."""


def is_loading(path: str) -> RoomLoading:
    """The error for a notebook whose room cannot be used yet."""
    return RoomLoading(
        f"{quoted(path)} is open in a shared room that has not loaded it yet, so nothing "
        "was changed. Try again in some seconds."
    )


async def until_free(document: Any, path: str, wait: float = LOADING) -> None:
    """Return, with no await after it, once no other task changes a document. Raises RoomLoading.

    Another task does while the room is in the middle of reading its file again.
    """
    end = time.monotonic() + wait
    while is_busy(document):
        if time.monotonic() > end:
            raise is_loading(path)
        await asyncio.sleep(BUSY)


async def content(document: Any) -> None:
    """Return when a document has the content of its file: a room exists a moment before it."""
    meta = document.ydoc["meta"]
    while is_busy(document):  # noqa: ASYNC110  # it cannot be observed then
        await asyncio.sleep(BUSY)
    is_there = asyncio.Event()
    subscription = meta.observe(lambda _: is_there.set())
    try:
        while "nbformat" not in meta:
            is_there.clear()
            await is_there.wait()
    finally:
        meta.unobserve(subscription)
