"""Finds the session that an argument means, and makes a caller's default session."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from jupyter_mcp_ext.errors import AmbiguousSession, ContentsError, UnknownSession, shown

from .register import DEFAULT_WORDS, without_people

if TYPE_CHECKING:
    from jupyter_mcp_ext.concurrency import Listeners
    from jupyter_mcp_ext.governance.caller import Caller
    from jupyter_mcp_ext.notebooks.notebooks import Notebooks

    from .disk.held import HeldFolders
    from .disk.paths import SessionPaths
    from .making import SessionMaker
    from .register import Register
    from .session import Session


class Directory:
    """The sessions that callers may use, by what they write for ``session_id``."""

    def __init__(
        self,
        register: Register,
        maker: SessionMaker,
        folders: HeldFolders,
        paths: SessionPaths,
        notebooks: Notebooks,
        lock: Callable[[object], asyncio.Lock],
    ) -> None:
        self._register = register
        self._maker = maker
        self._folders = folders
        self._paths = paths
        self._notebooks = notebooks
        self._lock = lock

    @property
    def changed(self) -> Listeners[Session]:
        """Are called with each session that is listed, or is so no longer."""
        return self._register.changed

    def on_kernel(self, kernel_id: str) -> list[Session]:
        """The sessions with the kernel of an id, of all subjects."""
        return [session for session in self._register if session.kernel_id == kernel_id]

    def of_agents(self) -> list[Session]:
        """The sessions of agents, of all subjects."""
        return [session for session in self._register if session.is_agents]

    def get(self, session_id: str) -> Session | None:
        """The session of an exact id, also another subject's."""
        return self._register.get(session_id)

    def would_make(self, caller: Caller, session_id: str | None) -> bool:
        """Whether `resolve` would make the caller's default session."""
        return means_default(session_id) and self._register.default_of(caller) is None

    async def resolve(self, caller: Caller, session_id: str | None) -> Session:
        """The session that an argument means, whose folder this server then holds.

        Raises UnknownSession when none fits or more than one does, KernelUnavailable when another
        server holds it.
        """
        if session_id is None or means_default(session_id):
            return await self._default(caller)
        session = await self._find(caller, session_id.strip())
        await self._folders.hold(session)
        return session

    async def find(self, caller: Caller, session_id: str | None) -> Session:
        """Like `resolve`, but makes nothing and takes nothing from another server."""
        if session_id is not None and not means_default(session_id):
            return await self._find(caller, session_id.strip())
        found = self._register.default_of(caller)
        if found is None:
            msg = "You have no default session yet. execute_code makes it on first use."
            raise UnknownSession(msg)
        return found

    async def listed(self, caller: Caller) -> tuple[Session, ...]:
        """The sessions that the caller may use: the caller's own first, then people's."""
        await self._look_for_moved()
        return (*self._register.own(caller.subject), *await self._register.people(caller))

    async def on_path(self, caller: Caller, path: str) -> Session | None:
        """The session of a notebook that a person has open, if the caller may use it."""
        return await self._register.on_path(path, caller)

    async def on_notebook(self, caller: Caller, path: str) -> Session | None:
        """The caller's own session on a notebook, else the one that a person has open there."""
        found = await self._register.on_notebook(path, caller)
        if found is None and await self._look_for_moved():
            found = await self._register.on_notebook(path, caller)
        return found

    async def _default(self, caller: Caller) -> Session:
        async with self._lock((caller.subject, caller.client, caller.scope)):
            session = self._register.default_of(caller)
            if session is not None and not await self._folders.holder(session):
                with suppress(UnknownSession):  # another server has archived it
                    await self._folders.hold(session)
                    return session
            session = await self._maker.make_default(caller)
            await self._folders.hold(session)
            return session

    async def _find(self, caller: Caller, wanted: str) -> Session:
        try:
            return await self._register.find(caller, wanted)
        except AmbiguousSession:
            raise
        except UnknownSession:
            if not (await self._forget_deleted() | await self._look_for_moved()):
                await self._check_notebook(caller, wanted)
                raise
        return await self._register.find(caller, wanted)

    async def _check_notebook(self, caller: Caller, wanted: str) -> None:
        """Raise UnknownSession with what to do, if it is a notebook that is not open."""
        if not wanted.endswith(".ipynb"):
            return
        hides = partial(self._paths.hides, caller)
        try:
            path = await self._notebooks.existing(wanted, hides=hides)
        except ContentsError:
            return
        if path:
            msg = (
                f"There is no session {shown(wanted)}, but there is a notebook at this path. "
                f"create_session(path={json.dumps(path)}) gives it a session with a kernel."
            )
            raise UnknownSession(msg + without_people(caller))
        near = await self._notebooks.missing(wanted, hides=hides)
        msg = f"There is no session {shown(wanted)}. {near}"
        raise UnknownSession(msg)

    async def _forget_deleted(self) -> bool:
        """Forget archived sessions that another server has deleted; whether there are any."""
        gone = await self._folders.without_folder(self._register.archived)
        for session in gone:
            self._register.remove(session)
        return bool(gone)

    async def _look_for_moved(self) -> bool:
        """Register the sessions whose folders have appeared since; whether there are any."""
        new = await self._folders.found(but=self._register.ids)
        for session in new:
            self._register.add(session)
        return bool(new)


def means_default(session_id: str | None) -> bool:
    """Whether an argument means the caller's default session."""
    return session_id is None or session_id.strip().lower() in DEFAULT_WORDS
