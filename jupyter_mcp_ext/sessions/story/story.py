"""Keeps a session's story on disk: each execution in the journal at once, then in the notebook.

Nothing waits for it. What cannot be written now is tried again with the next execution; until then
`Story.fault` says why.
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

from jupyter_mcp_ext.files.beneath import Changed
from jupyter_mcp_ext.notebooks.live import LiveNotebook
from jupyter_mcp_ext.outputs.model import Output
from jupyter_mcp_ext.sessions.disk.folder import SessionFolder

from . import journal
from .composition import Head, UnreadableNotebook, cut, lacking, last_of, ours, through_of
from .journal import Entry, Journal
from .journal_file import Content, JournalFile
from .notebook import StoryNotebook, ids

FLUSH = 0.4
"""Seconds for which lines of the journal wait for others."""

RESERVED = 20
"""Numbers of executions that are reserved at once, so that not each has to be written at once."""

SHARE = 20
"""A notebook that took a second to write is not written again for so many."""

RATE = 300_000
"""Bytes a second that writing a notebook again and again may come to."""

MAX_RUNNING = 100
"""Executions that may have run when a server was killed; more of them are not believed."""

TRIES = 3
"""How often the notebook is read again because somebody changed it just then."""

AGAIN = 1.0
"""Seconds after which it is tried once more when somebody still did, or a room reads it."""

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


class Story:
    """The story of one session, whose folder this server holds."""

    def __init__(
        self,
        folder: SessionFolder,
        notebook: str,
        head: Callable[[], Head],
        log: Logger,
        *,
        key: Callable[[], bytes],
        live: Callable[[str], Awaitable[LiveNotebook | None]],
    ) -> None:
        """``notebook`` is the file's name in the folder, ``key`` gives what signs the journal.

        ``live`` finds the notebook of an API path that people have open together.
        """
        self.folder = folder
        self.fault = ""
        """Why the story is not being saved; empty while it is."""
        self.unsigned = 0
        """Executions that do not come back, since this server's key has not signed them."""
        self.anew_after = 0
        """The number of the last execution whose variables are gone for good."""
        self._entries: dict[int, Entry] = {}
        """What was executed, in order, without its outputs."""
        self._head = head
        self._log = log
        self._live = live
        self._journal = JournalFile(folder, key)
        self._notebook = StoryNotebook(folder, notebook, head)
        self._todo: list[Content] = []
        """What makes the lines that are to be written, called in the thread that writes."""
        self.last_number = 0
        """The number of the latest execution."""
        self._given = 0
        """The number up to which an earlier server may have given numbers."""
        self._reserved = 0
        """The number up to which this one may, by the journal."""
        self._new: list[Entry] = []
        """Ended executions, with outputs, that the notebook does not have yet."""
        self._is_complete = False
        """Whether `_new` is all that it lacks: else the journal is read."""
        self._read_after = 0
        self._unshown: list[Entry] | None = None
        """The executions after that number, with outputs, as the journal had them at first."""
        self._is_behind = False
        """Whether the notebook lacks something that is in the journal only."""
        self._not_before = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Read what the journal has; what ran when a server was killed ends now.

        Raises OSError, LaterJournal.
        """
        ran = await asyncio.to_thread(self._read)
        for entry in ran:
            self.end(replace(entry, status="interrupted", ended=time.time()), ())

    @property
    def entries(self) -> list[Entry]:
        """What was executed, in order, without its outputs."""
        return list(self._entries.values())

    @property
    def alive(self) -> list[Entry]:
        """The executions whose code may be run again, in order."""
        return [e for e in self._entries.values() if e.number > self.gone_until and e.is_signed]

    @property
    def last_ended(self) -> int:
        """The number of the latest execution that has ended; 0 when none has."""
        return max((e.number for e in self._entries.values() if e.has_ended), default=0)

    @property
    def gone_until(self) -> int:
        """The number up to which saved variables are gone for good, -1 when none are."""
        return self.anew_after or -1  # a copy is saved after its execution 0

    @property
    def given(self) -> int:
        """Numbers up to this one are never given again, even if the server was killed."""
        return max(self.last_number, self._given)

    @property
    def path(self) -> str:
        """The API path of the notebook that is written now."""
        return f"{self.folder.api_path}/{self._notebook.file_name}"

    def rename(self, notebook: str) -> None:
        """Give the notebook another name, before it is written."""
        self._notebook.name = notebook

    def begin(self, entry: Entry) -> None:
        """An execution has been started."""
        self._entries[entry.number] = entry
        self.last_number = entry.number
        if entry.number + RESERVED // 2 <= self._reserved:
            self._add(lambda: entry.beginning)
            return
        number = self._reserved = entry.number + RESERVED
        self._todo += [lambda: journal.reserved(number), lambda: entry.beginning]
        self._start()

    def end(self, entry: Entry, outputs: Sequence[Output]) -> None:
        """An execution has ended, with these outputs."""
        self._entries[entry.number] = entry
        self._add(lambda: self._ended(entry, outputs))

    def begin_anew(self) -> None:
        """The variables of all executions so far are gone for good."""
        if self.last_number > self.anew_after:
            number = self.anew_after = self.last_number
            self.unsigned = 0
            self._add(lambda: journal.anew(number))

    async def flush(self) -> None:
        """Write everything that is noted, the notebook too, and return when it is done."""
        for _ in range(TRIES):  # more may come while it is written
            self._not_before = 0.0
            is_new = self._todo or self._journal.has_lines or self._new or self._is_behind
            if self._writing is None and is_new:
                self._start()
            if self._writing is None:
                return
            await asyncio.wait({self._writing})

    def abandon(self) -> None:
        """Write nothing more: the folder is another server's."""
        self._todo, self._new, self._is_behind = [], [], False
        self._journal.abandon()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def close(self) -> None:
        """Write what is left and let go of the folder."""
        if self._reserved > self.last_number:
            number = self._reserved = self.last_number
            self._todo.append(lambda: journal.reserved(number))
        await self.flush()
        if self._timer is not None:
            self._timer.cancel()
        self.folder.let_go()

    def _add(self, content: Content) -> None:
        self._todo.append(content)
        self._schedule(FLUSH)

    def _schedule(self, seconds: float) -> None:
        if self._timer is None and self._writing is None:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._start)

    def _start(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._writing is None:
            self._writing = asyncio.create_task(self._write(), name="mcp-session-story")

    async def _write(self) -> None:
        todo, self._todo = self._todo, []
        try:
            await asyncio.to_thread(self._journal.append, todo)
            if (self._new or self._is_behind) and time.monotonic() >= self._not_before:
                began = time.monotonic()
                is_shown = await self._show_all()
                spent = time.monotonic() - began
                rest = pause_after(self._notebook.size, spent) if is_shown else AGAIN
                self._not_before = time.monotonic() + rest
                if self._journal.is_long and self._is_whole:
                    await asyncio.to_thread(self._journal.shorten, self._kept())
            self.fault = ""
        except Changed:  # a save of a person's, which empties the file before it fills it
            self._not_before = time.monotonic() + AGAIN
        except (OSError, UnreadableNotebook) as err:
            self._fail(err)
        finally:
            self._writing = None
            if self._todo:
                self._schedule(FLUSH)
            elif (self._new or self._is_behind) and not self.fault:
                self._schedule(max(self._not_before - time.monotonic(), FLUSH))

    def _fail(self, err: Exception) -> None:
        words = _words(err)
        if not self.fault:
            self._log.warning("The story of %s is not saved: %s", self.folder.api_path, words)
        self.fault = words

    def _read(self) -> list[Entry]:
        """Read the journal: the executions that ran when a server was killed."""
        after = self._read_after = self._notebook.through()
        found = self._journal.read(outputs_after=after)
        ran = [entry for entry in found.entries if not entry.has_ended][-MAX_RUNNING:]
        kept = [e for e in found.entries if e.has_ended or e.number >= ran[0].number]
        self._unshown = [entry for entry in kept if entry.number > after]
        self._entries = {entry.number: replace(entry, outputs=()) for entry in kept}
        self.last_number = next(reversed(self._entries), 0)
        self.anew_after, self._given = found.anew_after, found.reserved
        self._notebook.part, self._notebook.after = max(found.part, 1), found.after
        self.unsigned = sum(
            entry.is_shown and not entry.is_signed and entry.number > self.anew_after
            for entry in kept
        )
        return ran

    @property
    def _is_whole(self) -> bool:
        """Whether the journal has everything, and the notebook all of that."""
        return self._notebook.is_shown and not self._todo and not self._new

    def _kept(self) -> Journal:
        """What is to stay of the journal, and here: that which may come back."""
        self._entries = {entry.number: entry for entry in self.alive}
        return Journal(
            entries=self.alive,
            anew_after=self.anew_after,
            reserved=max(self._reserved, self.given),
            part=self._notebook.part,
            after=self._notebook.after,
        )

    def _ended(self, entry: Entry, outputs: Sequence[Output]) -> Mapping[str, Any]:
        whole = replace(entry, outputs=cut(outputs, entry.execution_id))
        self._new.append(whole)
        return whole.end

    async def _show_all(self) -> bool:
        """Put into the notebook what it lacks: where people have it open, not past them.

        False when a room is just reading the file.
        """
        await asyncio.to_thread(self._turn)
        room = await self._live(self.path)
        if room is None:
            await asyncio.to_thread(self._show)
        elif room.is_loaded:
            await self._show_live(room)
        return room is None or room.is_loaded

    async def _show_live(self, room: LiveNotebook) -> None:
        through = through_of(room.metadata)
        found: Sequence[Entry] = self._new
        if not self._is_complete:
            found = await asyncio.to_thread(self._in_journal, through)
        found = [entry for entry in found if entry.number > self._notebook.after]
        added = lacking(found, room.cell_ids, through, ids(self._new))
        room.append(added, ours(self._head(), max(through, last_of(found))))
        # What the room saves, or does not save, is compared with the journal once it is closed.
        self._notebook.forget()
        self._is_told()

    def _is_told(self) -> None:
        self._new, self._is_complete, self._is_behind = [], True, False
        self._unshown = None

    def _turn(self) -> None:
        """Go on in another file, if the notebook's is large."""
        book = self._notebook
        last = min((entry.number for entry in self._new), default=self.last_number + 1) - 1
        if book.turn(last):
            self._is_complete = False
            self._journal.append([lambda: journal.part(book.part, book.after)])

    def _show(self) -> None:
        """Put into the notebook's file what it lacks."""
        try:
            for _ in range(TRIES - 1):
                with suppress(Changed):  # somebody saved it just then: read it again
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
