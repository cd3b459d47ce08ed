"""Makes sessions: for callers, and spares, whose kernels run before they are asked for."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Container
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from jupyter_mcp_ext.errors import KernelUnavailable
from jupyter_mcp_ext.governance.caller import Caller

from .disk.held import HeldFolders
from .disk.record import Restore, SessionRecord
from .disk.store import as_file_name, notebook_for
from .lifecycle import SessionKernels
from .register import Register
from .session import Session, new_jupyter_id

if TYPE_CHECKING:
    from jupyter_mcp_ext.kernels.fleet import Kernels

_ID = re.compile(r"[0-9a-fA-F-]{8,}")
"""Scopes that a program has generated; they mean nothing to people."""


NO_CALLER = Caller(subject="", username="", client="")


class SessionMaker:
    """Makes sessions and puts them into the register."""

    def __init__(
        self,
        register: Register,
        kernels: Kernels,
        folders: HeldFolders,
        lives: SessionKernels,
        *,
        home: Callable[[str], str],
        restore: Restore,
    ) -> None:
        """``home`` gives where kernels of a subject start unless another folder is given."""
        self._register = register
        self._kernels = kernels
        self._folders = folders
        self._lives = lives
        self.home = home
        self._restore: Restore = restore

    async def make(
        self,
        caller: Caller,
        name: str | None,
        kernel_name: str | None,
        cwd: str,
        path: str | None = None,
    ) -> Session:
        """A session that has no kernel yet; ``cwd`` is its kernel's folder, an API path.

        Raises KernelUnavailable when there is no kernel of that name.
        """
        kernel_name = await self._kernels.known_name(kernel_name)
        session = self._new(caller, name, _title(caller, name), kernel_name, cwd, path)
        self._register.add(session)
        self._lives.tell("session_made", session)
        return session

    async def make_default(self, caller: Caller) -> Session:
        """The caller's default session. Raises KernelUnavailable."""
        kernel_name = await self._kernels.known_name(None)
        name = f"{caller.client} ({caller.scope})" if caller.scope else caller.client
        title = _default_title(caller)
        session = self._new(
            caller, name, title, kernel_name, self.home(caller.subject), is_default=True
        )
        self._register.add(session)
        self._lives.tell("session_made", session)
        return session

    def _new(
        self,
        caller: Caller,
        name: str | None,
        title: str,
        kernel_name: str,
        cwd: str,
        path: str | None = None,
        *,
        is_default: bool = False,
    ) -> Session:
        session_id = self._register.new_id()
        name = name or session_id
        folder = notebook = ""
        place = PurePosixPath(cwd) / f"{as_file_name(name)}-{session_id}"
        if self._folders.store is not None:
            folder = self._folders.store.layout.path_of(session_id, caller.subject)
            notebook = notebook_for(title)
            place = PurePosixPath(folder) / notebook
        now = time.time()
        record = SessionRecord(
            id=session_id,
            jupyter_id=new_jupyter_id(session_id),
            name=name,
            path=path or str(place),
            notebook=notebook,
            cwd=self._kernels.sandbox.start_in(cwd, folder),
            kernel_name=kernel_name,
            owner=caller.subject,
            client=caller.client,
            scope=caller.scope if is_default else "",
            is_default=is_default,
            restore=self._restore,
            created=now,
            last_used=now,
        )
        return Session(record=record, folder=folder)

    @property
    def default_kernel(self) -> str:
        """The kernelspec of a session that asks for none."""
        return self._kernels.default_name

    async def known_name(self, kernel_name: str) -> str:
        """The kernelspec that a name or display name means. Raises KernelUnavailable."""
        return await self._kernels.known_name(kernel_name)

    async def kernel_names(self) -> Container[str]:
        """The kernelspecs that there are."""
        return await self._kernels.specs()

    def folder_for(self, caller: Caller) -> str:
        """The folder of kernels that a caller starts: the one of the default session."""
        default = self._register.default_of(caller)
        return self.home(caller.subject) if default is None else default.cwd

    async def give_up(self, session: Session) -> None:
        """Take back a session that has just been made."""
        if self._lives.runs(session):
            await self._lives.shutdown(session, by="this server", now=True)
        self._register.remove(session)
        await self._folders.discard(session)
        self._lives.tell("session_deleted", session, "it could not be started")

    async def make_spare(self) -> Session:
        """A session that no caller has yet, its kernel running in the default folder."""
        kernel_name = await self._kernels.known_name(None)
        session = self._new(NO_CALLER, None, "", kernel_name, self.home(""))
        self._register.add_spare(session)
        holding = asyncio.ensure_future(self._folders.hold(session))
        try:
            await asyncio.shield(holding)  # a thread goes on when it is cancelled
            if session.story is None:
                msg = f"{session.fault}. Make room for sessions, or set McpSessions.sessions_dir."
                raise KernelUnavailable(msg)
            await self._lives.start_unlisted(session)
            session.kernel.activity.stop()  # it is no user's activity
        except BaseException:
            await asyncio.wait({holding})
            self._register.remove(session)
            await self._folders.discard(session)
            raise
        return session

    async def end_spare(self, session: Session) -> None:
        """Take back a spare."""
        try:
            await session.kernel.shutdown(by="this server", now=True)
        finally:
            self._register.remove(session)
            await self._folders.discard(session)

    async def is_sound(self, session: Session) -> bool:
        """Whether a spare's kernel can be used."""
        return await session.kernel.is_sound()

    async def hand_out(
        self, caller: Caller, name: str | None, take: Callable[[], Awaitable[Session | None]]
    ) -> Session | None:
        """Give a caller the spare that ``take`` takes, if there is one.

        Raises KernelUnavailable when the caller may have no more kernels.
        """
        await self._lives.make_room(caller.subject)
        with self._lives.room(caller.subject):
            spare = await take()
            if spare is None:
                return None
            notebook = notebook_for(_title(caller, name))
            spare.hand_out(caller, name=name, notebook=notebook, now=time.time())
            spare.kernel.activity.start()
            self._register.add(spare)
        self._lives.tell("session_made", spare)
        await asyncio.gather(self._lives.list(spare), self._folders.save(spare))
        return spare


def _title(caller: Caller, name: str | None) -> str:
    """What a session's notebook is called: its name, else its client with the day."""
    return name or f"{caller.client or 'session'} {time.strftime('%Y-%m-%d')}"


def _default_title(caller: Caller) -> str:
    """What a default session's notebook is called: its client with the scope or the day."""
    is_made_up = _ID.fullmatch(caller.scope)
    scope = time.strftime("%Y-%m-%d") if is_made_up else caller.scope
    return f"{caller.client or 'session'} {scope}"
