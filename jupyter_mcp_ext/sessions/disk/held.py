"""Takes and releases sessions' folders; a session whose folder is unusable is in memory only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Container, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from logging import Logger
from typing import TYPE_CHECKING

import psutil

from jupyter_mcp_ext.concurrency import Locks, Timer
from jupyter_mcp_ext.errors import KernelUnavailable
from jupyter_mcp_ext.sessions.notices import check_usable
from jupyter_mcp_ext.sessions.session import Session
from jupyter_mcp_ext.sessions.story.composition import Head
from jupyter_mcp_ext.sessions.story.journal import LaterJournal
from jupyter_mcp_ext.sessions.story.writing import FAULTS

from .folder import SessionFolder
from .lock import BEAT, HeldElsewhere
from .removal import Removal
from .store import Archived, SessionStore

if TYPE_CHECKING:
    from jupyter_mcp_ext.kernels.fleet import Kernels

UNUSABLE = "its folder cannot be used"
TAKEN = "another server has taken its folder"


class HeldFolders:
    """The session folders that this server holds; only one server holds a folder at a time."""

    def __init__(
        self,
        store: SessionStore | None,
        kernels: Kernels,
        *,
        instead: Callable[[str], str],
        log: Logger,
    ) -> None:
        """Without a ``store`` there is no disk for sessions.

        ``instead`` gives where the kernels of a subject's sessions start that cannot have a folder
        of their own.
        """
        self.store = store
        self._kernels = kernels
        self._instead = instead
        self._log = log
        self._specs: dict[str, tuple[str, str]] = {}
        """Display name and language by the kernelspec's name."""
        self._locks: Locks[Session] = Locks()
        self._held: set[Session] = set()
        self._timer = Timer()
        self._beating: asyncio.Task[None] | None = None

    async def found(self, *, but: Container[str] = ()) -> list[Session]:
        """Every session on disk, but for those of some ids."""
        return await self.store.all(but=but) if self.store is not None else []

    async def without_folder(self, sessions: Sequence[Session]) -> list[Session]:
        """Those of some sessions that have no folder, since they were deleted."""
        if self.store is None:
            return []
        has_folder = self.store.has_folder
        return await asyncio.to_thread(lambda: [s for s in sessions if not has_folder(s)])

    def removal(self) -> Removal | None:
        """What archives and deletes the sessions on disk."""
        if self.store is None:
            return None
        return Removal(self.store, self._kernels.pids().__contains__)

    def snapshot_key(self, session: Session) -> bytes:
        """The key that signs a session's snapshots."""
        return self.store.snapshot_key(session) if self.store is not None else b""

    async def sizes(self, sessions: Sequence[Session]) -> list[int]:
        """Bytes that sessions have on disk to come back from, their notebooks included."""
        if self.store is None:
            return [0] * len(sessions)
        return await asyncio.to_thread(self.store.sizes, sessions)

    async def hold(self, session: Session) -> None:
        """Be the server that writes the session's story.

        Raises KernelUnavailable when another server does, UnknownSession when it was archived.
        """
        async with self._locks.of(session):
            check_usable(session)
            if session.story is not None or self.store is None or not session.folder:
                return
            await self._read_specs()
            try:
                head = partial(self._head, session)
                story = await self.store.hold(session, head, self._kernels.pids().__contains__)
                session.hold(story)
                self._held.add(session)
                self._wait()
                if session.is_agents:  # a spare's is written when a caller gets it
                    await self.store.save(session)
            except HeldElsewhere as err:
                words = await asyncio.to_thread(_in_use, err, self._kernels.pids())
                msg = f"The session {session.id} ({session.name}) {words}"
                raise KernelUnavailable(msg) from err
            except OSError as err:
                self._go_without(session, FAULTS.get(err.errno, UNUSABLE))
            except LaterJournal as err:
                self._go_without(session, str(err))
            except Archived as err:
                session.write(err.record)
                check_usable(session)

    @asynccontextmanager
    async def released(self, session: Session) -> AsyncIterator[None]:
        """Release a session's folder, and do not hold it again in the block."""
        async with self._locks.of(session):
            await self.let_go(session)
            yield

    async def save(self, session: Session, *, is_at_rest: bool = False) -> None:
        """Write a session's record; ``is_at_rest`` when its folder is released with it."""
        if self.store is None:
            return
        try:
            await self.store.save(session, is_at_rest=is_at_rest)
        except OSError as err:
            session.hold(session.story, fault=FAULTS.get(err.errno, UNUSABLE))

    async def let_go(self, session: Session) -> None:
        """Release a session's folder; it is taken again when the session is used."""
        if session.story is not None:
            self._held.discard(session)
            await self.save(session, is_at_rest=True)
            await session.story.close()
            session.hold(None, fault=session.fault)

    async def discard(self, session: Session) -> None:
        """Remove the folder of a session that was not completed."""
        if session.story is not None:
            self._held.discard(session)
            await asyncio.to_thread(session.story.folder.discard)
            session.hold(None, fault=session.fault)

    async def holder(self, session: Session) -> str:
        """Words for another server that holds a session; empty when none does."""
        if session.story is not None:  # no call waits for a thread to be told so
            return ""
        [words] = await self.holders([session])
        return words

    async def holders(self, sessions: Sequence[Session]) -> list[str]:
        """The same for several sessions."""
        if self.store is None:
            return [""] * len(sessions)
        async with AsyncExitStack() as locks:
            # A look is a lock for a moment. All take several in this order, so none waits for ever.
            for session in sorted(sessions, key=lambda each: each.id):
                await locks.enter_async_context(self._locks.of(session))
            return await asyncio.to_thread(self.store.holders, sessions)

    async def close(self) -> None:
        """Send no more heartbeats."""
        if self._beating is not None:
            await asyncio.wait({self._beating})
        self._timer.stop()

    def _wait(self) -> None:
        """Wait until the next heartbeat is due."""
        if not self._timer.is_set and self._beating is None:
            self._timer.set(BEAT, self._beat)

    def _beat(self) -> None:
        if self._held:
            self._beating = asyncio.create_task(self._beat_all(), name="mcp-session-heartbeat")

    async def _beat_all(self) -> None:
        """Write into each folder's lock that this server still works there."""
        held = {s: s.story.folder for s in self._held if s.story is not None}
        try:
            lost = await asyncio.to_thread(
                lambda: [session for session, folder in held.items() if not _beats(folder)]
            )
        finally:
            self._beating = None
            self._wait()
        for session in lost:  # this machine was asleep for so long that another server came
            self._held.discard(session)
            if session.story is not None:
                session.story.abandon()
                session.hold(None, fault=TAKEN)

    def _go_without(self, session: Session, why: str) -> None:
        """Go on with a session in memory, since it cannot be stored on disk."""
        self._log.warning("The session %s is not kept on disk: %s", session.id, why)
        session.hold(session.story, fault=why)
        if session.cwd == session.folder and not session.record.had_kernel:
            session.write(replace(session.record, cwd=self._instead(session.owner)))

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


def _beats(folder: SessionFolder) -> bool:
    try:
        return folder.beat()
    except OSError:  # a full disk, say: what is written next tells
        return True


def _in_use(err: HeldElsewhere, kernels: Container[int]) -> str:
    """Why a session's folder is held elsewhere, and what to do."""
    with suppress(psutil.Error):
        if err.pid is not None and any(p.pid in kernels for p in psutil.Process(err.pid).parents()):
            return (
                f"has its folder locked by process {err.pid}, which code in a kernel of this "
                "server has started. End that process or restart that kernel, or create_session "
                "makes another one."
            )
    return (
        f"is in use by another Jupyter server ({err.words}). Use it there, or create_session "
        "makes another one."
    )
