"""Lines from the client and to it. Nothing but messages goes to stdout.

Threads read and write: a pipe that is shared with another process must not be made non-blocking.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from queue import SimpleQueue

MAX_LINE = 32 * 1024 * 1024
"""Bytes of a line; a server reads fewer."""

_PIECE = 65_536
_QUEUED = 100
"""Lines that are read ahead of the relay."""


class TooLong(Exception):
    """A line was longer than `MAX_LINE`; it was passed over."""


class Splitter:
    """Cuts what is read into lines of a bounded length. Pure."""

    def __init__(self, limit: int = MAX_LINE) -> None:
        self._limit = limit
        self._begun: list[bytes] = []
        self._size = 0

    def feed(self, piece: bytes) -> Iterator[bytes | TooLong]:
        """The lines that end in a piece, without those that are empty."""
        *ends, rest = piece.split(b"\n")
        for end in ends:
            self._add(end)
            is_long, line = self._size > self._limit, b"".join(self._begun).strip()
            self._begun, self._size = [], 0
            if is_long:
                yield TooLong()
            elif line:
                yield line
        self._add(rest)

    def _add(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > self._limit:
            self._begun.clear()
        elif piece:
            self._begun.append(piece)


class Reader:
    """The lines that the client writes, until it closes its end."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lines: asyncio.Queue[bytes | TooLong | None] = asyncio.Queue()
        self._room = threading.Semaphore(_QUEUED)

    def start(self) -> None:
        """Begin to read, in a thread that does not keep the process from ending."""
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._read, args=(loop,), daemon=True).start()

    async def lines(self) -> AsyncIterator[bytes | TooLong]:
        """Each line; a line that is too long is passed over."""
        while (line := await self._lines.get()) is not None:
            self._room.release()
            yield line

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        splitter = Splitter()
        try:
            while piece := os.read(self._descriptor, _PIECE):
                for line in splitter.feed(piece):
                    self._room.acquire()
                    loop.call_soon_threadsafe(self._lines.put_nowait, line)
        except OSError:
            pass  # the terminal is gone: the same as the end
        with suppress(RuntimeError):  # the loop has ended for another reason
            loop.call_soon_threadsafe(self._lines.put_nowait, None)


class Writer:
    """Writes lines to the client, one after the other."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._queue: SimpleQueue[tuple[bytes, asyncio.Future[None]]] = SimpleQueue()
        self.is_closed = asyncio.Event()
        """Set when the client does not read any more."""

    def start(self) -> None:
        """Begin to write, in a thread that does not keep the process from ending."""
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._write, args=(loop,), daemon=True).start()

    async def write(self, line: bytes) -> None:
        """Write a line; the caller waits for a client that is slow."""
        written = asyncio.get_running_loop().create_future()
        self._queue.put((line + b"\n", written))
        await written

    def _write(self, loop: asyncio.AbstractEventLoop) -> None:
        while True:
            line, written = self._queue.get()
            rest, is_open = memoryview(line), True
            try:
                while rest:
                    rest = rest[os.write(self._descriptor, rest) :]
            except OSError:
                is_open = False
            try:
                loop.call_soon_threadsafe(self._written, written, is_open)
            except RuntimeError:
                return  # the loop has ended

    def _written(self, written: asyncio.Future[None], is_open: bool) -> None:
        if not is_open:
            self.is_closed.set()
        if not written.done():
            written.set_result(None)


@contextmanager
def taken() -> Iterator[tuple[int, int]]:
    """Take stdin and stdout: what else is printed in this process goes to stderr.

    Nothing that it starts gets them either.
    """
    sys.stdout.flush()
    stdin, stdout = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    try:
        yield stdin, stdout
    finally:
        sys.stdout.flush()
        os.dup2(stdin, 0)
        os.dup2(stdout, 1)
