"""The file that a save writes to, as a Pickler sees it."""

from __future__ import annotations

import hashlib
import os
import pickle
import time
from typing import Any

from .words import OutOfTime

LOOKED = 0.5
"""Seconds after which a save within the kernel looks again whether its file is still wanted."""


class Unwanted(BaseException):
    """The server has removed the file: it has given the save up."""


class Sink:
    """It has an end in bytes and in time, and can be cut back."""

    def __init__(self, file: Any, max_bytes: int, deadline: float) -> None:
        self.position = 0
        self.why = ""
        """Why the last write was refused."""
        self.broken: OSError | None = None
        self.is_timeless = False
        """While it is, there is no end in time."""
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
        """A place to cut back to."""
        self.why = ""
        return self.position, self._digest.copy()

    def cut(self, mark: tuple[int, Any]) -> None:
        """Remove what was written behind a place."""
        self.position, self._digest = mark
        self._file.seek(self.position)
        self._file.truncate()

    def begin(self) -> None:
        """What follows has a digest of its own."""
        self._digest = hashlib.sha256()

    def digest(self) -> str:
        """The digest of what was written since it began."""
        return str(self._digest.hexdigest())
