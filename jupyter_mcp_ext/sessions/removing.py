"""Archives and deletes the sessions of a running server, and tells which of them are in use."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from jupyter_mcp_ext.concurrency import to_its_end

from .disk.lock import HeldElsewhere
from .disk.removal import Removal, StillUsed, Weight

if TYPE_CHECKING:
    from jupyter_mcp_ext.files.removal import Extent

    from .disk.held import HeldFolders
    from .lifecycle import SessionKernels
    from .register import Register
    from .session import Session


class InUse(Exception):
    """The session is in use; the message says by what, as in *its kernel runs*."""


class SessionRemover:
    """Removes sessions, or what they come back from; nothing that is in use."""

    def __init__(
        self,
        register: Register,
        folders: HeldFolders,
        lives: SessionKernels,
        lock: Callable[[object], asyncio.Lock],
    ) -> None:
        self._register = register
        self._folders = folders
        self._lives = lives
        self._lock = lock
        self._executing: Callable[[], set[str]] = set
        self._is_open_below: Callable[[str], bool] = lambda _: False

    def ask(
        self, *, executing: Callable[[], set[str]], is_open_below: Callable[[str], bool]
    ) -> None:
        """Ask others too whether a session is in use.

        ``executing`` gives the ids of sessions in which code runs, or has results that are not
        read; ``is_open_below`` tells whether people have a document below an API path open: any
        of the story's notebooks, or another file.
        """
        self._executing, self._is_open_below = executing, is_open_below

    @property
    def sessions(self) -> list[Session]:
        """All that are on disk, archived ones too."""
        found = (*self._register, *self._register.archived)
        return [s for s in found if s.is_agents and s.folder and s.record.notebook]

    async def look(self) -> None:
        """Know the sessions that other servers have made, and end deletions that were cut short."""
        for session in await self._folders.found(but=self._register.ids):
            self._register.add(session)
        if disk := self._folders.removal():
            await asyncio.to_thread(disk.sweep)

    async def weights(self, sessions: Sequence[Session]) -> list[Weight]:
        """What sessions take on the disk."""
        disk = self._folders.removal()
        if disk is None:
            return [Weight() for _ in sessions]
        return await asyncio.to_thread(lambda: [disk.weight(each) for each in sessions])

    async def changed(self, sessions: Sequence[Session]) -> list[float]:
        """When a file of each was written last; 0 where that is not known."""
        disk = self._folders.removal()
        if disk is None:
            return [0.0] * len(sessions)
        return await asyncio.to_thread(lambda: [*map(disk.changed, sessions)])

    async def cut_short(self) -> list[Session]:
        """Archived sessions of which more is left than should be, since a server was killed."""
        disk = self._folders.removal()
        if disk is None:
            return []
        found = self._register.archived
        return await asyncio.to_thread(lambda: [s for s in found if not disk.is_stripped(s)])

    @property
    def archived(self) -> list[Session]:
        """The sessions that are archived."""
        return self._register.archived

    async def used(self, *, by_others: bool = False) -> dict[str, str]:
        """What uses the sessions that are in use, in words, by their ids.

        ``by_others``: their own kernels and executions do not count.
        """
        models = await self._register.models()
        executing = set() if by_others else self._executing()
        executing -= {session.id for session in self._register.archived}  # can be read all the same
        used = dict.fromkeys(executing, "code runs in it, or has results that were not read")
        for session in self._register:
            if not (session.is_agents or self._lives.runs(session)):
                continue
            if not by_others and (self._lives.runs(session) or self._lives.starts(session)):
                used[session.id] = "its kernel runs"
            for path in (session.path, session.cwd):
                if (inside := self._session_in(path)) != session.id:
                    used[inside] = f"the session {session.id} ({session.name}) works in its folder"
        for model in models:
            used[self._session_in(str(model["path"]))] = "a person works with its notebook"
        return used

    async def archive(self, session: Session) -> None:
        """Keep only its notebook and files. Raises InUse, OSError."""
        async with self._free(session) as disk:
            session.write(await to_its_end(partial(disk.archive, session, now=time.time())))
        self._register.changed.tell(session)

    async def drop_snapshots(self, session: Session) -> None:
        """Remove its saved variables. Raises InUse, OSError."""
        async with self._free(session) as disk:
            session.write(await to_its_end(partial(disk.drop_snapshots, session)))

    async def delete(self, session: Session, *, is_asked: bool = False) -> Extent:
        """Delete its folder with all that is in it. Raises InUse, OSError.

        ``is_asked``: whether its owner wants that, whatever it was used for.
        """
        async with self._free(session, is_asked=is_asked) as disk:
            removed = await to_its_end(partial(disk.delete, session, is_asked=is_asked))
            session.write(session.record.deleted(now=time.time()))
        self._register.remove(session)
        return removed

    @asynccontextmanager
    async def _free(self, session: Session, *, is_asked: bool = False) -> AsyncIterator[Removal]:
        """Let nothing here use a session; InUse is raised if something does."""
        async with self._lock(session):  # under which its kernel is started
            words = await self._use(session, by_others=is_asked)
            if not words and self._lives.runs(session):
                words = "its kernel runs"
            if words:
                raise InUse(words)
            async with self._folders.released(session):
                disk = self._folders.removal()
                if disk is None:
                    msg = "it is not on disk"
                    raise InUse(msg)
                try:
                    yield disk
                except HeldElsewhere as err:
                    msg = f"another server uses it ({err.words})"
                    raise InUse(msg) from err
                except StillUsed as err:
                    msg = "another server has used or removed it"
                    raise InUse(msg) from err

    async def use_by_others(self, session: Session) -> str:
        """Words for what uses a session beside its own kernel; empty if nothing does."""
        holder = await self._folders.holder(session)
        return f"another server has it ({holder})" if holder else await self._use(session)

    async def _use(self, session: Session, *, by_others: bool = True) -> str:
        words = (await self.used(by_others=by_others)).get(session.id, "")
        if not words and session.folder and self._is_open_below(session.folder):
            return "people have a file in its folder open"
        return words

    def _session_in(self, path: str) -> str:
        """The id of the session in whose folder an API path is; empty if it is in none."""
        if self._folders.store is None:
            return ""
        above = self._folders.store.layout.sessions_around(path)
        return path[len(above) :].partition("/")[0] if path.startswith(above) else ""
