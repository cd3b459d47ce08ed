"""Starts the kernels of sessions, lists them with Jupyter, and ends unused ones."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from tornado.web import HTTPError

from jupyter_mcp_ext.concurrency import Listeners, Tasks, Timers
from jupyter_mcp_ext.errors import KernelUnavailable, ToolError
from jupyter_mcp_ext.governance.life import LifeEvent, LifeKind
from jupyter_mcp_ext.kernels import orphans
from jupyter_mcp_ext.kernels.activation import activated
from jupyter_mcp_ext.kernels.losses import Loss
from jupyter_mcp_ext.sandbox.sandbox import Place

from .disk.folder import HIDDEN
from .disk.record import KernelProcess
from .quotas import Quotas, Refusal, refusal
from .session import RESTED, Session, event_of

if TYPE_CHECKING:
    from jupyter_mcp_ext.kernels.fleet import Kernels
    from jupyter_mcp_ext.sandbox.credentials import Credentials

    from .register import Register


class SessionKernels:
    """Gives sessions their kernels and takes them away; ``manager`` is Jupyter's for sessions."""

    def __init__(
        self,
        register: Register,
        kernels: Kernels,
        manager: Any,
        *,
        credentials: Credentials,
        quotas: Quotas,
        on_idle: Callable[[Session], Awaitable[None]],
    ) -> None:
        """``credentials`` are removed from the environment of kernels.

        ``on_idle`` ends the kernel of a session that was not used for too long.
        """
        self._register = register
        self._kernels = kernels
        self._manager = manager
        self._credentials = credentials
        self._quotas = quotas
        self._on_idle = on_idle
        self.started: Listeners[Session] = Listeners()
        """Are called with each session whose kernel was started here and is in Jupyter's list."""
        self._expected: list[str] = []
        """The owners of the kernels that are being started."""
        self._timers: Timers[Session] = Timers()
        self._starting: set[Session] = set()
        self._tasks = Tasks()

    def runs(self, session: Session) -> bool:
        """Whether its kernel runs."""
        return session.kernel.hosted.is_there

    def starts(self, session: Session) -> bool:
        """Whether its kernel is being started."""
        return session in self._starting

    async def start(self, session: Session) -> None:
        """Start a kernel for a session that has none, or whose kernel is gone.

        Raises KernelUnavailable.
        """
        self._starting.add(session)
        try:
            await self.start_unlisted(session)
        finally:
            self._starting.discard(session)
        await self.list(session)
        self.started.tell(session)

    async def start_unlisted(self, session: Session) -> None:
        """Start a kernel that Jupyter's list of sessions does not show."""
        if session.is_agents:
            await self.make_room(session.owner)
        with self.room(session.owner) if session.is_agents else nullcontext():
            await self._start(session)

    async def _start(self, session: Session) -> None:
        whole = self._manager.get_kernel_env(session.path, PurePosixPath(session.path).name)
        shown = self._credentials.removed_from(whole)
        command = await self._kernels.command(session.kernel_name)
        env = await asyncio.to_thread(activated, shown, command)
        loss = self._loss_before(session)
        place = None
        if session.story is not None:
            place = Place(folder=session.folder, kept=f"{session.folder}/{HIDDEN}")
            cwd = self._kernels.sandbox.start_in(session.cwd, session.folder)
            if cwd != session.cwd:  # it began where this server's sandbox does not let it
                session.write(replace(session.record, cwd=cwd))
        kernel = await self._kernels.start(
            session.kernel_name, path=session.cwd, env=env, place=place
        )
        if loss is not None:
            kernel.death.note(loss)
        pid = kernel.hosted.pid
        created = orphans.started_at(pid) if pid is not None else None
        process = None
        if pid is not None and created is not None:
            process = KernelProcess(kernel_id=kernel.id, pid=pid, created=created)
        hidden = len(whole) - len(shown)
        session.started(kernel, process, met=0 if loss is None else 1, hidden=hidden)
        self.tell("kernel_started", session, session.kernel_name)

    def tell(self, kind: LifeKind, session: Session, detail: str = "") -> None:
        """Tell of something that happened to a session."""
        self._kernels.life.tell(event_of(kind, session, detail))

    async def end_orphan(self, session: Session) -> bool:
        """End the kernel that an earlier server has left running; whether there was one."""
        process = session.record.kernel
        session.write(replace(session.record, kernel=None))
        if process is None:
            return False
        return await asyncio.to_thread(orphans.end, process.pid, process.created)

    async def list(self, session: Session) -> None:
        """Put a session into Jupyter's list, or change what is there."""
        await self.unlist(session)
        await self._manager.save_session(
            session.record.jupyter_id,
            path=session.path,
            name=session.name,
            type="notebook" if session.path.endswith(".ipynb") else "console",
            kernel_id=session.kernel_id,
        )

    async def unlist(self, session: Session) -> None:
        """Take a session whose kernel is gone from Jupyter's list."""
        try:  # it drops the record of such a session when it looks it up
            await self._manager.get_session(session_id=session.record.jupyter_id)
        except HTTPError:
            return

    def _loss_before(self, session: Session) -> Loss | None:
        """What ended the session's latest kernel; None when it never had one."""
        if session.kernel_id:
            session.kernel.death.look()
            losses = session.kernel.losses
            return losses[-1] if losses else _past("the kernel was shut down")
        if session.record.had_kernel:
            return _past("the server was restarted")
        return None

    async def shutdown(self, session: Session, *, by: str, now: bool) -> None:
        """End a session's kernel, if it is not gone already."""
        self.rest(session)
        await session.kernel.shutdown(by=by, now=now)
        session.write(replace(session.record, kernel=None))
        await self.unlist(session)
        if session.story is None:  # it cannot come back
            self._register.remove(session)

    def use(self, session: Session, client: str = "") -> None:
        """Note that a session is used, by a client if one is named; its idle time starts again."""
        session.use(client, now=time.time())
        limit = self._limit(session)
        if limit and session not in self._timers:
            self._timers.set(session, limit, self._look)

    def rest(self, session: Session) -> None:
        """Stop the idle timer of a session."""
        self._timers.stop(session)

    async def close(self) -> None:
        """Stop all idle timers."""
        self._timers.close()
        self._tasks.cancel()

    def _limit(self, session: Session) -> float:
        if not session.is_agents:
            return 0.0
        is_conversation = session.record.is_default and bool(session.record.scope)
        return self._quotas.conversation_idle if is_conversation else self._quotas.idle

    def _look(self, session: Session) -> None:
        """End the kernel if its session was not used since the timer was set."""
        left = session.last_used + self._limit(session) - time.time()
        if left > 0:
            self._timers.set(session, left, self._look)
        elif self.runs(session):
            self._tasks.start(self._end_idle(session), name="mcp-session-idle")

    async def _end_idle(self, session: Session) -> None:
        try:
            await self._on_idle(session)
        except ToolError:  # it will be tried again when the session was used again
            return

    @contextmanager
    def room(self, owner: str) -> Iterator[None]:
        """Reserve a place for one more kernel of a subject while it is started.

        Raises KernelUnavailable when there is none.
        """
        why = self._refusal(owner)
        if why is not None:
            detail = f"no kernel was started ({why.setting})"
            self._kernels.life.tell(LifeEvent(kind="limit_hit", owner=owner, detail=detail))
            raise KernelUnavailable(why.words)
        self._expected.append(owner)
        try:
            yield
        finally:
            self._expected.remove(owner)

    async def make_room(self, owner: str) -> None:
        """End kernels of default sessions of earlier connections where the limit is reached."""
        tried: set[Session] = set()
        while self._refusal(owner):
            before = time.time() - RESTED
            left = [
                s
                for s in self._register.own(owner)
                if s.record.is_default and s.record.scope and s.last_used < before and self.runs(s)
            ]
            oldest = min((s for s in left if s not in tried), key=_last_used, default=None)
            if oldest is None:
                return
            tried.add(oldest)
            await self._end_idle(oldest)

    def _refusal(self, owner: str) -> Refusal | None:
        live = [s for s in self._register if s.is_agents and self.runs(s)]
        own = [s for s in live if s.owner == owner]
        per_user, in_all = len(own) + self._expected.count(owner), len(live) + len(self._expected)
        return refusal(self._quotas, own, per_user=per_user, in_all=in_all)


def _last_used(session: Session) -> float:
    return session.last_used


def _past(detail: str) -> Loss:
    return Loss(kind="stopped", detail=detail, is_past=True)
