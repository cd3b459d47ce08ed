"""A session's folder: its notebook, and under ``.mcp`` what the session comes back from.

Everything here blocks: call it in a thread. Failures are OSError.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import cached_property
from io import RawIOBase
from itertools import islice
from pathlib import Path

from jupyter_mcp_ext.files.beneath import Folder, opened
from jupyter_mcp_ext.sandbox.confinement import HANDED
from jupyter_mcp_ext.sandbox.overlay import PACKAGES, Overlay

from .lock import LOCK, FolderLock, look

HIDDEN = ".mcp"
RECORD = "session.json"
JOURNAL = "journal.jsonl"
ARCHIVED = frozenset({RECORD, JOURNAL, LOCK})
"""What stays under ``.mcp`` of a session that is archived."""
INDEXES = ("snapshot.json", "aside.json")
"""What names the data files of saved variables; the others are not loaded."""
MAX_RECORD = 1_000_000
CHUNK = 1_000_000
MAX_NAMES = 1_000


class SessionFolder:
    """The folder of one session; ``path`` is relative to ``root``, which is Jupyter's."""

    def __init__(self, root: Path, path: str) -> None:
        self._root = root
        self.api_path = path
        self._lock: FolderLock | None = None

    @cached_property
    def path(self) -> Path:
        """The folder ``.mcp``."""
        return self._root / self.api_path / HIDDEN

    @property
    def is_held(self) -> bool:
        """Whether this server may write here."""
        return self._lock is not None

    @property
    def handed(self) -> Path:
        """Where its kernel can write of what is under ``.mcp``: all, or a folder in a sandbox."""
        handed = self.path / HANDED
        return handed if handed.is_dir() and not handed.is_symlink() else self.path

    def take(self, name: str) -> None:
        """Move a file that the kernel has written to where the kernel cannot write."""
        if self.handed == self.path:
            return
        with self.hidden() as folder, closing(folder.inner(HANDED)) as handed:
            handed.move(name, folder)
            try:
                os.close(folder.open(name, os.O_RDONLY))
            except OSError:  # it is a link, a pipe or a folder
                folder.move(name, handed)
                raise

    def make(self) -> None:
        """Make it, if it is not there."""
        with opened(self._root, f"{self.api_path}/{HIDDEN}", make=True):
            pass

    def discard(self) -> None:
        """Remove what was made for a session that was not completed; other files stay."""
        self.let_go()
        with suppress(OSError):
            for name in (RECORD, JOURNAL, LOCK):
                self.remove(name)
            with suppress(OSError), self.hidden() as folder:
                folder.remove_folder(HANDED)
            Overlay(self.path / PACKAGES).remove()
            with opened(self._root, self.api_path) as folder:
                folder.remove_folder(HIDDEN)
            parent, _, name = self.api_path.rpartition("/")
            with opened(self._root, parent) as folder:
                folder.remove_folder(name)

    def hold(self, is_kernel: Callable[[int], bool] = lambda _: False) -> None:
        """Be the one server that writes here, until `let_go`. Raises HeldElsewhere.

        ``is_kernel`` tells whether a process is a kernel, which is no other server.
        """
        if self._lock is not None:
            return
        with self.hidden() as folder:
            self._lock = FolderLock.take(folder, is_kernel)

    def beat(self) -> bool:
        """Write a heartbeat; False when another server has taken the folder."""
        if self._lock is None or self._lock.beat():
            return True
        self.let_go()
        return False

    def let_go(self) -> None:
        """Let another server write here."""
        if self._lock is not None:
            with suppress(OSError):  # a full disk; the system's lock ends all the same
                self._lock.release()
            self._lock = None

    def holder(self) -> str:
        """Words for another server that holds it now, empty when none does."""
        if self._lock is not None:
            return ""
        try:
            with self.hidden() as folder:
                return look(folder)
        except OSError:
            return ""

    def read(self, name: str, limit: int) -> bytes | None:
        """A file under ``.mcp``, None where there is none."""
        with self.hidden() as folder:
            return folder.read(name, limit)

    def lines(self, name: str, *, longest: int, limit: int) -> Iterator[bytes]:
        """The lines of a file under ``.mcp``, but for those of more than ``longest`` bytes.

        EFBIG when it has more bytes than ``limit``.
        """
        try:
            with self.hidden() as folder:
                fd = folder.open(name, os.O_RDONLY)
        except FileNotFoundError:
            return
        with os.fdopen(fd, "rb", buffering=0) as file:
            if os.fstat(fd).st_size > limit:
                raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
            yield from _lines(file, longest)

    def write(self, name: str, *pieces: bytes) -> None:
        """Put a file under ``.mcp``, whole or not at all, for this account only."""
        with self.hidden() as folder:
            folder.write(name, pieces)

    def open_to_append(self, name: str) -> int:
        """Open a file under ``.mcp`` for appending, and for reading, and make it if need be."""
        with self.hidden() as folder:
            return folder.open(name, os.O_RDWR | os.O_CREAT | os.O_APPEND)

    def remove(self, name: str) -> None:
        """Remove a file under ``.mcp``, and one that the kernel hands over under that name."""
        with self.hidden() as folder:
            folder.remove(name)
            if self.handed != self.path:
                with closing(folder.inner(HANDED)) as handed:
                    handed.remove(name)

    def names(self) -> list[str]:
        """The names of files under ``.mcp`` and of those handed over, `MAX_NAMES` of each."""
        with self.hidden() as folder:
            found = _names(folder)
            if self.handed != self.path:
                with closing(folder.inner(HANDED)) as handed:
                    found += _names(handed)
        return found

    def status(self, name: str) -> os.stat_result | None:
        """The status of a file under ``.mcp``; None where there is none."""
        with self.hidden() as folder:
            return folder.stat(name)

    @contextmanager
    def visible(self) -> Iterator[Folder]:
        """The folder itself, where the notebook is."""
        with opened(self._root, self.api_path) as folder:
            yield folder

    @contextmanager
    def hidden(self) -> Iterator[Folder]:
        """The folder ``.mcp`` in it."""
        with opened(self._root, f"{self.api_path}/{HIDDEN}") as folder:
            yield folder


