"""Saves the variables of sessions: when they are not used, and when their kernels are ended.

A session is saved once after each execution. A save replaces the one before it only where nothing
of that is lost (`aside`), and a session that was not brought back as a whole is not saved.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from logging import Logger
from typing import TYPE_CHECKING

from jupyter_mcp_ext.concurrency import Listeners, Timers, to_its_end
from jupyter_mcp_ext.errors import KernelUnavailable
from jupyter_mcp_ext.kernels.evaluation import EvaluationError, FunctionRaised
from jupyter_mcp_ext.kernels.losses import KernelLost
from jupyter_mcp_ext.sessions.comeback.runs import bound_after
from jupyter_mcp_ext.sessions.disk.record import NotSaved
from jupyter_mcp_ext.sessions.disk.room import FULL, SNAPSHOTS
from jupyter_mcp_ext.sessions.session import event_of

from . import aside, snapshots
from .snapshots import UnsupportedKernel

if TYPE_CHECKING:
    from jupyter_mcp_ext.governance.life import Life
    from jupyter_mcp_ext.kernels.links.link import KernelLink
    from jupyter_mcp_ext.sessions.session import Session
    from jupyter_mcp_ext.sessions.story.story import Story

    from .snapshot import Snapshot

PAUSE = 1.0
"""Seconds that a save may keep a kernel that is wanted."""

PATIENCE = 2.0
"""Seconds for a save to come to its end before its kernel is ended at once."""

LOST = (
    EvaluationError,
    KernelLost,
    KernelUnavailable,
    UnsupportedKernel,
    OSError,
)
"""Why a save may fail without a bug in this package."""

WHY: Mapping[NotSaved, str] = {
    "busy": "since its code was still running",
    "late": "since there was no time left when the server stopped",
    "failed": "since saving failed (the server's log has the details)",
    "expired": "since this server keeps no more bytes of snapshots",
    "full": "since the disk is full",
    "ended": "since its kernel was ended by force or while its code ran",
}
"""Words for why a session's latest variables were not saved."""


@dataclass(frozen=True, kw_only=True)
class SaveLimits:
    """When a save is made, and what it may take."""

    delay: float
    """Seconds without use after which a session is saved."""
    max_bytes: int
    max_seconds: float
    at_once: int
    """How many sessions are saved side by side when the server stops."""


