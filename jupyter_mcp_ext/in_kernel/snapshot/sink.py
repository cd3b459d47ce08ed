"""The file of a save, as a Pickler writes to it."""

from __future__ import annotations

import hashlib
import os
import pickle
import time
from collections.abc import Callable
from typing import Any

from .clock import Clock
from .words import OutOfTime

AHEAD = 8_000_000
"""Bytes after which what is written is synchronized with the disk.

If all of a large save were synchronized at once, other programs that synchronize would wait for all
of it, such as IPython, which does so with the history of each cell.
"""

SYNCHRONIZE: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)

LOOKED = 0.5
"""Seconds between a save's checks, within the kernel, that its file is still wanted."""


class Unwanted(BaseException):
    """The server has removed the file: it has given up the save."""


class Sink:
    """Has limits of bytes and time, and can be cut back.

    While it waits for the disk, the clock stands still; without its patience nothing is
    synchronized.
    """

    def __init__(
        self,
        file: Any,
        max_bytes: int,
        deadline: float,
        clock: Clock,
        synchronize: Callable[[int], None] = SYNCHRONIZE,
    ) -> None:
        self.position = 0
        self.why = ""
        """Why the last write was refused."""
        self.broken: OSError | None = None
        self.is_timeless = False
        """While it is true, there is no time limit."""
        self._file = file
        self._max_bytes = max_bytes
        self._deadline = deadline
        self._clock = clock
        self._synchronize = synchronize
        self._synchronized = 0
        """The position up to which that was done."""
        self._digest = hashlib.sha256()
        self._look = time.monotonic() + LOOKED

    @property
    def left(self) -> float:
        """The seconds that are left."""
        return self._deadline - self._clock.now()

    @property
    def is_late(self) -> bool:
        """Whether there is no time left."""
        now = time.monotonic()
        if now > self._look:
            self._look = now + LOOKED
            if not os.fstat(self._file.fileno()).st_nlink:
                raise Unwanted
        return self._clock.now() > self._deadline and not self.is_timeless

    def write(self, data: Any) -> int:
        """Add to the file."""
        view = data.raw() if isinstance(data, pickle.PickleBuffer) else memoryview(data)
        size = view.nbytes
        if self.position + size > self._max_bytes:
            self.why = f"it is larger than what the limit of {self._max_bytes} bytes leaves"
            raise ValueError(self.why)
        if self.is_late:
            late = OutOfTime()
            self.why = str(late)
            raise late
        flat = view.cast("B") if size else view
        for start in range(0, size, AHEAD):
            self._add(flat[start : start + AHEAD])
        return size

    def _add(self, data: Any) -> None:
        try:
            self._file.write(data)
            self._digest.update(data)
            self.position += data.nbytes
            if self.position - self._synchronized >= AHEAD and self._clock.is_patient:
                self._file.flush()
                with self._clock.standing():
                    self._synchronize(self._file.fileno())
                self._synchronized = self.position
        except OSError as err:
            self.broken = err
            raise

    def mark(self) -> tuple[int, Any]:
        """A position to which the file can be cut back."""
        self.why = ""
        return self.position, self._digest.copy()

    def cut(self, mark: tuple[int, Any]) -> None:
        """Remove everything written after a position."""
        self.position, self._digest = mark
        self._synchronized = min(self._synchronized, self.position)
        self._file.seek(self.position)
        self._file.truncate()

    def begin(self) -> None:
        """Begin a new digest."""
        self._digest = hashlib.sha256()

    def digest(self) -> str:
        """The digest of everything written since it began."""
        return str(self._digest.hexdigest())
