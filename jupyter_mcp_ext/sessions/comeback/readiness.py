"""Gives a session a kernel that has what the session had, before code runs in it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from jupyter_mcp_ext.concurrency import to_its_end
from jupyter_mcp_ext.errors import UnknownSession
from jupyter_mcp_ext.kernels.links.link import NO_INFO
from jupyter_mcp_ext.kernels.losses import UNUSED
from jupyter_mcp_ext.sandbox.overlay import PACKAGES, Overlay
from jupyter_mcp_ext.sessions.notices import check_usable

if TYPE_CHECKING:
    from jupyter_mcp_ext.kernels.kernel import Kernel
    from jupyter_mcp_ext.sessions.disk.held import HeldFolders
    from jupyter_mcp_ext.sessions.lifecycle import SessionKernels
    from jupyter_mcp_ext.sessions.saving.saves import Saves
    from jupyter_mcp_ext.sessions.session import Session

    from .comeback import Comeback


class Readiness:
    """What happens to a session when its kernel starts, is lost, is restarted or is ended."""

    def __init__(
        self,
        lives: SessionKernels,
        folders: HeldFolders,
        saves: Saves,
        comeback: Comeback,
        lock: Callable[[object], asyncio.Lock],
    ) -> None:
        self._lives = lives
        self._folders = folders
        self._saves = saves
        self._comeback = comeback
        self._lock = lock

    async def ready(self, session: Session) -> Kernel:
        """The session's kernel, which is started if need be.

        Raises KernelUnavailable, and UnknownSession when a person shut their own kernel down.
        """
        if not self._lives.runs(session):
            async with self._lock(session):
                if not self._lives.runs(session):
                    await self._start(session)
        return session.kernel

    async def prepare(self, session: Session) -> str:
        """Bring back what a lost kernel had; called when it is the turn of code to run.

        The kernel has a link and runs nothing else of this server's. Returns words for what came
        back after the latest loss, or for why nothing did; may be empty.
        """
        await self._saves.pause(session)
        losses = session.kernel.losses
        match session.continuity.need(losses):
            case "fresh":
                self._saves.forget(session)
                session.continuity.restarted(losses)
            case "comeback":
                session.continuity.begins(losses)
                await self._comeback.bring_back(session, session)
        return session.continuity.comeback

    def awaits_comeback(self, session: Session) -> bool:
        """Whether the next code will find variables that its new kernel does not have yet."""
        need = session.continuity.need(session.kernel.losses)
        return session.story is not None and need == "comeback"

    async def bring_back(self, session: Session) -> None:
        """Start a session's kernel and bring back what it had. Raises ToolError."""
        await self._folders.hold(session)
        await self.ready(session)
        async with session.kernel.linked():
            await self.prepare(session)

    async def copy(self, source: Session, session: Session) -> None:
        """Begin a new session with the variables of another."""
        await self._saves.save(source)
        await _copy_packages(source, session)
        async with session.kernel.linked():
            await self._comeback.bring_back(session, source)

    def keeps_variables(self, session: Session) -> bool:
        """Whether its kernel is one whose variables are saved, or is not known yet."""
        info = session.kernel.info
        return info is NO_INFO or info.kind.saves_variables

    async def restart(self, session: Session, *, by: str, now: bool) -> None:
        """Restart the session's kernel. Raises KernelUnavailable."""
        await self._folders.hold(session)
        await self._saves.pause(session)
        await self.ready(session)
        await session.kernel.restart(by=by, now=now)
        self._saves.forget(session)
        session.continuity.restarted(session.kernel.losses)

    async def shutdown(self, session: Session, *, by: str, now: bool) -> None:
        """End the session's kernel; what is on disk comes back when the session is used."""
        if now:
            await self._saves.give_up(session)
        else:
            await self._saves.save(session)
        await self._lives.shutdown(session, by=by, now=now)
        await self._folders.let_go(session)

    async def end_idle(self, session: Session) -> None:
        """End the kernel of a session that was not used for long."""
        if session.kernel.is_idle:
            await self.shutdown(session, by=UNUSED, now=False)
        else:
            self._lives.use(session)

    async def _start(self, session: Session) -> None:
        check_usable(session)
        if session.kernel_id and not session.is_agents:
            msg = (
                f"The kernel of {session.path} was shut down. create_session(path=…) starts "
                "a new one for the notebook."
            )
            raise UnknownSession(msg)
        await self._lives.start(session)
        self._lives.use(session)
        await self._folders.save(session)


async def _copy_packages(source: Session, session: Session) -> None:
    """Give a session in the sandbox the packages of another: its variables may need them."""
    if source.story is not None and session.story is not None and session.kernel.is_confined:
        mine, its = (
            Overlay(story.folder.path / PACKAGES) for story in (session.story, source.story)
        )
        with suppress(OSError):  # what then fails to load is told
            await to_its_end(lambda: mine.copy(its))
