"""Looks at all limited kernels, in a thread of its own, and says what has to happen to them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Collection
from logging import Logger
from weakref import WeakSet

from .limited import Limited

SLOW = 0.5
"""Seconds between two looks at kernels that are far from their limits."""

FAST = 0.05
"""The same when a limit is near."""

PATIENCE = 5.0
"""Seconds for the thread to end."""

Report = Callable[[Collection[Limited]], None]


class Watchdog:
    """One timer for all kernels. ``report`` is called in the event loop after each look."""

    def __init__(self, report: Report, log: Logger) -> None:
        self._report = report
        self._log = log
        self._watched: set[Limited] = set()
        self._failed: WeakSet[Limited] = WeakSet()
        """Those of which it is logged that they cannot be measured."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._changed = threading.Condition()
        self._is_closed = False

    def add(self, limited: Limited) -> None:
        """Look at a kernel from now on; called in the event loop."""
        self._loop = asyncio.get_running_loop()
        with self._changed:
            self._watched.add(limited)
            self._changed.notify()
        if self._thread is None and not self._is_closed:
            self._thread = threading.Thread(target=self._run, name="mcp-limits", daemon=True)
            self._thread.start()

    def discard(self, limited: Limited) -> None:
        """Look no longer."""
        with self._changed:
            self._watched.discard(limited)

    def close(self) -> None:
        """End the thread. Blocks shortly."""
        with self._changed:
            self._is_closed = True
            self._watched.clear()
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(PATIENCE)  # a file system may hang

    def _run(self) -> None:
        wait = FAST
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._is_closed, wait)
                self._changed.wait_for(lambda: self._is_closed or self._watched)
                watched = list(self._watched)
            if self._is_closed:
                return
            wait = self._look(watched)
            self._tell(watched)

    def _look(self, watched: Collection[Limited]) -> float:
        """Measure, and say in how many seconds to look again."""
        soon = SLOW
        for limited in watched:
            soon = min(soon, self._look_at(limited) / 2)
        return max(FAST, soon)

    def _look_at(self, limited: Limited) -> float:
        try:
            found = limited.look()
        except (OSError, ValueError):  # the process ends right now
            return SLOW
        except Exception:  # noqa: BLE001  # without this thread no limit would hold
            if limited not in self._failed:
                self._log.exception("What a kernel uses could not be measured.")
            self._failed.add(limited)
            return SLOW
        self._failed.discard(limited)
        return found

    def _tell(self, watched: Collection[Limited]) -> None:
        assert self._loop is not None  # noqa: S101
        try:
            self._loop.call_soon_threadsafe(self._report, watched)
        except RuntimeError:  # the loop is closed: the server has stopped
            self._is_closed = True
