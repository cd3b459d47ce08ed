"""Writes a session's story in the background: the journal soon, the notebook after it.

Only code waits for it, which is not sent before the journal says that it begins. What cannot be
written now is tried again with the next execution; until then `StoryWriter.fault` says why.
"""

from __future__ import annotations

import asyncio
import errno
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from logging import Logger
from typing import Any

from jupyter_mcp_ext.concurrency import Listeners, Tasks
from jupyter_mcp_ext.files.beneath import Changed
from jupyter_mcp_ext.flushing import Flusher
from jupyter_mcp_ext.notebooks.shared.live import LiveNotebook
from jupyter_mcp_ext.notebooks.shared.loading import RoomLoading
from jupyter_mcp_ext.outputs.model import Output

from . import journal
from .composition import UnreadableNotebook, cut, lacking, last_of, ours, through_of
from .history import History
from .journal import Entry
from .journal_file import Content, JournalFile
from .notebook import StoryNotebook, ids

FLUSH = 0.4
"""Seconds for which lines of the journal wait for others."""

SHARE = 20
"""Seconds for which a notebook is not written again, for each second that writing it took."""

RATE = 300_000
"""Bytes a second that writing a notebook again and again may come to."""

TRIES = 3
"""How often the notebook is read again because another program changed it just then."""

