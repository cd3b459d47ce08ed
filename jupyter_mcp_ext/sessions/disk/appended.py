"""A file of a session that is appended to again and again, and stays open for it.

Everything here blocks: call it in a thread, one at a time. Failures are OSError.
"""

from __future__ import annotations

import os
from io import FileIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .folder import SessionFolder


class AppendedFile:
    """A file under ``.mcp``, opened when something is appended, and again when it was replaced."""

    # Each call of the system lets other threads go on, and has to wait for them: code that is
    # about to be sent waits for two of them here, and would for twenty if the file was opened.

    def __init__(self, folder: SessionFolder, name: str) -> None:
        self._folder = folder
        self._name = name
        self._path = os.fspath(folder.path / name)
        self._file: FileIO | None = None
        self._opened: os.stat_result | None = None

    def append(self, data: bytes) -> None:
        """Append whole lines. This outlives the process, not always the machine.

        Of lines that could not be written a part may be there.
        """
        if self._file is None or not self._is_there():
            self.close()
            self._file = FileIO(self._folder.open_to_append(self._name), "ab")
            self._opened = os.fstat(self._file.fileno())
            if self._is_cut_off():  # a server was killed, or the disk was full
                data = b"\n" + data
        left = memoryview(data)
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Open it anew when something is appended."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _is_there(self) -> bool:
        """Whether the open file is the one of its name."""
        try:
            status = os.lstat(self._path)
        except OSError:
            return False
        return self._opened is not None and os.path.samestat(status, self._opened)

    def _is_cut_off(self) -> bool:
        """Whether its last line has no end."""
        if self._file is None or not self._file.seek(0, os.SEEK_END):
            return False
        self._file.seek(-1, os.SEEK_END)
        return os.read(self._file.fileno(), 1) != b"\n"
