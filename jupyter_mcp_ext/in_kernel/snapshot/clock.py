"""The time of a save, without what it spends waiting for the disk."""

from __future__ import annotations

import contextlib
import mmap
import struct
import time
from collections.abc import Callable
from typing import Any

STOPPED = struct.Struct("dd")
"""Seconds for which a clock has stood still, and since when it does; `GOING` if it goes."""

GOING = float("inf")


class Clock:
    """A monotonic clock that can stand still, also as seen by another process.

    It stands still for ``patience`` seconds in all.
    """

    def __init__(self, patience: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._patience = patience
        self._clock = clock
        self._shared = mmap.mmap(-1, STOPPED.size)
        self._say(0.0, GOING)

    def now(self) -> float:
        """The time."""
        return self._clock() - min(self._stopped(), self._patience)

    @property
    def is_patient(self) -> bool:
        """Whether it may stand still."""
        return self._stopped() < self._patience

    @contextlib.contextmanager
    def standing(self) -> Any:
        """Let it stand still."""
        self._say(self._stopped(), self._clock())
        try:
            yield
        finally:
            self.go()

    def go(self) -> None:
        """Let it go, also after a process that has ended while it stood still."""
        self._say(self._stopped(), GOING)

    def _stopped(self) -> float:
        stopped, since = STOPPED.unpack(self._shared[:])
        return float(stopped + max(0.0, self._clock() - since))

    def _say(self, stopped: float, since: float) -> None:
        self._shared[:] = STOPPED.pack(stopped, since)
