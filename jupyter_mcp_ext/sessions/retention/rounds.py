"""Archives and deletes sessions that expire: when the server starts, and every ten minutes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from jupyter_mcp_ext.concurrency import Tasks, Timer
from jupyter_mcp_ext.governance.life import LifeKind
from jupyter_mcp_ext.sessions.disk.removal import Weight
from jupyter_mcp_ext.sessions.removing import InUse
from jupyter_mcp_ext.system import steady_time

from .clock import SPAN, BelievedClock
from .plan import Action, Kept, Step, archived_at, plan

if TYPE_CHECKING:
    from logging import Logger

    from jupyter_mcp_ext.sessions.removing import SessionRemover
    from jupyter_mcp_ext.sessions.session import Session

    from .retention import McpRetention

INTERVAL = 600.0
"""Seconds between two rounds."""

SOON = 10.0
"""Seconds until the next round when one has left something to do."""

MAX_STEPS = 100
"""Sessions to which one round does something."""

DONE = {"archive": "archived", "drop_snapshots": "its snapshot removed", "delete": "deleted"}


class Rounds:
    """Looks through the sessions again and again, and does what their limits ask for."""

    def __init__(
        self,
        settings: McpRetention,
        remover: SessionRemover,
        tell: Callable[[LifeKind, Session, str], object],
        log: Logger,
    ) -> None:
        """``tell`` is told of each session that expires."""
        self.settings = settings
        self.log = log
        self._remover = remover
        self._tell = tell
        self._clock = BelievedClock(time.time(), steady_time())
        self._timer = Timer()
        self._tasks = Tasks()

    def open(self) -> None:
        """Begin with the first round; there are more if there are any limits."""
        used = [session.last_used for session in self._remover.sessions]
        span = min(SPAN, self.settings.max_age or SPAN)
        self._clock = BelievedClock(time.time(), steady_time(), used, span=span)
        self._begin()

    async def close(self) -> None:
        """Begin no more rounds; what is being done to a session is done to its end."""
        self._timer.stop()
        await self._tasks.close()

    async def round(self) -> list[Step]:
        """Do what is due now, to `MAX_STEPS` sessions at most; what was done is returned."""
        await self._remover.look()
        sessions = {session.id: session for session in self._remover.sessions}
        steps = [] if self.settings.bounds.is_none else await self._steps(sessions.values())
        done = [step for step in steps if await self._do(step, sessions[step.id])]
        for session in await self._remover.cut_short():
            await self._do(Step(id=session.id, action="archive", why=""), session)
        return done

    async def _steps(self, sessions: Iterable[Session]) -> list[Step]:
        kept = await self._kept(list(sessions))
        now = time.time()
        until = self._clock.now(now, steady_time())
        return plan(kept, self.settings.bounds, now=now, until=until)[:MAX_STEPS]

    async def _kept(self, sessions: list[Session]) -> list[Kept]:
        used = await self._remover.used()
        weights = [Weight()] * len(sessions)
        if self.settings.bounds.needs_bytes:
            weights = await self._remover.weights(sessions)
        now, changed = time.time(), await self._changed(sessions)
        return [
            Kept(
                id=session.id,
                owner=session.owner,
                last_used=session.last_used,
                archived=archived_at(session.record.archived, changed.get(session, 0.0), now=now),
                bytes=weight.bytes,
                snapshots=weight.snapshots,
                is_used=session.id in used,
            )
            for session, weight in zip(sessions, weights, strict=True)
        ]

    async def _changed(self, sessions: list[Session]) -> dict[Session, float]:
        """When the files of archived sessions were changed, if any of these may be deleted."""
        archived = [session for session in sessions if session.record.archived]
        if not self.settings.bounds.deletes:
            return {}
        changed = await self._remover.changed(archived)
        return dict(zip(archived, changed, strict=True))

    async def _do(self, step: Step, session: Session) -> bool:
        """Do a step; False if the session is in use or its folder cannot be changed."""
        try:
            match step.action:
                case "archive":
                    await self._remover.archive(session)
                case "drop_snapshots":
                    await self._remover.drop_snapshots(session)
                case "delete":
                    await self._remover.delete(session)
        except InUse as err:
            self.log.debug("The session %s stays: %s", session.id, err)
            return False
        except OSError as err:
            self.log.warning("The session %s could not expire: %s", session.id, err)
            return False
        if step.why:
            self._told(step.action, session, step.why)
        return True

    def _told(self, action: Action, session: Session, why: str) -> None:
        self.log.info("The session %s has expired (%s): %s", session.id, DONE[action], why)
        self._tell("session_expired", session, f"{DONE[action]}: {why}")

    def _begin(self) -> None:
        self._tasks.start(self._work(), name="mcp-retention")

    async def _work(self) -> None:
        done: list[Step] = []
        try:
            done = await self.round()
        except Exception:  # the next round may do better
            self.log.exception("Sessions could not be looked through for those that expire")
        if not self.settings.bounds.is_none:
            self._timer.set(SOON if len(done) == MAX_STEPS else INTERVAL, self._begin)
