"""Background tasks, timers, listeners, locks by key, and threads that are waited for."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Generic, TypeVar
from weakref import WeakValueDictionary

import anyio
import anyio.lowlevel

T = TypeVar("T")
K = TypeVar("K")


class Tasks:
    """Tasks that run in the background.

    They are kept here until they end: the event loop has only weak references to its tasks.
    """

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, T], *, name: str) -> asyncio.Task[T]:
        """Run a coroutine, which need not be awaited."""
        task = asyncio.create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    def cancel(self) -> None:
        """Cancel all of them, without waiting for their end."""
        for task in tuple(self._running):
            task.cancel()

    async def ended(self) -> None:
        """Return when those that run now have ended."""
        if self._running:
            await asyncio.wait(tuple(self._running))

    async def close(self) -> None:
        """Cancel all of them and wait for their end."""
        self.cancel()
        await self.ended()


class Timer:
    """Calls a function once, later. Setting it again or stopping it prevents a call that is due."""

    __slots__ = ("_handle",)

    def __init__(self) -> None:
        self._handle: asyncio.TimerHandle | None = None

    @property
    def is_set(self) -> bool:
        """Whether a call is still to come."""
        return self._handle is not None

    @property
    def left(self) -> float:
        """Seconds until the call."""
        when = self._handle.when() if self._handle is not None else 0.0
        return max(0.0, when - asyncio.get_running_loop().time())

    def set(self, seconds: float, call: Callable[..., object], *arguments: object) -> None:
        """Call a function with these arguments after some seconds."""
        self.stop()
        loop = asyncio.get_running_loop()
        self._handle = loop.call_later(seconds, self._call, call, *arguments)

    def stop(self) -> None:
        """Call nothing."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _call(self, call: Callable[..., object], *arguments: object) -> None:
        self._handle = None  # before the call, which may set the timer again
        call(*arguments)


class Timers(Generic[K]):
    """A timer for each key."""

    def __init__(self) -> None:
        self._timers: dict[K, Timer] = {}

    def __contains__(self, key: K) -> bool:
        return key in self._timers

    def set(self, key: K, seconds: float, call: Callable[[K], object]) -> None:
        """Call a function with the key after some seconds; a call that is due is put off."""
        self._timers.setdefault(key, Timer()).set(seconds, self._call, key, call)

    def stop(self, key: K) -> None:
        """Call nothing for a key."""
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.stop()

    def close(self) -> None:
        """Call nothing for any key."""
        for key in tuple(self._timers):
            self.stop(key)

    def _call(self, key: K, call: Callable[[K], object]) -> None:
        del self._timers[key]
        call(key)


class Listeners(Generic[T]):
    """Functions that are called with each new thing of one kind."""

    def __init__(self) -> None:
        self._calls: list[Callable[[T], object]] = []

    def add(self, call: Callable[[T], object]) -> None:
        """Call a function with all that is new from now on; once, also if it is added again."""
        if call not in self._calls:
            self._calls.append(call)

    def tell(self, new: T) -> None:
        """Call all of them."""
        for call in tuple(self._calls):
            call(new)


class Locks(Generic[K]):
    """A lock for each key, which exists as long as it is held or waited for."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[K, asyncio.Lock] = WeakValueDictionary()

    def of(self, key: K) -> asyncio.Lock:
        """The lock of a key."""
        return self._locks.setdefault(key, asyncio.Lock())


class InTurn:
    """Calls blocking functions in threads, one after the other, in the order of the requests."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Callable[[], Callable[[], Any]], asyncio.Future[Any]]] = deque()
        self._is_busy = False

    def run(self, begin: Callable[[], Callable[[], T]]) -> asyncio.Future[T]:
        """Call what ``begin`` gives, in a thread; ``begin`` is called when its turn comes.

        Nobody needs to await what is returned. If it is cancelled, the call is made all the same.
        """
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((begin, done))
        self._go_on()
        return done

    def _go_on(self) -> None:
        while self._waiting and not self._is_busy:
            begin, done = self._waiting.popleft()
            try:
                thread = asyncio.get_running_loop().run_in_executor(None, begin())
            except Exception as err:  # noqa: BLE001  # who asked for it gets it
                if not done.done():
                    done.set_exception(err)
            else:
                self._is_busy = True
                thread.add_done_callback(partial(self._ended, done))

    def _ended(self, done: asyncio.Future[Any], thread: asyncio.Future[Any]) -> None:
        self._is_busy = False
        error = thread.exception()
        if done.done():  # it was cancelled
            pass
        elif error is not None:
            done.set_exception(error)
        else:
            done.set_result(thread.result())
        self._go_on()


async def to_its_end(work: Callable[[], T]) -> T:
    """Call ``work`` in a thread. A cancellation takes effect only when it has returned.

    What follows can rely on its end.
    """
    return await undisturbed(asyncio.to_thread(work))


async def undisturbed(work: Coroutine[Any, Any, T]) -> T:
    """Await work. A cancellation takes effect only when it has ended."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    try:
        # A scope of anyio that is cancelled would cancel in each iteration of the loop.
        with anyio.CancelScope(shield=True):
            while not task.done():
                try:
                    await asyncio.wait({task})
                except asyncio.CancelledError as err:  # noqa: PERF203  # there may be several
                    cancelled = cancelled or err
        if cancelled is not None:
            raise cancelled
        await anyio.lowlevel.checkpoint_if_cancelled()
    except asyncio.CancelledError:
        if not task.cancelled():
            task.exception()  # else asyncio would log that it was never retrieved
        raise
    return task.result()
