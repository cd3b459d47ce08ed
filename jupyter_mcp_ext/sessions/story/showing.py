"""Shows what has ended in the notebook of a story: in its file, or where people have it open."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from jupyter_mcp_ext.concurrency import Listeners
from jupyter_mcp_ext.files.beneath import Changed
from jupyter_mcp_ext.notebooks.shared.live import LiveNotebook
from jupyter_mcp_ext.notebooks.shared.loading import RoomLoading

from .composition import UnreadableNotebook, lacking, last_of, ours, through_of
from .history import History
from .journal import Entry
from .journal_file import JournalFile
from .notebook import StoryNotebook, ids

TRIES = 3
"""How often the notebook is read again because another program changed it just then."""


class Showing:
    """Adds executions that have ended to the notebook of one story."""

    def __init__(
        self,
        notebook: StoryNotebook,
        journal_file: JournalFile,
        history: History,
        live: Callable[[str], Awaitable[LiveNotebook | None]],
    ) -> None:
        """``live`` finds the notebook of an API path that people have open together."""
        self.written: Listeners[str] = Listeners()
        """Are called with the API path of the notebook when its file was written."""
        self._notebook = notebook
        self._journal = journal_file
        self._history = history
        self._live = live
        self._new: deque[Entry] = deque()
        """Executions, with outputs, that the notebook does not have yet, in the order of their
        ends; the thread that writes the journal adds them."""
        self._showing: list[Entry] = []
        """Those of them that are being added."""
        self._is_complete = False
        """Whether these are all that it lacks: else the journal is read."""
        self._read: frozenset[str] = frozenset()
        """The ids of what it got from the journal, and `_new` may have too."""
        self._read_after = 0
        self._unshown: list[Entry] | None = None
        """The executions after `_read_after`, with outputs, when the journal was read."""
        self._is_behind = False
        """Whether it lacks something that is in the journal only."""

    @property
    def lacks(self) -> bool:
        """Whether the notebook lacks something."""
        return bool(self._new or self._showing or self._is_behind)

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

    def add(self, entry: Entry) -> None:
        """Show an execution with its outputs; in any thread, before the journal has its end."""
        self._new.append(entry)

    def abandon(self) -> None:
        """Show nothing of what was added."""
        self._new.clear()
        self._showing, self._is_behind = [], False

    async def turn(self) -> bool:
        """Go on in another file, if the notebook's is large; whether it does."""
        self._take_new()
        return await asyncio.to_thread(self._turn)

    async def shorten(self) -> None:
        """Remove a file of very long ago, and the outputs of another, which no person has open."""
        book = self._notebook
        for path, shorten in ((book.long_ago, book.bare), (book.too_many, book.remove)):
            with suppress(RoomLoading):
                if path and await self._live(path) is None:
                    await asyncio.to_thread(shorten)

    async def show(self) -> bool:
        """Add missing executions to the notebook; where people have it open, through their room.

        False when a room is just reading the file, or closes. Raises OSError, UnreadableNotebook,
        Changed.
        """
        self._take_new()
        try:
            room = await self._live(self._notebook.path)
            if room is not None:
                return await self._show_live(room)
        except RoomLoading:
            return False
        await asyncio.to_thread(self._show)
        self.written.tell(self._notebook.path)
        return True

    def _take_new(self) -> None:
        while self._new:
            entry = self._new.popleft()
            if entry.cell_id not in self._read:
                self._showing.append(entry)
        self._read = frozenset()

    async def _show_live(self, room: LiveNotebook) -> bool:
        """The same in a room; False when it has closed before everything was there."""
        through = through_of(room.metadata)
        found: Sequence[Entry] = self._showing
        if not self._is_complete:
            found = await asyncio.to_thread(self._in_journal, through)
            again = await self._live(self._notebook.path)
            if again is None:
                return False
            room = again
        found = [entry for entry in found if entry.number > self._notebook.after]
        added = lacking(found, room.cell_ids, through, ids(self._showing))
        room.append(added, ours(self._notebook.head, max(through, last_of(found))))
        # What the room saves, or does not save, is compared with the journal once it is closed.
        self._notebook.forget()
        self._is_told()
        return True

    def _is_told(self) -> None:
        self._showing, self._is_complete, self._is_behind = [], True, False
        self._unshown = None

    def _turn(self) -> bool:
        """Go on in another file, if the notebook's is large; whether it does."""
        book = self._notebook
        found = (entry.number for entry in self._showing)
        last = min(found, default=self._history.last_number + 1)
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
            self._showing, self._is_complete, self._unshown = [], False, None
            self._notebook.forget()
            self._is_behind = True
            raise

    def _show_once(self) -> None:
        self._notebook.write(self._showing, self._in_journal, is_complete=self._is_complete)
        self._is_told()

    def _in_journal(self, after: int) -> list[Entry]:
        if self._unshown is not None and after >= self._read_after:
            return [*self._unshown, *self._showing]
        found = self._journal.read(outputs_after=after).entries
        self._read = ids([entry for entry in found if entry.has_ended and entry.number > after])
        return found
