"""Functions of other packages run in threads of their own: one that blocks, blocks no one else."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from jupyter_mcp_ext.errors import LimitReached, ToolError


class Ended(RuntimeError):
    """A function has tried to end the process, as with ``sys.exit()``."""


class Aside:
    """Runs functions, at most a number of them at a time, each for a limited time."""

    def __init__(self, *, most: int, within: float) -> None:
        """``within`` are the seconds for which a call waits for a function."""
        self._most = most
        self._within = within
        self._running = 0

    async def run(
        self, name: str, work: Callable[[], Any], *, paused: Callable[[], float] = lambda: 0.0
    ) -> Any:
        """What a function, or the coroutine that it gives, comes to.

        The seconds that ``paused`` gives do not count. Raises what the function raises,
        LimitReached, and ToolError when it takes too long: it is cancelled then, and where that
        has no effect its thread goes on.
        """
        if self._running >= self._most:
            msg = (
                f"{self._running} calls of tools of other packages have not ended yet, and there "
                "may be no more. Try again later."
            )
            raise LimitReached(msg)
        self._running += 1
        one = _Work(work, asyncio.get_running_loop(), self._freed)
        threading.Thread(target=one.run, name=f"mcp-tool-{name}", daemon=True).start()
        until = time.monotonic() + self._within
        try:
            while (left := until + paused() - time.monotonic()) > 0 and not one.outcome.done():
                await asyncio.wait({one.outcome}, timeout=left)
        except asyncio.CancelledError:
            one.cancel()
            raise
        if one.outcome.done():
            return one.outcome.result()
        one.cancel()
        msg = f"{name} was stopped, since it took over {self._within:g} s. Ask it for less."
        raise ToolError(msg)

    def _freed(self) -> None:
        self._running -= 1


class _Work:
    """One function in its thread, with an event loop of its own if it is a coroutine."""

    def __init__(
        self, work: Callable[[], Any], home: asyncio.AbstractEventLoop, freed: Callable[[], None]
    ) -> None:
        self._work = work
        self._home = home
        self._freed = freed
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None
        self._is_cancelled = False
        self.outcome: asyncio.Future[Any] = home.create_future()
        # Its end may come when no one waits for it any more.
        self.outcome.add_done_callback(lambda done: done.cancelled() or done.exception())

    def run(self) -> None:
        """Run it; to be called in the thread."""
        value, failure = None, None
        try:
            value = self._work()
            if inspect.isawaitable(value):
                value = asyncio.run(self._awaited(value))
        except Exception as err:  # noqa: BLE001  # all of it is raised again where it is awaited
            failure = err
        except BaseException as err:  # noqa: BLE001  # it may not end the server, nor cancel others
            failure = Ended(f"the tool raised {type(err).__name__}")
        with suppress(RuntimeError):  # the server has stopped
            self._home.call_soon_threadsafe(self._end, value, failure)

    def cancel(self) -> None:
        """Cancel it, if it is a coroutine."""
        with self._lock:
            self._is_cancelled = True  # for one whose thread has not begun
            if self._loop is not None and self._task is not None:
                self._loop.call_soon_threadsafe(self._task.cancel)

    async def _awaited(self, value: Any) -> Any:
        with self._lock:
            self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
            if self._is_cancelled and self._task is not None:
                self._task.cancel()
        try:
            return await value
        finally:
            with self._lock:
                self._loop = None

    def _end(self, value: object, failure: Exception | None) -> None:
        self._freed()
        if failure is None:
            self.outcome.set_result(value)
        elif isinstance(failure, StopIteration):  # which no future takes
            self.outcome.set_exception(RuntimeError("the tool raised StopIteration"))
        else:
            self.outcome.set_exception(failure)
