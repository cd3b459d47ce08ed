"""Takes and lets go of sessions' folders, and goes on without one where that cannot be."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from logging import Logger
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from jupyter_mcp_ext.errors import KernelUnavailable

from .folder import HeldElsewhere
from .session import Session
from .store import SessionStore
from .story import FAULTS
from .view import Head

if TYPE_CHECKING:
    from jupyter_mcp_ext.kernels.service import Kernels

UNUSABLE = "its folder cannot be used"


class Keeper:
    """Keeps sessions in their folders; ``store`` is None where there is no disk for them."""

    def __init__(
        self,
        root: Path | None,
        sessions_dir: str,
        kernels: Kernels,
        *,
        key: Callable[[str], bytes],
        shared_subject: str,
        instead: str,
        log: Logger,
    ) -> None:
        """For ``key`` and ``shared_subject`` see `SessionStore`.

        ``instead`` is the folder of kernels whose session can have none of its own.
        """
        self._kernels = kernels
        self._instead = instead
        self._log = log
        self._specs: dict[str, tuple[str, str]] = {}
        """Display name and language by the kernelspec's name."""
        self._locks: WeakKeyDictionary[Session, asyncio.Lock] = WeakKeyDictionary()
        self.store: SessionStore | None = None
        if root is not None:
            self.store = SessionStore(
                root,
                "/".join(part for part in sessions_dir.split("/") if part not in ("", ".")),
                key=key,
                shared_subject=shared_subject,
                head=self._head,
                log=log,
            )

    async def hold(self, session: Session) -> None:
        """Be the server that keeps the session's story.

        Raises KernelUnavailable when another server does.
        """
        async with self._locks.setdefault(session, asyncio.Lock()):
            if session.story is not None or self.store is None or not session.folder:
                return
            await self._read_specs()
            try:
                await self.store.hold(session)
                if session.is_agents:  # a spare's is written when it is somebody's
                    await self.store.save(session)
                session.fault = ""
            except HeldElsewhere as err:
                msg = (
                    f"The session {session.id} ({session.name}) is in use by another Jupyter "
                    f"server ({err.words}). Use it there, or create_session makes another one."
                )
                raise KernelUnavailable(msg) from err
            except OSError as err:
                self._go_without(session, FAULTS.get(err.errno, UNUSABLE))

    async def save(self, session: Session) -> None:
        """Write down what a session is."""
        if self.store is None:
            return
        try:
            await self.store.save(session)
        except OSError as err:
            session.fault = FAULTS.get(err.errno, UNUSABLE)

    async def let_go(self, session: Session) -> None:
        """Let go of a session's folder; it is taken again when the session is used."""
        if session.story is not None:
            await self.save(session)
            await session.story.close()
            session.story = None

    async def discard(self, session: Session) -> None:
        """Take back the folder of a session that came to nothing."""
        if session.story is not None:
            await asyncio.to_thread(session.story.folder.discard)
            session.story = None

    async def holder(self, session: Session) -> str:
        """Words for another server that holds a session; empty when none does."""
        return await self.store.holder(session) if self.store is not None else ""

    def _go_without(self, session: Session, why: str) -> None:
        """Go on with a session that cannot be kept on disk."""
        self._log.warning("The session %s is not kept on disk: %s", session.id, why)
        session.fault = why
        if session.cwd == session.folder and not session.had_kernel:
            session.cwd = self._instead

    async def _read_specs(self) -> None:
        specs = await self._kernels.specs()
        self._specs = {
            name: (str(spec.get("display_name", name)), str(spec.get("language", "")))
            for name, spec in specs.items()
        }

    def _head(self, session: Session) -> Head:
        display_name, language = self._specs.get(session.kernel_name, (session.kernel_name, ""))
        return Head(
            session_id=session.id,
            kernel_name=session.kernel_name,
            display_name=display_name,
            language=language,
        )
