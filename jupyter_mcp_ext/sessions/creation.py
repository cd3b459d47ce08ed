"""Creates sessions for ``create_session``, and leaves nothing of one that fails."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING
from weakref import WeakSet

from jupyter_mcp_ext.concurrency import Tasks

from .wishes import Created, Wish, joined

if TYPE_CHECKING:
    from jupyter_mcp_ext.governance.caller import Caller

    from .comeback.readiness import Readiness
    from .disk.held import HeldFolders
    from .disk.paths import SessionPaths
    from .making import SessionMaker
    from .register import Register
    from .session import Session
    from .wishes import Wishes


class Creation:
    """Gives callers the sessions that they wish for, with a running kernel."""

    def __init__(
        self,
        register: Register,
        wishes: Wishes,
        maker: SessionMaker,
        folders: HeldFolders,
        paths: SessionPaths,
        readiness: Readiness,
    ) -> None:
        self._register = register
        self._wishes = wishes
        self._maker = maker
        self._folders = folders
        self._paths = paths
        self._readiness = readiness
        self._joined: WeakSet[Session] = WeakSet()
        """Sessions that more than one call has asked for."""
        self._tasks = Tasks()

    async def create(self, caller: Caller, wish: Wish, source: Session | None) -> Created:
        """The session of a wish, its kernel running; a new one has the variables of ``source``."""
        created = await self._wishes.find_or_make(caller, wish, partial(self._paths.hides, caller))
        session = created.session
        if created.existing:
            self._joined.add(session)
        try:
            await self._make_ready(session, wish)
            if wish.path and not created.existing:
                opened = await self._register.on_path(session.path, caller)
                if opened is not None:  # a person opened the notebook while our kernel started
                    await self._maker.give_up(session)
                    return joined(opened, caller, wish)
            if source is not None and not created.existing:
                await self._readiness.copy(source, session)
        except BaseException:
            if not created.existing and session not in self._joined:
                await self._take_back(session)
            raise
        return created

    async def join(self, caller: Caller, session: Session) -> Created:
        """A session that was found, as `create` gives it; its kernel runs.

        Raises KernelUnavailable when another server holds it.
        """
        created = joined(session, caller, Wish(path=session.path))
        self._joined.add(session)
        await self._folders.hold(session)
        return created

    async def _make_ready(self, session: Session, wish: Wish) -> None:
        if wish.restore is not None and session.is_agents:
            session.write(replace(session.record, restore=wish.restore))
        await self._folders.hold(session)
        if wish.restore is not None:
            await self._folders.save(session)
        await self._readiness.ready(session)

    async def _take_back(self, session: Session) -> None:
        """Leave nothing of a session that failed, also when its request was cancelled."""
        task = self._tasks.start(self._maker.give_up(session), name="mcp-session-give-up")
        await asyncio.shield(task)
