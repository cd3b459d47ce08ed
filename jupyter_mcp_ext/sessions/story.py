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

from jupyter_mcp_ext.files.beneath import Changed, Folder, Stamp, stamp
from jupyter_mcp_ext.notebooks.live import LiveNotebook
from jupyter_mcp_ext.outputs.model import Output

from .folder import JOURNAL, SessionFolder
from .journal import Entry, anew_after, anew_line, entries, reserved, reserved_line
from .view import (
    Head,
    UnreadableNotebook,
    Written,
    compose,
    cut,
    extended,
    lacking,
    last_of,
    merged,
    ours,
    through_of,
)

FLUSH = 0.4
"""Seconds for which lines of the journal wait for others."""

RESERVED = 20
"""Numbers of executions that are reserved at once, so that not each has to be written at once."""

SHARE = 20
"""A notebook that took a second to write is not written again for so many."""

MAX_PENDING = 50_000_000
"""Bytes of the journal that are kept in memory while it cannot be written."""

MAX_JOURNAL = 2_000_000_000
MAX_NOTEBOOK = 100_000_000
TRIES = 3
"""How often the notebook is read again because somebody changed it just then."""

SAVING = 2.0
"""Seconds after a write in which a notebook may be half there: Jupyter saves in place."""

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
        live: Callable[[str], Awaitable[LiveNotebook | None]],
    ) -> None:
        """``notebook`` is the file's name in the folder.

        ``live`` finds the notebook of an API path that people have open together.
        """
        self.folder = folder
        self.notebook = notebook
        self.fault = ""
        """Why the story is not being saved; empty while it is."""
        self.entries: list[Entry] = []
        """What was executed, in order, without its outputs."""
        self.anew_after = 0
        """The number of the last execution whose variables are gone for good."""
        self._head = head
        self._log = log
        self._live = live
        self._todo: list[Callable[[], bytes]] = []
        """What makes the lines that are to be written, called in the thread that writes."""
        self._lines: list[bytes] = []
        self._given = 0
        """The number up to which an earlier server may have given numbers."""
        self._reserved = 0
        """The number up to which this one may, by the journal."""
        self._new: list[Entry] = []
        """Ended executions, with outputs, that the notebook does not have yet."""
        self._is_complete = False
        """Whether `_new` is all that it lacks: else the journal is read."""
        self._shown: tuple[Written, Stamp] | None = None
        """The notebook as it was last written."""
        self._is_behind = False
        """Whether the notebook lacks something that is in the journal only."""
        self._not_before = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Read what the journal has; what ran when a server was killed ends now.

        Raises OSError, LaterJournal.
        """
        await asyncio.to_thread(self._read)
        for entry in [entry for entry in self.entries if not entry.has_ended]:
            self.end(replace(entry, status="interrupted", ended=time.time()), ())

    @property
    def alive(self) -> list[Entry]:
        """The executions whose variables can come back, in order."""
        return [entry for entry in self.entries if entry.number > self.anew_after]

    @property
    def last_number(self) -> int:
        """The number of the latest execution."""
        return self.entries[-1].number if self.entries else 0

    @property
    def given(self) -> int:
        """Numbers up to this one are never given again, even if the server was killed."""
        return max(self.last_number, self._given)

    def begin(self, entry: Entry) -> None:
        """An execution has been started."""
        self.entries.append(entry)
        if entry.number + RESERVED // 2 <= self._reserved:
            self._add(entry.begin_line)
            return
        number = self._reserved = entry.number + RESERVED
        self._todo += [lambda: reserved_line(number), entry.begin_line]
        self._start()

    def end(self, entry: Entry, outputs: Sequence[Output]) -> None:
        """An execution has ended, with these outputs."""
        for n in range(len(self.entries) - 1, -1, -1):
            if self.entries[n].number == entry.number:
                self.entries[n] = entry
                break
        self._add(lambda: self._ended(entry, outputs))

    def begin_anew(self) -> None:
        """The variables of all executions so far are gone for good."""
        if self.last_number > self.anew_after:
            number = self.anew_after = self.last_number
            self._add(lambda: anew_line(number))

    async def flush(self) -> None:
        """Write everything that is noted, the notebook too, and return when it is done."""
        for _ in range(TRIES):  # more may come while it is written
            self._not_before = 0.0
            is_new = self._todo or self._lines or self._new or self._is_behind
            if self._writing is None and is_new:
                self._start()
            if self._writing is None:
                return
            await asyncio.wait({self._writing})

    def abandon(self) -> None:
        """Write nothing more: the folder is another server's."""
        self._todo, self._lines, self._new, self._is_behind = [], [], [], False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def close(self) -> None:
        """Write what is left and let go of the folder."""
        if self._reserved > self.last_number:
            number = self._reserved = self.last_number
            self._todo.append(lambda: reserved_line(number))
        await self.flush()
        if self._timer is not None:
            self._timer.cancel()
        self.folder.let_go()

    def _add(self, line: Callable[[], bytes]) -> None:
        self._todo.append(line)
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
            await asyncio.to_thread(self._append, todo)
            if (self._new or self._is_behind) and time.monotonic() >= self._not_before:
                began = time.monotonic()
                is_shown = await self._show_all()
                spent = time.monotonic() - began
                self._not_before = time.monotonic() + (SHARE * spent if is_shown else AGAIN)
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

    def _read(self) -> None:
        data = self.folder.read(JOURNAL, MAX_JOURNAL) or b""
        self.entries = [replace(entry, outputs=()) for entry in entries(data)]
        self.anew_after, self._given = anew_after(data), reserved(data)

    def _append(self, todo: Sequence[Callable[[], bytes]]) -> None:
        self._lines += [line() for line in todo]
        data = b"".join(self._lines)
        if not data:
            return
        if len(data) > MAX_PENDING:  # the latest are let go: the earlier lines begin the story
            while sum(map(len, self._lines)) > MAX_PENDING:
                self._lines.pop()
        self.folder.append(JOURNAL, data)
        self._lines = []

    def _ended(self, entry: Entry, outputs: Sequence[Output]) -> bytes:
        whole = replace(entry, outputs=cut(outputs, entry.execution_id))
        self._new.append(whole)
        return whole.end_line()

    async def _show_all(self) -> bool:
        """Put into the notebook what it lacks: where people have it open, not past them.

        False when a room is just reading the file.
        """
        room = await self._live(f"{self.folder.api_path}/{self.notebook}")
        if room is None:
            await asyncio.to_thread(self._show)
        elif room.is_loaded:
            await self._show_live(room)
        return room is None or room.is_loaded

    async def _show_live(self, room: LiveNotebook) -> None:
        through = through_of(room.metadata)
        found: Sequence[Entry] = self._new
        if not self._is_complete:
            data = await asyncio.to_thread(self.folder.read, JOURNAL, MAX_JOURNAL)
            found = entries(data or b"")
        added = lacking(found, room.cell_ids, through, _ids(self._new))
        room.append(added, ours(self._head(), max(through, last_of(found))))
        # What the room saves, or does not save, is compared with the journal once it is closed.
        self._shown = None
        self._is_told()

    def _is_told(self) -> None:
        self._new, self._is_complete, self._is_behind = [], True, False

    def _show(self) -> None:
        """Put into the notebook's file what it lacks."""
        try:
            for _ in range(TRIES - 1):
                with suppress(Changed):  # somebody saved it just then: read it again
                    return self._show_once()
            self._show_once()
        except (OSError, UnreadableNotebook, Changed):
            self._new, self._is_complete, self._shown = [], False, None
            self._is_behind = True
            raise

    def _show_once(self) -> None:
        with self.folder.visible() as folder:
            before = stamp(folder.stat(self.notebook))
            old = folder.read(self.notebook, MAX_NOTEBOOK)
            written = self._grown(folder, old, before)
            status = folder.write(
                self.notebook,
                [written.data],
                mode=0o666,
                check=lambda: stamp(folder.stat(self.notebook)) == before,
            )
        self._shown = replace(written, data=b""), stamp(status)
        self._is_told()

    def _grown(self, folder: Folder, old: bytes | None, before: Stamp) -> Written:
        """The notebook with what it lacks. Raises Changed when ``old`` may be half of it."""
        head, new = self._head(), _ids(self._new)
        if old is not None and self._is_complete and self._shown is not None:
            shown, at = self._shown
            if at == before:
                return extended(old, shown.tail, self._new, head, shown.through)
            found: Sequence[Entry] = self._new
        else:
            found = entries(self.folder.read(JOURNAL, MAX_JOURNAL) or b"")
        if old is None:
            return compose(found, head)
        try:
            return merged(old, found, head, new=new)
        except UnreadableNotebook:
            age = time.time() - before[2] / 1e9 if before is not None else 0.0
            if 0 <= age < SAVING or stamp(folder.stat(self.notebook)) != before:
                raise Changed from None
            raise


def _ids(found: Sequence[Entry]) -> frozenset[str]:
    return frozenset(entry.execution_id for entry in found)


def _words(err: Exception) -> str:
    if isinstance(err, UnreadableNotebook):
        return f"of its notebook, {err}"
    return FAULTS.get(getattr(err, "errno", None), "its folder cannot be used")