AGAIN = 1.0
"""Seconds until the next attempt when one still did, or a room reads the notebook."""

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
        live: Callable[[str], Awaitable[LiveNotebook | None]],
        log: Logger,
    ) -> None:
        """``live`` finds the notebook of an API path that people have open together."""
        self.fault = ""
        """Why the story is not being saved; empty while it is."""
        self.written: Listeners[str] = Listeners()
        """Are called with the API path of the notebook when its file was written."""
        self._journal = journal_file
        self._notebook = notebook
        self._history = history
        self._live = live
        self._log = log
        self._todo: list[Content] = []
        """What makes the next lines, called in the thread that writes."""
        self._new: list[Entry] = []
        """Ended executions, with outputs, that the notebook does not have yet."""
        self._is_complete = False
        """Whether `_new` is all that it lacks: else the journal is read."""
        self._turns = asyncio.Lock()
        """Of the journal: one thread at a time writes it."""
        self._beginnings = Tasks()
        self._read_after = 0
        self._unshown: list[Entry] | None = None
        """The executions after `_read_after`, with outputs, when the journal was read."""
        self._is_behind = False
        """Whether the notebook lacks something that is in the journal only."""
        self._not_before = 0.0
        self._flusher = Flusher(self._write, name="mcp-session-story")

    def read(self) -> list[Entry]:
        """Read the journal, in a thread: the executions that ran when a server was killed.

        Raises OSError, LaterJournal.
        """
        after = self._read_after = self._notebook.through()
        found = self._journal.read(outputs_after=after)
        ran, kept = self._history.read(found)
        self._unshown = [entry for entry in kept if entry.number > after]
        self._notebook.go_on(part=max(found.part, 1), after=found.after)
        return ran

    def add(self, *contents: Content) -> None:
        """Write lines of the journal soon."""
        self._todo += contents
        self._flusher.schedule(FLUSH)

    def add_now(self, *contents: Content) -> asyncio.Future[None]:
        """Write lines of the journal at once, also while the notebook is written.

        What is returned is done when they are written, or could not be.
        """
        return self._beginnings.start(self._add_now(contents), name="mcp-session-journal")

    def add_end(self, entry: Entry, outputs: Sequence[Output]) -> None:
        """Write that an execution has ended, with these outputs, and show it in the notebook."""
        self.add(lambda: self._ended(entry, outputs))

    async def flush(self) -> None:
        """Write everything that was added, the notebook too, and return when it is done."""
        for _ in range(TRIES):  # more may come while it is written
            self._not_before = 0.0
            await self._beginnings.ended()
            is_new = self._todo or self._journal.has_lines or self._new or self._is_behind
            if is_new and not self._flusher.is_writing:
                self._flusher.start()
            if not self._flusher.is_writing:
                return
            await self._flusher.written()

    def abandon(self) -> None:
        """Write nothing more: another server has the folder."""
        self._todo, self._new, self._is_behind = [], [], False
        self._journal.abandon()
        self.stop()

    def stop(self) -> None:
        """Write nothing until something is added."""
        self._flusher.cancel()

    async def _write(self) -> float | None:
        todo, self._todo = self._todo, []
        try:
            await self._append(todo)
            if self._journal.is_too_long:  # a notebook that cannot be written must not cost more
                await self._shorten_journal()
            if (self._new or self._is_behind) and time.monotonic() >= self._not_before:
                await self._write_notebook()
            self.fault = ""
        except Changed:  # a person saves it, which empties the file first
            self._not_before = time.monotonic() + AGAIN
        except (OSError, UnreadableNotebook) as err:
            self._fail(err)
        if self._todo:
            return FLUSH
        if (self._new or self._is_behind) and not self.fault:
            return max(self._not_before - time.monotonic(), FLUSH)
        return None

    async def _write_notebook(self) -> None:
        began = time.monotonic()
        is_shown = await self._show_all()
        spent = time.monotonic() - began
        rest = pause_after(self._notebook.size, spent) if is_shown else AGAIN
        self._not_before = time.monotonic() + rest
        is_whole = self._notebook.is_shown and not self._todo and not self._new
        if self._journal.is_long and is_whole:
            await self._shorten_journal()

    async def _add_now(self, contents: Sequence[Content]) -> None:
        try:
            await self._append(contents)
        except OSError as err:
            self._fail(err)

    async def _append(self, contents: Sequence[Content]) -> None:
        async with self._turns:
            await asyncio.to_thread(self._journal.append, contents)

    async def _shorten_journal(self) -> None:
        book = self._notebook
        async with self._turns:
            kept = self._history.shortened(part=book.part, after=book.after)
            await asyncio.to_thread(self._journal.shorten, kept)

    def _fail(self, err: Exception) -> None:
        words = _words(err)
        if not self.fault:
            self._log.warning("The story of %s is not saved: %s", self._notebook.path, words)
        self.fault = words

    def _ended(self, entry: Entry, outputs: Sequence[Output]) -> Mapping[str, Any]:
        whole = replace(entry, outputs=cut(outputs, entry.execution_id))
        self._new.append(whole)
        return whole.end

    async def _show_all(self) -> bool:
        """Add missing executions to the notebook; where people have it open, through their room.

        False when a room is just reading the file, or closes.
        """
        if await asyncio.to_thread(self._turn):
            part, after = self._notebook.part, self._notebook.after
            await self._append([lambda: journal.part(part, after)])
            await self._shorten_story()
        try:
            room = await self._live(self._notebook.path)
            if room is not None:
                return await self._show_live(room)
        except RoomLoading:
            return False
        await asyncio.to_thread(self._show)
        self.written.tell(self._notebook.path)
        return True

    async def _show_live(self, room: LiveNotebook) -> bool:
        """The same in a room; False when it has closed before everything was there."""
        through = through_of(room.metadata)
        found: Sequence[Entry] = self._new
        if not self._is_complete:
            found = await asyncio.to_thread(self._in_journal, through)
            again = await self._live(self._notebook.path)
            if again is None:
                return False
            room = again
        found = [entry for entry in found if entry.number > self._notebook.after]
        added = lacking(found, room.cell_ids, through, ids(self._new))
        room.append(added, ours(self._notebook.head, max(through, last_of(found))))
        # What the room saves, or does not save, is compared with the journal once it is closed.
        self._notebook.forget()
        self._is_told()
        return True

    def _is_told(self) -> None:
        self._new, self._is_complete, self._is_behind = [], True, False
        self._unshown = None

    async def _shorten_story(self) -> None:
        """Remove a file of very long ago, and the outputs of another, which no person has open."""
        book = self._notebook
        for path, shorten in ((book.long_ago, book.bare), (book.too_many, book.remove)):
            with suppress(RoomLoading):
                if path and await self._live(path) is None:
                    await asyncio.to_thread(shorten)

    def _turn(self) -> bool:
        """Go on in another file, if the notebook's is large; whether it does."""
        book = self._notebook
        last = min((entry.number for entry in self._new), default=self._history.last_number + 1)
        turns = book.turn(last - 1)
        if turns:
            self._is_complete = False
        return turns

    def _show(self) -> None:
        """Add missing executions to the notebook's file."""
        try:
            for _ in range(TRIES - 1):
                with suppress(Changed):  # another program saved it just then: read it again
                    return self._show_once()
            self._show_once()
        except (OSError, UnreadableNotebook, Changed):
            self._new, self._is_complete, self._unshown = [], False, None
            self._notebook.forget()
            self._is_behind = True
            raise

    def _show_once(self) -> None:
        self._notebook.write(self._new, self._in_journal, is_complete=self._is_complete)
        self._is_told()

    def _in_journal(self, after: int) -> list[Entry]:
        if self._unshown is not None and after >= self._read_after:
            return [*self._unshown, *self._new]
        return self._journal.read(outputs_after=after).entries


def pause_after(size: int, seconds: float) -> float:
    """Seconds until a notebook is written again that has so many bytes and took so long."""
    return max(SHARE * seconds, size / RATE)


def _words(err: Exception) -> str:
    if isinstance(err, UnreadableNotebook):
        return f"of its notebook, {err}"
    return FAULTS.get(getattr(err, "errno", None), "its folder cannot be used")
