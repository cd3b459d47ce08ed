"""The proxy's side of one sandbox: accepts its connections, and counts what becomes of them."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

from .control import MAX_COUNTS
from .outside import Outside
from .patterns import Pattern
from .tunnel import Tunnel

CONNECTIONS = 64
"""Connections of one sandbox at a time. Others wait, in the sandbox's part of the Linux kernel."""

SHORTEST = 0.25
"""Seconds that a connection counts at least: a program that makes one after the other, for which
its kernel's limit of processor time does not hold here, gets 256 a second."""

REPORTS = 10.0
"""Seconds between reports of counts, at least."""

SHORT_OF_FDS = 1.0

Counts = list[tuple[str, str, int]]
"""Pattern or an empty text, outcome, and how often."""


class Entrance:
    """Serves one sandbox until it is closed.

    ``report`` says whether it has taken the counts; else they come with the next.
    """

    def __init__(
        self,
        listener: socket.socket,
        listed: Sequence[Pattern],
        outside: Outside,
        report: Callable[[Counts], bool],
    ) -> None:
        listener.setblocking(False)
        self._listener = listener
        self._tunnel = Tunnel(listed, outside, self._count)
        self._report = report
        self._counts: Counter[tuple[str, str]] = Counter()
        self._due: asyncio.TimerHandle | None = None
        self._free = asyncio.Semaphore(CONNECTIONS)
        self._served: set[asyncio.Task[None]] = set()
        self._accepting = asyncio.ensure_future(self._accept())

    @property
    def served(self) -> int:
        """Connections that are being served."""
        return len(self._served)

    async def close(self) -> Counts:
        """Close all connections: the counts that were not reported yet."""
        tasks = [self._accepting, *self._served]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._listener.close()
        if self._due is not None:
            self._due.cancel()
        return [(*key, count) for key, count in self._counts.items()]

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._free.acquire()
            try:
                client, _ = await loop.sock_accept(self._listener)
            except OSError:  # the process has no descriptor left, or the client is gone again
                self._free.release()
                await asyncio.sleep(SHORT_OF_FDS)
                continue
            task = asyncio.ensure_future(self._tunnel.serve(client))
            self._served.add(task)
            task.add_done_callback(partial(self._ended, loop.time() + SHORTEST))

    def _ended(self, free_at: float, task: asyncio.Task[None]) -> None:
        self._served.discard(task)
        asyncio.get_running_loop().call_at(free_at, self._free.release)
        if not task.cancelled():
            task.exception()

    def _count(self, pattern: Pattern | None, outcome: str) -> None:
        self._counts[str(pattern or ""), outcome] += 1
        if self._due is None:
            self._tell_later()

    def _tell_later(self) -> None:
        self._due = asyncio.get_running_loop().call_later(REPORTS, self._tell)

    def _tell(self) -> None:
        self._due = None
        told = list(self._counts.items())[:MAX_COUNTS]
        if self._report([(*key, count) for key, count in told]):
            for key, _ in told:
                del self._counts[key]
        if self._counts:
            self._tell_later()
