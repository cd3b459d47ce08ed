"""A kernel: the operations that other packages use, and the parts that it consists of.

`Hosted` is Jupyter's side of it, `Connection` holds the link, `Death` says what happens when its
process ends, `Activity` keeps what Jupyter shows of it, `KernelInfo.kind` is what it can do.
"""

from __future__ import annotations

import logging
import time
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from functools import cache
from weakref import WeakSet

from jupyter_mcp_ext.governance.life import Life, LifeEvent
from jupyter_mcp_ext.kernels.links.link import NO_INFO, KernelInfo, KernelLink
from jupyter_mcp_ext.kernels.links.links import McpLinks
from jupyter_mcp_ext.sandbox.confinement import is_confined

from .activity import Activity
from .connection import Connection, Host
from .death import Death
from .hosted import Hosted
from .limited import KernelLimits
from .losses import UNUSED, Loss, Losses
from .status import KernelStatus, foreign_since, look, reported
from .stderr import StderrTail
from .subshells import Subshells
from .turn import Turn


def no_kernel() -> Kernel:
    """Stands for a kernel where there has been none: it is not there and has lost nothing."""
    return Kernel("", _no_host())


@cache
def _no_host() -> Host:
    return Host(
        manager={},
        links=McpLinks(),
        subshells=Subshells(),
        groups=WeakSet(),
        life=Life(),
        log=logging.getLogger(__name__),
    )


class Kernel:
    """A kernel of the server, an agent's or a person's, also after it is gone."""

    def __init__(self, kernel_id: str, host: Host) -> None:
        self.id = kernel_id
        self.last_interrupt = 0.0
        """When any client last interrupted it, in seconds since the epoch; 0 if none has."""
        self._losses = Losses()
        self._stderr: StderrTail | None = None
        self.limits = KernelLimits(
            self.interrupt,
            lambda words: host.life.tell(
                LifeEvent(kind="limit_hit", kernel_id=kernel_id, detail=words)
            ),
        )
        self.turn = Turn()
        """The queue of what runs code in it."""
        self.hosted = Hosted(host.manager, kernel_id, self._losses)
        self.activity = Activity(host.manager, kernel_id, self._was_interrupted)
        self.death = Death(self, self.hosted, self._losses, host.groups, self.limits, host.life)
        self.connection = Connection(host, kernel_id, self.hosted, self.activity, self.death)

    @property
    def losses(self) -> tuple[Loss, ...]:
        """Every loss of its variables so far, oldest first."""
        return self._losses.all

    @property
    def info(self) -> KernelInfo:
        """What it reports about itself; `NO_INFO` while it has no link."""
        link = self.connection.current
        return link.info if link is not None else NO_INFO

    @property
    def is_own(self) -> bool:
        """Whether this extension has started it."""
        return self._stderr is not None

    @property
    def is_confined(self) -> bool:
        """Whether it runs in a sandbox."""
        return self.hosted.is_there and is_confined(self.hosted.manager.provisioner)

    @property
    def is_idle(self) -> bool:
        """Whether it runs nothing, as far as is known."""
        link = self.connection.current
        return link is None or (link.is_idle and link.foreign is None)

    @property
    def foreign_since(self) -> float | None:
        """When, in seconds since the epoch, it began to run code of another client."""
        if not self.hosted.is_there or self._losses.is_noted:
            return None
        return foreign_since(self.hosted.manager, self.connection.current)

    async def status(self) -> KernelStatus:
        """Its current status. Raises KernelUnavailable if it is gone."""
        known = await look(self.id, self.hosted.manager, self.connection.current)
        if self._losses.is_noted:
            # Jupyter keeps reporting the state of the process that is gone.
            known = replace(known, foreign_since=None)
        return replace(known, state=_ended(self) or known.state)

    async def is_sound(self) -> bool:
        """Whether it lives, and has from its start."""
        return self.hosted.is_there and not self.losses and await self.hosted.is_alive()

    def linked(self) -> AbstractAsyncContextManager[KernelLink]:
        """The open link to it, which stays open as long as the kernel is there.

        A kernel that died is started again first. Raises KernelUnavailable.
        """
        return self.connection.used()

    async def link(self) -> KernelLink:
        """Like `linked`, with a link that may be closed while no request waits."""
        return await self.connection.get()

    async def interrupt(self) -> None:
        """Interrupt its code. Raises KernelUnavailable."""
        await self.hosted.interrupt()
        self._was_interrupted()

    async def restart(self, *, by: str, now: bool) -> None:
        """Restart it and wait until it answers; with ``now`` it is killed without being asked.

        Raises KernelUnavailable.
        """
        self.hosted.check_there()
        async with self.connection.changing:
            self.death.deaths.forget()
            self.death.lose(Loss(kind="restarted", detail=f"the kernel was restarted by {by}"))
            msg = (
                "The kernel could not be restarted. shutdown_kernel ends it; the next "
                "execute_code starts a new one."
            )
            await self.hosted.restart(now=now, otherwise=msg)
            await self.connection.open()

    async def shutdown(self, *, by: str, now: bool) -> None:
        """End it; with ``now`` without asking it. No error if it is already gone."""
        async with self.connection.changing:
            detail = f"the kernel was shut down by {by}"
            self.death.lose(Loss(kind="stopped", detail=detail, is_cull=by == UNUSED))
            await self.hosted.shutdown(now=now)
        self.forget()

    def begin(self) -> None:
        """Count as connected while code runs, so that the kernel is not culled."""
        self.hosted.connect()
        self.death.deaths.mark()
        self.limits.begin()

    def end(self) -> None:
        """No longer count as connected."""
        self.limits.end()
        self.hosted.disconnect()
        link = self.connection.current
        if link is not None and link.is_open:
            self.death.deaths.survive()

    def adopt(self, stderr: StderrTail) -> None:
        """Note that this extension started it, with this standard error."""
        self._stderr = stderr
        self.limits.adopt(self.id, self.hosted.manager.provisioner)

    def hear(self, action: str) -> None:
        """Note an action of Jupyter on it, from an event."""
        if not self.death.is_followed:
            return
        if action == "interrupt":
            self._was_interrupted()
        self.death.hear(action)
        if action == "restart" and self.connection.current is None:
            self.activity.give_back()
        elif action == "shutdown" and not self.hosted.is_there:
            self.forget()

    def forget(self) -> None:
        """It is gone for good, or the server stops; its losses can still be read."""
        self.last_interrupt = 0.0
        self.activity.give_back()
        self.death.forget()
        stderr, self._stderr = self._stderr, None
        if stderr is not None:
            stderr.close()

    def _was_interrupted(self) -> None:
        self.last_interrupt = time.time()
        link = self.connection.current
        if link is not None and link.is_open:
            link.wake()


def state_of(kernel: Kernel) -> str:
    """The state of a kernel that is there: starting, idle, busy, restarting, dead or another."""
    return _ended(kernel) or reported(kernel.hosted.manager, kernel.connection.current)


def _ended(kernel: Kernel) -> str:
    """The state of a kernel whose process is gone; else empty."""
    if kernel.death.deaths.are_too_many:
        return "dead"
    return "restarting" if kernel.death.losses.is_restarting else ""
