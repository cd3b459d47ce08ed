"""A session's story on disk: each execution in the journal at once, then in the notebook."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from logging import Logger
from typing import Any

from jupyter_mcp_ext.concurrency import Listeners
from jupyter_mcp_ext.notebooks.shared.live import LiveNotebook
from jupyter_mcp_ext.outputs.model import Output
from jupyter_mcp_ext.sessions.disk.folder import SessionFolder

from .composition import Head
from .history import History
from .journal import Entry
from .journal_file import Content, JournalFile
from .notebook import StoryNotebook
from .showing import Showing
from .writing import StoryWriter


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
        self._history = History()
        self._notebook = StoryNotebook(folder, notebook, head)
        journal_file = JournalFile(folder, key)
        self._showing = Showing(self._notebook, journal_file, self._history, live)
        self._writer = StoryWriter(journal_file, self._notebook, self._history, self._showing, log)

    @property
    def written(self) -> Listeners[str]:
        """Are called with the API path of its notebook when that was written."""
        return self._showing.written

    async def open(self) -> None:
        """Read what the journal has; what ran when a server was killed ends now.

        Raises OSError, LaterJournal.
        """
        ran = await asyncio.to_thread(self._showing.read)
        for entry in ran:
            self.end(replace(entry, status="interrupted", ended=time.time()), ())

    @property
    def fault(self) -> str:
        """Why the story is not being saved; empty while it is."""
        return self._writer.fault

    @property
    def entries(self) -> list[Entry]:
        """What was executed, in order, without its outputs."""
        return self._history.entries

    @property
    def alive(self) -> list[Entry]:
        """The executions whose code may be run again, in order."""
        return self._history.alive

    @property
    def unsigned(self) -> int:
        """Executions that do not come back, since this server's key has not signed them."""
        return self._history.unsigned

    @property
    def last_number(self) -> int:
        """The number of the latest execution."""
        return self._history.last_number

    @property
    def last_ended(self) -> int:
        """The number of the latest execution that has ended; 0 when none has."""
        return self._history.last_ended

    @property
    def gone_until(self) -> int:
        """The number up to which saved variables are gone for good, -1 when none are."""
        return self._history.gone_until

    @property
    def given(self) -> int:
        """Numbers up to this one are never given again, even if the server was killed."""
        return self._history.given

    @property
    def path(self) -> str:
        """The API path of the notebook that is written now."""
        return self._notebook.path

    def rename(self, notebook: str) -> None:
        """Give the notebook another name, before it is written."""
        self._notebook.rename(notebook)

    def begin(self, entry: Entry) -> asyncio.Future[None]:
        """Code is about to be sent; not before what is returned is done.

        Then the journal has it, whatever becomes of this server, or `fault` says why it has not.
        """
        reserved = self._history.begin(entry)
        lines = [] if reserved is None else [_line(reserved)]
        return self._writer.add_now(*lines, lambda: entry.beginning)

    def end(self, entry: Entry, outputs: Sequence[Output]) -> None:
        """An execution has ended, with these outputs."""
        self._history.end(entry)
        self._writer.add_end(entry, outputs)

    def forget(self) -> None:
        """The variables of all executions so far are gone for good."""
        line = self._history.forget()
        if line is not None:
            self._writer.add(_line(line))

    async def flush(self) -> None:
        """Write everything that was added, the notebook too, and return when it is done."""
        await self._writer.flush()

    def abandon(self) -> None:
        """Write nothing more: another server has the folder."""
        self._writer.abandon()

    async def close(self) -> None:
        """Write what is left and release the folder."""
        line = self._history.give_back()
        if line is not None:
            self._writer.add(_line(line))
        await self._writer.close()
        self.folder.let_go()


def _line(content: Mapping[str, Any]) -> Content:
    return lambda: content
