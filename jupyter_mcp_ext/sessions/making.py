"""Makes sessions: new ones, and those whose kernel runs before anybody asks for them."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from jupyter_mcp_ext.errors import KernelUnavailable
from jupyter_mcp_ext.governance.caller import Caller

from .disk.held import Keeper
from .disk.record import Restore, SessionRecord
from .disk.store import as_file_name, notebook_for
from .lifecycle import SessionKernels
from .register import Register
from .session import Session, new_jupyter_id

if TYPE_CHECKING:
    from jupyter_mcp_ext.kernels.service import Kernels

_ID = re.compile(r"[0-9a-fA-F-]{8,}")
"""What a scope is that a program has made up and that says nothing to people."""


class SessionMaker:
    """Makes sessions and puts them into the register."""

    def __init__(
        self,
        register: Register,
        kernels: Kernels,
        keeper: Keeper,
        lives: SessionKernels,
        *,
        default_folder: str,
        restore: Restore,
    ) -> None:
        """``default_folder`` is that of kernels when no other is asked for, an API path."""
        self._register = register
        self._kernels = kernels
        self._keeper = keeper
        self._lives = lives
        self.default_folder = default_folder
        self._restore: Restore = restore

    async def make(
        self,
        caller: Caller,
        name: str | None,
        kernel_name: str | None,
        cwd: str,
        path: str | None = None,
        *,
        is_default: bool = False,
    ) -> Session:
        """A session that has no kernel yet; ``cwd`` is its kernel's folder, an API path.

        Raises KernelUnavailable when there is no kernel of that name.
        """
        kernel_name = await self._kernels.known_name(kernel_name)
        session_id = self._register.new_id()
        title = _title(caller, name, is_default=is_default)
        name = name or session_id
        folder = notebook = ""
        place = PurePosixPath(cwd) / f"{as_file_name(name)}-{session_id}"
        if self._keeper.store is not None:
            folder = self._keeper.store.path_of(session_id)
            notebook = notebook_for(title)
            place = PurePosixPath(folder) / notebook
        now = time.time()
        record = SessionRecord(
            id=session_id,
            jupyter_id=new_jupyter_id(session_id),
            name=name,
            path=path or str(place),
            notebook=notebook,
            cwd=cwd,
            kernel_name=kernel_name,
            owner=caller.subject,
            client=caller.client,
            scope=caller.scope if is_default else "",
            is_default=is_default,
            restore=self._restore,
            created=now,
            last_used=now,
        )
        session = Session(record=record, folder=folder)
        self._register.add(session)
        return session

    def folder_for(self, caller: Caller) -> str:
        """The folder of kernels that a caller starts: the one of the default session."""
        default = self._register.default_of(caller)
        return self.default_folder if default is None else default.cwd

    async def make_spare(self) -> Session:
        """A session that belongs to nobody yet, its kernel running in the default folder."""
        nobody = Caller(subject="", username="", client="")
        session = await self.make(nobody, None, None, self.default_folder)
        self._register.remove(session)
        holding = asyncio.ensure_future(self._keeper.hold(session))
        try:
            await asyncio.shield(holding)  # a thread goes on when it is cancelled
            if session.story is None:
                msg = f"{session.fault}. Make room for sessions, or set McpSessions.sessions_dir."
                raise KernelUnavailable(msg)
            await self._lives.start_unlisted(session)
            self._kernels.stop_watching(session.kernel_id)  # it is nobody's activity
        except BaseException:
            await asyncio.wait({holding})
            await self._keeper.discard(session)
            raise
        return session

    async def end_spare(self, session: Session) -> None:
        """Take back a spare."""
        try:
            await self._kernels.shutdown(session.kernel_id, by="this server", now=True)
        finally:
            await self._keeper.discard(session)

    def hand_out(self, session: Session, caller: Caller, name: str | None) -> None:
        """Give a spare to a caller."""
        title = _title(caller, name, is_default=False)
        session.hand_out(caller, name=name, notebook=notebook_for(title), now=time.time())
        self._kernels.start_watching(session.kernel_id)
        self._register.add(session)


def _title(caller: Caller, name: str | None, *, is_default: bool) -> str:
    """What a session's notebook is called: its name, else its client with the scope or the day."""
    if name is not None and not is_default:
        return name
    scope = caller.scope if is_default else ""
    of_day = not is_default or _ID.fullmatch(scope)
    return f"{caller.client or 'session'} {time.strftime('%Y-%m-%d') if of_day else scope}"
