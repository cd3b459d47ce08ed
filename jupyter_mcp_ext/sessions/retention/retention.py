"""Archives and deletes sessions that were not used for long, or are too many or too large."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from traitlets import Enum, Float, Int
from traitlets.config import LoggingConfigurable

from jupyter_mcp_ext.concurrency import Tasks, Timer
from jupyter_mcp_ext.governance.life import LifeKind
from jupyter_mcp_ext.sessions.disk.removal import Weight
from jupyter_mcp_ext.sessions.removing import InUse

from .plan import Action, Bounds, Kept, Step, plan

if TYPE_CHECKING:
    from jupyter_mcp_ext.sessions.removing import SessionRemover
    from jupyter_mcp_ext.sessions.session import Session

INTERVAL = 600.0
"""Seconds between two rounds."""

SOON = 10.0
"""Seconds until the next round when one has left something to do."""

MAX_STEPS = 100
"""Sessions to which one round does something."""

DONE = {"archive": "archived", "drop_snapshots": "its snapshot removed", "delete": "deleted"}


class McpRetention(LoggingConfigurable):
    """How long sessions are kept on disk, and how many; what is in use stays."""

    max_age = Float(
        0.0, min=0.0, help="Seconds after its last use for which a session is kept. 0: no limit."
    ).tag(config=True)
    max_sessions_per_user = Int(
        0,
        min=0,
        help="Sessions of one user that are kept; those used longest ago expire first. 0: no "
        "limit.",
    ).tag(config=True)
    max_sessions = Int(
        0, min=0, help="Sessions of all users together that are kept. 0: no limit."
    ).tag(config=True)
    max_bytes_per_user = Int(
        0,
        min=0,
        help="Bytes of the folders of one user's sessions, with all files in them. 0: no limit.",
    ).tag(config=True)
    max_bytes = Int(
        0, min=0, help="Bytes of the folders of all users' sessions together. 0: no limit."
    ).tag(config=True)
    max_snapshot_bytes = Int(
        0,
        min=0,
        help="Bytes of the saved variables of all sessions together; those of the sessions used "
        "longest ago are removed first. 0: no limit.",
    ).tag(config=True)
    expired = Enum(
        ["archive", "delete"],
        default_value="archive",
        help="What becomes of a session that expires: 'archive', its variables are removed and its "
        "notebook stays; 'delete', it is archived, and its folder is deleted after archive_age.",
    ).tag(config=True)
    archive_age = Float(
        2_592_000.0,
        min=0.0,
        help="Seconds for which an archived session is kept where expired is 'delete'.",
    ).tag(config=True)

    def __init__(
        self,
        remover: SessionRemover,
        tell: Callable[[LifeKind, Session, str], object],
        **kwargs: Any,
    ) -> None:
        """``tell`` is told of each session that expires."""
        super().__init__(**kwargs)
        self._remover = remover
        self._tell = tell
        self._timer = Timer()
        self._tasks = Tasks()

    @property
    def bounds(self) -> Bounds:
        """The limits."""
        return Bounds(
            max_age=self.max_age,
            max_sessions_per_user=self.max_sessions_per_user,
            max_sessions=self.max_sessions,
            max_bytes_per_user=self.max_bytes_per_user,
            max_bytes=self.max_bytes,
            max_snapshot_bytes=self.max_snapshot_bytes,
            deletes=self.expired == "delete",
            archive_age=self.archive_age,
        )

    def open(self) -> None:
        """Begin with the first round, if there are any limits."""
        if not self.bounds.is_none:
            self._begin()

    async def close(self) -> None:
        """Begin no more rounds; what is being done to a session is done to its end."""
        self._timer.stop()
        await self._tasks.close()

    async def round(self) -> list[Step]:
        """Do what is due now, to `MAX_STEPS` sessions at most; what was done is returned."""
        await self._remover.look()
        sessions = {session.id: session for session in self._remover.sessions}
        kept = await self._kept(list(sessions.values()))
        steps = plan(kept, self.bounds, now=time.time())[:MAX_STEPS]
        done = [step for step in steps if await self._do(step, sessions[step.id])]
        for session in await self._remover.cut_short():
            await self._do(Step(id=session.id, action="archive", why=""), session)
        return done

    async def _kept(self, sessions: list[Session]) -> list[Kept]:
        used = await self._remover.used()
        weights = [Weight()] * len(sessions)
        if self.bounds.needs_bytes:
            weights = await self._remover.weights(sessions)
        return [
            Kept(
                id=session.id,
                owner=session.owner,
                last_used=session.last_used,
                archived=session.record.archived,
                bytes=weight.bytes,
                snapshots=weight.snapshots,
                is_used=session.id in used,
            )
            for session, weight in zip(sessions, weights, strict=True)
        ]

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
        self._timer.set(SOON if len(done) == MAX_STEPS else INTERVAL, self._begin)
