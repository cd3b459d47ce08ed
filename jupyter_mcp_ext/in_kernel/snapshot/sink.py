"""The file of a save, as a Pickler writes to it."""

from __future__ import annotations

import hashlib
import os
import pickle
import time
from typing import Any

from .words import OutOfTime

LOOKED = 0.5
"""Seconds between a save's checks, within the kernel, that its file is still wanted."""


class Unwanted(BaseException):
    """The server has removed the file: it has given up the save."""


class Sink:
    """Has limits of bytes and time, and can be cut back."""

    def __init__(self, file: Any, max_bytes: int, deadline: float) -> None:
        self.position = 0
        self.why = ""
        """Why the last write was refused."""
        self.broken: OSError | None = None
        self.is_timeless = False
        """While it is true, there is no time limit."""
        self._file = file
        self._max_bytes = max_bytes
        self._deadline = deadline
        self._digest = hashlib.sha256()
        self._look = time.monotonic() + LOOKED

    @property
    def is_late(self) -> bool:
        """Whether there is no time left."""
        now = time.monotonic()
        if now > self._look:
            self._look = now + LOOKED
            if not os.fstat(self._file.fileno()).st_nlink:
                raise Unwanted
        return now > self._deadline and not self.is_timeless

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
        try:
            self._file.write(view)
        except OSError as err:
            self.broken = err
            raise
        self._digest.update(view)
        self.position += size
        return size

    def mark(self) -> tuple[int, Any]:
        """A position to which the file can be cut back."""
        self.why = ""
        return self.position, self._digest.copy()

    def cut(self, mark: tuple[int, Any]) -> None:
        """Remove everything written after a position."""
        self.position, self._digest = mark
        self._file.seek(self.position)
        self._file.truncate()

    def begin(self) -> None:
        """Begin a new digest."""
        self._digest = hashlib.sha256()

    def digest(self) -> str:
        """The digest of everything written since it began."""
        return str(self._digest.hexdigest())