def holder_in(folder: Folder) -> str:
    """Words for a server that holds an open session folder now, empty when none does."""
    with suppress(OSError), closing(folder.inner(HIDDEN)) as hidden:
        return look(hidden)
    return ""


def size_of(folder: Folder, notebook: str) -> int:
    """Bytes of a notebook in an open session folder and of all under ``.mcp``.

    0 where it cannot be read.
    """
    total = 0
    with suppress(OSError):
        found = [folder.stat(notebook)]
        with closing(folder.inner(HIDDEN)) as hidden:
            entries = islice(hidden.entries(), MAX_NAMES)
            found += [entry.stat(follow_symlinks=False) for entry in entries]
        total = sum(status.st_size for status in found if status is not None)
    return total


def _names(folder: Folder) -> list[str]:
    return [entry.name for entry in islice(folder.entries(), MAX_NAMES)]


def _lines(file: RawIOBase, longest: int) -> Iterator[bytes]:
    pieces: list[bytes] = []
    size = 0
    while chunk := file.read(CHUNK):
        first, *more = chunk.split(b"\n")
        size += len(first)
        if size <= longest:
            pieces.append(first)
        else:
            pieces = []
        if not more:
            continue
        if size <= longest:
            yield b"".join(pieces)
        yield from more[:-1]
        pieces, size = [more[-1]], len(more[-1])
    if pieces and size <= longest:
        yield b"".join(pieces)


def names_in(root: Path, path: str, *, most: int) -> list[str]:
    """Up to ``most`` names in a folder; none where it cannot be read."""
    try:
        with opened(root, path) as folder:
            return folder.names()[:most]
    except OSError:
        return []
