"""The file with a session's journal: read as a stream, appended to, and shortened.

Everything here blocks: call it in a thread. Failures are OSError.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from jupyter_mcp_ext.sessions.disk.folder import JOURNAL, SessionFolder
from jupyter_mcp_ext.sessions.disk.room import STORY

from . import journal
from .journal import Journal

MAX_JOURNAL = 300_000_000
MAX_LINES = 150_000
MAX_LINE = 32_000_000
"""Bytes of the longest line that is read; this server writes no longer ones."""

MAX_PENDING = 50_000_000
"""Bytes that are kept in memory while they cannot be written."""

SHORT = 8_000_000
"""Bytes by which a journal grows before it is shortened again."""

Content = Callable[[], Mapping[str, Any]]
"""Makes what a line says, in the thread that writes."""


class JournalFile:
    """The journal in a session's folder; ``key`` gives the key that signs its lines."""

    def __init__(self, folder: SessionFolder, key: Callable[[], bytes]) -> None:
        self._folder = folder
        self._key = key
        self._lines: list[bytes] = []
        self._size = 0
        self._short = 0
        """Its bytes when it was last shortened."""

    @property
    def has_lines(self) -> bool:
        """Whether there are lines that are not written yet."""
        return bool(self._lines)

    @property
    def is_long(self) -> bool:
        """Whether it should be shortened."""
        return self._size > 2 * self._short + SHORT

    def read(self, *, outputs_after: int | None = None) -> Journal:
        """Its content; for ``outputs_after`` see `journal.read`. Raises LaterJournal."""
        status = self._folder.status(JOURNAL)
        self._size = 0 if status is None else status.st_size
        return journal.read(self._all_lines(), self._key(), outputs_after=outputs_after)

    def _all_lines(self) -> Iterator[bytes]:
        lines = self._folder.lines(JOURNAL, longest=MAX_LINE, limit=MAX_JOURNAL)
        for number, line in enumerate(lines):
            if number == MAX_LINES:
                raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
            yield line

    def append(self, contents: Sequence[Content]) -> None:
        """Add lines. Those that cannot be written now are written with the next ones."""
        key = self._key()
        self._lines += [journal.signed(content(), key) for content in contents]
        data = b"".join(self._lines)
        if not data:
            return
        if len(data) > MAX_PENDING:  # the latest are dropped: the earlier lines begin the story
            while sum(map(len, self._lines)) > MAX_PENDING:
                self._lines.pop()
        STORY.check(self._folder.path)
        self._folder.append(JOURNAL, data)
        self._size += len(data)
        self._lines = []

    def abandon(self) -> None:
        """Write nothing more."""
        self._lines = []

    def shorten(self, kept: Journal) -> None:
        """Replace it by what must stay of it, without the outputs.

        Those are in the notebook.
        """
        key = self._key()
        lines = [journal.signed(content, key) for content in _contents(kept)]
        self._folder.write(JOURNAL, *lines)
        self._size = self._short = sum(map(len, lines))


def _contents(kept: Journal) -> Iterable[Mapping[str, Any]]:
    yield journal.reserved(kept.reserved)
    yield journal.forgotten(kept.forgotten_until)
    yield journal.part(kept.part, kept.after)
    for entry in kept.entries:
        yield entry.beginning
        if entry.has_ended:
            yield {**entry.end, "outputs": [journal.gone(entry)] if entry.is_shown else []}
