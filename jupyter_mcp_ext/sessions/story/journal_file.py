"""The file with a session's journal: read as a stream, appended to, and shortened.

Everything here blocks: call it in a thread. Failures are OSError.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from jupyter_mcp_ext.sessions.disk.appended import AppendedFile
from jupyter_mcp_ext.sessions.disk.folder import JOURNAL, SessionFolder
from jupyter_mcp_ext.sessions.disk.room import STORY

from . import journal
from .journal import Entry, Journal

MAX_JOURNAL = 300_000_000
MAX_LINES = 150_000
MAX_LINE = 32_000_000
"""Bytes of the longest line that is read; this server writes no longer ones."""

MAX_PENDING = 50_000_000
"""Bytes that are kept in memory while they cannot be written."""

TOO_LONG = 250_000_000
"""Bytes from which on it is shortened although its outputs may be nowhere else."""

MANY_LINES = 100_000
"""Lines from which on it is shortened: one with more than `MAX_LINES` is not read again."""

MAX_KEPT = 100_000_000
"""Bytes that a journal has once it is shortened; the latest executions stay."""

SHORT = 8_000_000
"""Bytes by which a journal grows before it is shortened again."""

Content = Callable[[], Mapping[str, Any]]
"""Makes what a line says, in the thread that writes."""


class JournalFile:
    """The journal in a session's folder; ``key`` gives the key that signs its lines."""

    def __init__(self, folder: SessionFolder, key: Callable[[], bytes]) -> None:
        self._folder = folder
        self._file = AppendedFile(folder, JOURNAL)
        self._key = key
        self._lines: list[bytes] = []
        self._size = 0
        self._short = 0
        """Its bytes when it was last shortened."""
        self._count = 0
        """Its lines."""
        self._is_abandoned = False

    @property
    def has_lines(self) -> bool:
        """Whether there are lines that are not written yet."""
        return bool(self._lines)

    @property
    def is_long(self) -> bool:
        """Whether it should be shortened."""
        return self._size > 2 * self._short + SHORT or self._count > MANY_LINES

    @property
    def is_too_long(self) -> bool:
        """Whether it must be shortened, or else could not be read again."""
        return self._size > TOO_LONG or self._count > (MANY_LINES + MAX_LINES) // 2

    def read(self, *, outputs_after: int | None = None) -> Journal:
        """Its content; for ``outputs_after`` see `journal.read`. Raises LaterJournal."""
        status = self._folder.status(JOURNAL)
        self._count = 0
        self._size = 0 if status is None else status.st_size
        return journal.read(self._all_lines(), self._key(), outputs_after=outputs_after)

    def _all_lines(self) -> Iterator[bytes]:
        lines = self._folder.lines(JOURNAL, longest=MAX_LINE, limit=MAX_JOURNAL)
        for number, line in enumerate(lines):
            if number == MAX_LINES:
                raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
            self._count = number + 1
            yield line

    def append(self, contents: Sequence[Content]) -> None:
        """Add lines. Those that cannot be written now are written with the next ones."""
        if self._is_abandoned:
            return
        key = self._key()
        self._lines += [journal.signed(content(), key) for content in contents]
        data = b"".join(self._lines)
        if not data:
            return
        if len(data) > MAX_PENDING:  # the latest are dropped: the earlier lines begin the story
            while sum(map(len, self._lines)) > MAX_PENDING:
                self._lines.pop()
        STORY.check(self._folder.path)
        self._file.append(data)
        self._size += len(data)
        self._count += len(self._lines)
        self._lines = []

    def abandon(self) -> None:
        """Write nothing more."""
        self._lines, self._is_abandoned = [], True

    def close(self) -> None:
        """Let the file be moved or removed; it is opened again when lines are added."""
        self._file.close()

    def shorten(self, kept: Journal) -> None:
        """Replace it by what must stay of it, without the outputs.

        Those are in the notebook.
        """
        key = self._key()
        lines = [journal.signed(content, key) for content in _heads(kept)]
        entries: list[list[bytes]] = []
        self._short = sum(map(len, lines))
        for entry in reversed(kept.entries):
            both = [journal.signed(content, key) for content in _contents(entry)]
            size = sum(map(len, both))
            if self._short + size > MAX_KEPT:
                break
            entries.append(both)
            self._short += size
        lines += [line for both in reversed(entries) for line in both]
        self._file.close()
        self._folder.write(JOURNAL, *lines)
        self._size, self._count = self._short, len(lines)


def _heads(kept: Journal) -> Iterable[Mapping[str, Any]]:
    yield journal.reserved(kept.reserved)
    yield journal.forgotten(kept.forgotten_until)
    yield journal.part(kept.part, kept.after)


def _contents(entry: Entry) -> Iterable[Mapping[str, Any]]:
    yield entry.beginning
    if entry.has_ended:
        yield {**entry.end, "outputs": [journal.gone(entry)] if entry.is_shown else []}
