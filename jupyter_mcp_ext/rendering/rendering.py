"""Builds results, and renders what they need in another process.

Building is pure and asks for what is rendered as it goes. What is there already is given to it;
what is not is noted, rendered, kept, and then it is built again.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from logging import Logger
from typing import Any, TypeVar

from jupyter_mcp_ext.outputs.rendering import Lacking, NotRendered, Render, operation

from .process import RenderingProcess
from .turns import FairTurns
from .wire import Outcome, Task

LIMIT = 2.0
"""Seconds of rendering for one result, at most."""

IDLE = 300.0
"""Seconds without a task after which the process is ended."""

MAX_SOURCE = 32_000_000
"""Characters or bytes of the largest source that is rendered."""

MAX_AT_ONCE = 100_000
"""Characters of HTML that one result may parse in the server itself: 50 ms at most."""

MAX_KEPT = 16_000_000
"""Bytes of the cache of rendered things."""

FORGIVEN = 300.0
"""Seconds before a failed rendering is tried again."""

BUILDERS = 2
"""Threads that build at once: more of them would keep the event loop waiting for the GIL."""

ROUNDS = 5
"""How often a result is built, at most."""

_LONG = 500_000
"""Above so many characters a task is encoded in a thread."""

T = TypeVar("T")


class Rendering:
    """Renders for a server."""

    def __init__(self, log: Logger, *, idle: float = IDLE) -> None:
        self._process = RenderingProcess(log, idle)
        self._turns = FairTurns(1)
        self._builders = FairTurns(BUILDERS)
        self._kept = _Kept()

    async def shown(self, build: Callable[[Render], T], *, of: str, aside: bool = True) -> T:
        """Build something; ``aside`` does so in a thread.

        ``build`` is called several times, and never waits for rendering. ``of`` names what it
        belongs to, such as a session: what takes long first delays others of the same.
        """
        had: dict[bytes, Outcome] = {}
        spent = 0.0
        for number in range(ROUNDS):
            stock = _Stock(self._kept, had, is_last=spent >= LIMIT or number == ROUNDS - 1)
            built = await self._aside(build, stock, of) if aside else build(stock)
            if not stock.lacking:
                break
            for task in sorted(stock.lacking.values(), key=_cheap_first):
                if spent < LIMIT:
                    had[task.key], took = await self._render(task, LIMIT - spent, of)
                    spent += took
        return built

    async def close(self) -> None:
        """End the process."""
        async with self._turns.turn(""):
            await self._process.close()

    async def _aside(self, build: Callable[[Render], T], stock: Render, of: str) -> T:
        async with self._builders.turn(of):
            return await asyncio.to_thread(build, stock)

    async def _render(self, task: Task, within: float, of: str) -> tuple[Outcome, float]:
        async with self._turns.turn(of):
            if (outcome := self._kept.get(task.key)) is not None:
                return outcome, 0.0
            is_long = len(task.source) > _LONG
            encoded = await asyncio.to_thread(task.encoded) if is_long else task.encoded()
            outcome, took = await self._process.do(encoded, within)
            if took and (outcome.size or within > LIMIT / 2):
                self._kept.put(task.key, outcome)
            return outcome, took


class _Stock:
    """The `Render` of one build: it returns what is rendered, and notes what is not."""

    def __init__(self, kept: _Kept, had: Mapping[bytes, Outcome], *, is_last: bool) -> None:
        self._kept = kept
        self._had = had
        self._is_last = is_last
        self._at_once = MAX_AT_ONCE
        self.lacking: dict[bytes, Task] = {}

    def __call__(self, name: str, source: str | bytes, *options: int) -> Any:
        if len(source) > MAX_SOURCE:
            msg = "is too large to be rendered"
            raise NotRendered(msg)
        if name == "read" and len(source) <= self._at_once:
            # Its time grows with its length only, and most of it is a table of a few lines.
            self._at_once -= len(source)
            return operation(name)(source, *options)
        task = Task(name=name, source=source, options=options)
        outcome = self._had.get(task.key) or self._kept.get(task.key)
        if outcome is not None:
            return outcome.get()
        if not self._is_last:
            self.lacking[task.key] = task
            raise Lacking
        msg = f"was not rendered: what was before it took {LIMIT:g} s"
        raise NotRendered(msg)


class _Kept:
    """A thread-safe cache of what was rendered, within `MAX_KEPT`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._outcomes: OrderedDict[bytes, tuple[float, Outcome]] = OrderedDict()
        self._size = 0

    def get(self, key: bytes) -> Outcome | None:
        """The outcome of a task; None if it has to be done."""
        with self._lock:
            found = self._outcomes.get(key)
            if found is None or (found[1].failure and time.monotonic() > found[0] + FORGIVEN):
                return None
            self._outcomes.move_to_end(key)
            return found[1]

    def put(self, key: bytes, outcome: Outcome) -> None:
        """Keep the outcome of a task, and drop the oldest."""
        with self._lock:
            if before := self._outcomes.pop(key, None):
                self._size -= _size(before[1])
            self._outcomes[key] = (time.monotonic(), outcome)
            self._size += _size(outcome)
            while self._size > MAX_KEPT:
                _, (_, gone) = self._outcomes.popitem(last=False)
                self._size -= _size(gone)


def _size(outcome: Outcome) -> int:
    return outcome.size + 500


def _cheap_first(task: Task) -> tuple[bool, int]:
    """Drawings come last: a small one can take all the time."""
    return task.name == "rasterise", len(task.source)