class Saves:
    """Saves sessions' variables."""

    def __init__(
        self,
        *,
        key: Callable[[Session], bytes],
        limits: SaveLimits,
        life: Life,
        log: Logger,
    ) -> None:
        """``key`` signs the snapshots of a session."""
        self._key = key
        self._limits = limits
        self._life = life
        self.made: Listeners[Snapshot] = Listeners()
        """Are called with each snapshot."""
        self._log = log
        self._unsaved: set[Session] = set()
        self._timers: Timers[Session] = Timers()
        self._tasks: dict[Session, asyncio.Task[None]] = {}
        self._holding: dict[Session, asyncio.Future[None]] = {}
        """Saves for which the kernel has something to do, and what tells when that is done."""

    def note(self, session: Session) -> None:
        """An execution has ended in a session."""
        if (
            session.story is None
            or session.record.restore != "snapshot"
            or not self._limits.max_bytes
        ):
            return
        self._unsaved.add(session)
        self._wait(session)

    async def pause(self, session: Session) -> None:
        """Let the session's kernel do something else.

        A save that goes on in a copy of the kernel's process does not keep it. One that must be
        done in the kernel itself is given up; nothing is interrupted.
        """
        self._timers.stop(session)
        saving = self._tasks.get(session)
        freed = self._holding.get(session)
        if saving is None or freed is None:
            return
        await asyncio.wait({saving, freed}, timeout=PAUSE, return_when=asyncio.FIRST_COMPLETED)
        if not freed.done():
            saving.cancel()

    async def save(self, session: Session) -> None:
        """Save a session now, if there is anything new and its kernel does nothing else.

        Its ``not_saved`` says why that was not done.
        """
        self._timers.stop(session)
        saving = self._tasks.get(session)
        if saving is not None:
            await asyncio.wait({saving})
        if session not in self._unsaved or not self._is_whole(session):
            return
        if not session.kernel.is_idle:
            session.saved("busy")
            return
        await asyncio.wait({self._start(session, self._limits.max_seconds)})

    async def give_up(self, session: Session) -> None:
        """The session's kernel is ended at once, with what is not saved."""
        await self.pause(session)
        saving = self._tasks.get(session)
        if saving is not None:
            await asyncio.wait({saving}, timeout=PATIENCE)
            saving.cancel()
            await asyncio.wait({saving})
        if session in self._unsaved and self._is_whole(session):
            session.saved("ended")

    def forget(self, session: Session) -> None:
        """Forget what the session had: its kernel was restarted on request."""
        self._timers.stop(session)
        saving = self._tasks.get(session)
        if saving is not None:
            saving.cancel()
        self._unsaved.discard(session)
        session.saved()
        if session.story is not None:
            session.story.forget()

    async def close(self, sessions: Sequence[Session], *, seconds: float) -> None:
        """Save what is not saved, the sessions used last first, as far as the time allows.

        More side by side than there are cores would only make each later.
        """
        self._timers.close()
        unsaved = [one for one in sessions if one in self._unsaved and self._is_whole(one)]
        unsaved.sort(key=lambda one: one.last_used, reverse=True)
        deadline = asyncio.get_running_loop().time() + seconds
        places = asyncio.Semaphore(self._limits.at_once)
        idle = await asyncio.gather(*map(self._is_idle, unsaved))
        saves = []
        for session, is_idle in zip(unsaved, idle, strict=True):
            place = places if is_idle else asyncio.Semaphore()  # its code ends when it ends
            save = self._save_last(session, place, deadline, is_idle=is_idle)
            saves.append(asyncio.create_task(save))
        if saves:
            await asyncio.wait(saves, timeout=seconds)
        for task in (*saves, *self._tasks.values()):
            task.cancel()
        await asyncio.gather(*saves, *self._tasks.values(), return_exceptions=True)
        left = [one for one in unsaved if one in self._unsaved]
        for session in left:
            session.saved(session.record.not_saved or "late")
        if left:
            self._log.warning(
                "The server stops, and the latest variables of %d of %d sessions were not saved: "
                "%s. c.McpSessions.stop_seconds gives more time.",
                len(left),
                len(unsaved),
                ", ".join(f"{one.id} {WHY[one.record.not_saved]}" for one in left),
            )

    async def _save_last(
        self, session: Session, place: asyncio.Semaphore, deadline: float, *, is_idle: bool
    ) -> None:
        """Save a session at the server's stop."""
        async with place:
            saving = self._tasks.get(session)
            if saving is not None:
                await asyncio.wait({saving})
            left = deadline - asyncio.get_running_loop().time()
            if session in self._unsaved and left > 0:
                session.saved("" if is_idle else "busy")
                seconds = min(left, self._limits.max_seconds)
                await asyncio.wait({self._start(session, seconds, is_last=True)})

    async def _is_idle(self, session: Session) -> bool:
        """Also of code that an execution has run which the server's stop has ended."""
        try:
            status = await session.kernel.status()
        except KernelUnavailable:
            return True
        return session.kernel.is_idle and status.state != "busy"

    def _wait(self, session: Session) -> None:
        self._timers.set(session, self._limits.delay, self._begin)

    def _is_whole(self, session: Session) -> bool:
        """Whether all that is to be in its kernel is: else there is a better save than now's."""
        need = session.continuity.need(session.kernel.losses)
        return session.kernel.hosted.is_there and not need

    def _begin(self, session: Session) -> None:
        if session in self._tasks:
            self._wait(session)
        elif self._is_whole(session) and session.kernel.is_idle:
            # Else it runs code of another client, and the next execution here saves.
            self._start(session, self._limits.max_seconds)

    def _start(
        self, session: Session, seconds: float, *, is_last: bool = False
    ) -> asyncio.Task[None]:
        save = self._save(session, seconds, patience=0.0 if is_last else seconds)
        task = asyncio.create_task(save, name=f"mcp-snapshot-{session.id}")
        self._tasks[session] = task
        task.add_done_callback(lambda _: self._ended(session))
        return task

    def _ended(self, session: Session) -> None:
        self._tasks.pop(session, None)

    async def _save(self, session: Session, seconds: float, *, patience: float) -> None:
        story = session.story
        if story is None:
            return
        self._unsaved.discard(session)
        is_over = False
        try:
            async with session.kernel.linked() as link:
                if link.info.kind.saves_variables:
                    await self._save_over(link, session, story, seconds, patience)
            is_over = True
            session.saved()
        except asyncio.TimeoutError:  # what waits in the kernel finds its file gone, and ends
            is_over = True
            session.saved("failed")
            self._refused(session, "saving took too long")
        except LOST as err:
            is_full = getattr(err, "errno", None) in FULL
            session.saved("full" if is_full else session.record.not_saved or "failed")
            # Of a person, or of what the kernel ran before; it is tried again after the next one.
            is_interrupt = isinstance(err, FunctionRaised) and err.ename == "KeyboardInterrupt"
            tell = self._log.debug if is_interrupt else self._log.warning
            tell("The variables of %s were not saved: %s", session.id, err)
            if not is_interrupt:
                self._refused(session, f"saving failed ({type(err).__name__})")
        finally:
            self._holding.pop(session, None)
            if not is_over:
                self._unsaved.add(session)

    def _refused(self, session: Session, why: str) -> None:
        self._life.tell(event_of("snapshot_refused", session, why))

    async def _save_over(
        self, link: KernelLink, session: Session, story: Story, seconds: float, patience: float
    ) -> None:
        key = self._key(session)
        rebound = partial(bound_after, story.alive)
        before = session.continuity.missing, rebound, story.gone_until
        room = await asyncio.to_thread(SNAPSHOTS.room, story.folder.path)
        if room <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        await to_its_end(lambda: aside.begin(story.folder, key, *before))
        freed = self._holding[session] = asyncio.get_running_loop().create_future()
        snapshot = await snapshots.save(
            link,
            aside.Keeping(story.folder),
            key=key,
            session_id=session.id,
            owner=session.owner,
            after=story.last_ended,
            max_bytes=min(self._limits.max_bytes, room),
            seconds=seconds,
            patience=patience,
            is_confined=session.kernel.is_confined,
            freed=lambda: None if freed.done() else freed.set_result(None),
        )
        self.made.tell(snapshot)
        await to_its_end(lambda: aside.settle(story.folder, key, rebound, story.gone_until))


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
