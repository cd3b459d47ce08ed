"""A session's folder: its notebook, and under ``.mcp`` what the session comes back from.

Everything here blocks: call it in a thread. Failures are OSError.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from jupyter_mcp_ext.files.beneath import Folder, opened
from jupyter_mcp_ext.system import lock

HIDDEN = ".mcp"
RECORD = "session.json"
JOURNAL = "journal.jsonl"
LOCK = "lock"
MAX_RECORD = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Holder:
    """The server that holds a folder."""

    pid: int
    host: str

    @property
    def words(self) -> str:
        """For people."""
        here = "this machine" if self.host == socket.gethostname() else self.host
        return f"process {self.pid} on {here}"


class HeldElsewhere(Exception):
    """Another server holds the folder, and only it may write there."""

    def __init__(self, holder: Holder | None) -> None:
        super().__init__(holder.words if holder else "another process")
        self.words = str(self)


class SessionFolder:
    """The folder of one session; ``path`` is relative to ``root``, which is Jupyter's."""

    def __init__(self, root: Path, path: str) -> None:
        self._root = root
        self.api_path = path
        self.path = root / path / HIDDEN
        self._lock: IO[str] | None = None

    @property
    def is_held(self) -> bool:
        """Whether this server may write here."""
        return self._lock is not None

    def make(self) -> None:
        """Make it, if it is not there."""
        with opened(self._root, f"{self.api_path}/{HIDDEN}", make=True):
            pass

    def discard(self) -> None:
        """Remove what was made for a session that came to nothing; others' files stay."""
        self.let_go()
        with suppress(OSError):
            for name in (RECORD, JOURNAL, LOCK):
                self.remove(name)
            with opened(self._root, self.api_path) as folder:
                folder.remove_folder(HIDDEN)
            parent, _, name = self.api_path.rpartition("/")
            with opened(self._root, parent) as folder:
                folder.remove_folder(name)

    def hold(self) -> None:
        """Be the one server that writes here, until `let_go`. Raises HeldElsewhere."""
        if self._lock is not None:
            return
        with self._hidden() as folder:
            file = os.fdopen(folder.open(LOCK, os.O_RDWR | os.O_CREAT), "r+")
        try:
            if not lock(file):
                raise HeldElsewhere(_holder(file.read(10_000)))
            file.seek(0)
            file.truncate()
            json.dump({"pid": os.getpid(), "host": socket.gethostname()}, file)
            file.flush()
        except BaseException:
            file.close()
            raise
        self._lock = file

    def let_go(self) -> None:
        """Let another server write here."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def holder(self) -> str:
        """Words for the server that holds it now, empty when none does."""
        if self._lock is not None:
            return ""
        try:
            self.hold()
        except HeldElsewhere as err:
            return err.words
        except OSError:
            return ""
        self.let_go()
        return ""

    def read(self, name: str, limit: int) -> bytes | None:
        """A file under ``.mcp``, None where there is none."""
        with self._hidden() as folder:
            return folder.read(name, limit)

    def write(self, name: str, data: bytes) -> None:
        """Put a file under ``.mcp``, whole or not at all, for this account only."""
        with self._hidden() as folder:
            folder.write(name, [data])

    def append(self, name: str, data: bytes) -> None:
        """Add to a file under ``.mcp``; it outlives this process, if not the machine."""
        with (
            self._hidden() as folder,
            os.fdopen(folder.open(name, os.O_RDWR | os.O_CREAT | os.O_APPEND), "r+b") as file,
        ):
            if file.seek(0, os.SEEK_END):
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":  # the last server was killed while it wrote
                    data = b"\n" + data
            file.write(data)

    def rename(self, old: str, new: str) -> None:
        """Give a file under ``.mcp`` another name."""
        with self._hidden() as folder:
            folder.rename(old, new)

    def remove(self, name: str) -> None:
        """Remove a file under ``.mcp``."""
        with self._hidden() as folder:
            folder.remove(name)

    def names(self) -> list[str]:
        """The names of the files under ``.mcp``."""
        with self._hidden() as folder:
            return folder.names()

    @contextmanager
    def visible(self) -> Iterator[Folder]:
        """The folder itself, where the notebook is."""
        with opened(self._root, self.api_path) as folder:
            yield folder

    @contextmanager
    def _hidden(self) -> Iterator[Folder]:
        with opened(self._root, f"{self.api_path}/{HIDDEN}") as folder:
            yield folder


def names_in(root: Path, path: str) -> list[str]:
    """The names in a folder; none where it cannot be read."""
    try:
        with opened(root, path) as folder:
            return folder.names()
    except OSError:
        return []


def _holder(text: str) -> Holder | None:
    try:
        known = json.loads(text)
        return Holder(pid=int(known["pid"]), host=str(known["host"])[:200])
    except (ValueError, TypeError, KeyError):
        return None
