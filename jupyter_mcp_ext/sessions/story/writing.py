"""Writes a session's story in the background: the journal soon, the notebook after it.

Only code waits for it, which is not sent before the journal says that it begins, and how all
before it has ended. What cannot be written now is tried again with the next execution; until then
`StoryWriter.fault` says why.
"""

from __future__ import annotations

import asyncio
import errno
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from logging import Logger
from typing import Any

from jupyter_mcp_ext.concurrency import InTurn
from jupyter_mcp_ext.files.beneath import Changed
from jupyter_mcp_ext.flushing import Flusher
from jupyter_mcp_ext.outputs.model import Output

from . import journal
from .composition import UnreadableNotebook, cut
from .history import History
from .journal import Entry
from .journal_file import Content, JournalFile
from .notebook import StoryNotebook
from .showing import Showing

FLUSH = 0.4
"""Seconds for which lines of the journal wait for others."""

SHARE = 20
"""Seconds for which a notebook is not written again, for each second that writing it took."""

RATE = 300_000
"""Bytes a second that writing a notebook again and again may come to."""

AGAIN = 1.0
"""Seconds until the next attempt when another program still changed the notebook, or a room reads
it."""

FLUSHES = 3
"""How often it is written when all of it is wanted, and more comes while it is written."""

FAULTS: Mapping[int | None, str] = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EACCES: "its folder cannot be written",
    errno.EPERM: "its folder cannot be written",
    errno.EROFS: "its folder cannot be written",
    errno.ENOENT: "its folder is gone",
    errno.ELOOP: "a symbolic link is in the place of its folder",
    errno.ENOTDIR: "something else is in the place of its folder",
    errno.EFBIG: "its notebook or journal has become too large",
}
"""Why a folder cannot be used, in words, by the system's number."""


class StoryWriter:
    """Writes the journal and the notebook of one story, one task at a time."""

    def __init__(
        self,
        journal_file: JournalFile,
        notebook: StoryNotebook,
        history: History,
        showing: Showing,
        log: Logger,
    ) -> None:
        self.fault = ""
        """Why the story is not being saved; empty while it is."""
        self._journal = journal_file
        self._notebook = notebook
        self._history = history
        self._showing = showing
        self._log = log
        self._todo: list[Content] = []
        """What makes the next lines, called in the thread that writes."""
        self._turns = InTurn()
        """Of the journal: one thread at a time writes it."""
        self._not_before = 0.0
        self._flusher = Flusher(self._write, name="mcp-session-story")

    def add(self, *contents: Content) -> None:
        """Write lines of the journal soon."""
        self._todo += contents
        self._flusher.schedule(FLUSH)

    def add_now(self, *contents: Content) -> asyncio.Future[None]:
        """Write lines of the journal at once, and those before; also while the notebook is written.

        What is returned is done when they are written, or could not be.
        """
        self._todo += contents
        return self._turns.run(lambda: partial(self._append_or_fail, self._take()))

    def add_end(self, entry: Entry, outputs: Sequence[Output]) -> None:
        """Write that an execution has ended, with these outputs, and show it in the notebook."""
        self.add(lambda: self._ended(entry, outputs))

    async def flush(self) -> None:
        """Write everything that was added, the notebook too, and return when it is done."""
        for _ in range(FLUSHES):
            self._not_before = 0.0
            await self._turns.run(lambda: _nothing)  # after what was added to be written at once
            if self._has_more and not self._flusher.is_writing:
                self._flusher.start()
            if not self._flusher.is_writing:
                return
            await self._flusher.written()

    async def close(self) -> None:
        """Write everything, and let the journal's file be moved."""
        await self.flush()
        self._flusher.cancel()
        await self._turns.run(lambda: self._journal.close)

    def abandon(self) -> None:
        """Write nothing more: another server has the folder."""
        self._todo = []
        self._showing.abandon()
        self._journal.abandon()
        self._flusher.cancel()
        self._turns.run(lambda: self._journal.close)

    @property
    def _has_more(self) -> bool:
        return bool(self._todo or self._journal.has_lines or self._showing.lacks)

    async def _write(self) -> float | None:
        try:
            await self._append()
            if self._journal.is_too_long:  # a notebook that cannot be written must not cost more
                await self._shorten_journal()
            if self._showing.lacks and time.monotonic() >= self._not_before:
                await self._write_notebook()
            self.fault = ""
        except Changed:  # a person saves it, which empties the file first
            self._not_before = time.monotonic() + AGAIN
        except (OSError, UnreadableNotebook) as err:
            self._fail(err)
        if not self._has_more:  # of many sessions, each would have a file open
            await self._turns.run(lambda: self._journal.close)
        if self._todo:
            return FLUSH
        if self._showing.lacks and not self.fault:
            return max(self._not_before - time.monotonic(), FLUSH)
        return None

    async def _write_notebook(self) -> None:
        began = time.monotonic()
        book = self._notebook
        if await self._showing.turn():
            part, after = book.part, book.after
            self._todo.append(lambda: journal.part(part, after))
            await self._append()
            await self._showing.shorten()
        is_shown = await self._showing.show()
        spent = time.monotonic() - began
        self._not_before = time.monotonic() + (pause_after(book.size, spent) if is_shown else AGAIN)
        if self._journal.is_long and book.is_shown and not self._has_more:
            await self._shorten_journal()

    def _take(self) -> list[Content]:
        todo, self._todo = self._todo, []
        return todo

    def _append_or_fail(self, contents: Sequence[Content]) -> None:
        """In a thread."""
        try:
            self._journal.append(contents)
        except OSError as err:
            self._fail(err)

    async def _append(self) -> None:
        if self._todo or self._journal.has_lines:
            await self._turns.run(lambda: partial(self._journal.append, self._take()))

    async def _shorten_journal(self) -> None:
        book = self._notebook
        await self._turns.run(
            lambda: partial(
                self._journal.shorten, self._history.shortened(part=book.part, after=book.after)
            )
        )

    def _fail(self, err: Exception) -> None:
        words = _words(err)
        if not self.fault:
            self._log.warning("The story of %s is not saved: %s", self._notebook.path, words)
        self.fault = words

    def _ended(self, entry: Entry, outputs: Sequence[Output]) -> Mapping[str, Any]:
        """In a thread."""
        whole = replace(entry, outputs=cut(outputs, entry.execution_id))
        self._showing.add(whole)
        return whole.end


def pause_after(size: int, seconds: float) -> float:
    """Seconds until a notebook is written again that has so many bytes and took so long."""
    return max(SHARE * seconds, size / RATE)


def _nothing() -> None:
    """Is called when all before it has been written."""


def _words(err: Exception) -> str:
    if isinstance(err, UnreadableNotebook):
        return f"of its notebook, {err}"
    return FAULTS.get(getattr(err, "errno", None), "its folder cannot be used")
