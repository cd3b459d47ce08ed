"""The pipe through which a save in a separate process answers.

It is a named pipe beside the data. It ends when all processes that write to it have ended, for
whatever reason, and they notice when this server has closed it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path
from typing import Any

from jupyter_mcp_ext.kernels.evaluation import NotEvaluated, value_of

MAX_REPLY = 32 * 1024 * 1024

PIECE = 1 << 16


class Reply:
    """An open pipe. `open` and `close` block."""

    def __init__(self, path: Path, fd: int) -> None:
        self.path = path
        self._fd = fd

    @classmethod
    def open(cls, folder: Path, name: str) -> Reply | None:
        """A pipe beside a file of that name; None if named pipes are not supported."""
        path = (folder / name).with_suffix(".reply")
        try:
            os.mkfifo(path, 0o600)
        except (AttributeError, OSError):  # Windows, or a network share without them
            return None
        try:
            return cls(path, os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW))
        except OSError:
            path.unlink(missing_ok=True)
            return None

    def close(self) -> None:
        """Close it: processes that still write to it end."""
        os.close(self._fd)
        with contextlib.suppress(OSError):
            self.path.unlink()

    async def read(self, *, timeout: float) -> Any:
        """The value that is written to it.

        Raises FunctionRaised, NotEvaluated, asyncio.TimeoutError.
        """
        data = await asyncio.wait_for(self._read(), timeout)
        if not data:
            msg = "what saves the variables has ended early"
            raise NotEvaluated(msg)
        return await asyncio.to_thread(_value, data)

    async def _read(self) -> bytearray:
        loop = asyncio.get_running_loop()
        data = bytearray()
        ended: asyncio.Future[None] = loop.create_future()

        def take() -> None:
            try:
                piece = os.read(self._fd, PIECE)
            except BlockingIOError:
                return
            data.extend(piece)
            if not piece or len(data) > MAX_REPLY:
                loop.remove_reader(self._fd)
                if not ended.done():
                    ended.set_result(None)

        loop.add_reader(self._fd, take)
        try:
            await ended
        finally:
            loop.remove_reader(self._fd)
        return data


def _value(data: bytearray) -> Any:
    if len(data) > MAX_REPLY:
        msg = f"the answer of a save has more than {MAX_REPLY:,} bytes"
        raise NotEvaluated(msg)
    return value_of(data.decode(errors="replace"))
