"""What happens when a kernel dies, or is ended or restarted by another client.

Its end is noticed at once by a watch on its process; without a watch, by Jupyter's restarter or by
Jupyter's event. Then, in `Death.lose`:

1. The reason is determined: how the process ended, whether memory ran out.
2. The loss is noted. Sessions read it from `Kernel.losses`: they bring variables back and say so.
3. The link is lost: everything that waits for the kernel fails with `KernelLost`.

A kernel that died is started again when it is next used (`Kernel.link`) or by Jupyter's restarter,
whichever is first; after `MAX_DEATHS` in a row only on request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, MutableSet
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

from jupyter_mcp_ext.governance.life import Life, LifeEvent, LifeKind
from jupyter_mcp_ext.kernels.links.link import KernelLink

from .deaths import Deaths
from .hosted import Hosted
from .limited import KernelLimits
from .losses import KernelLost, Loss, Losses, outside_end, outside_restart, outside_shutdown
from .memory import MemoryGroup
from .process import Exit, ProcessWatch

LINGER = 2.0
"""Seconds after which a process that a person has started in the place of a dead one goes on.

Jupyter asks even a dead kernel to shut down before it restarts it, on a socket that keeps the
request for a second (``jupyter_client.connect``): the new process may get it, and then ends.
"""

LEAVES = 10.0
"""Seconds after that for a process to answer once more, or to end."""

DRAIN = 0.05
"""Seconds between a process's end and its link's: its last output is still arriving."""


class Linked(Protocol):
    """The holder of the link to the kernel."""

    @property
    def current(self) -> KernelLink | None:
        """The link."""

    def drop(self, loss: Loss) -> None:
        """The process is gone, and the link with it."""


class Owner(Protocol):
    """The kernel whose death it is."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def connection(self) -> Linked:
        """The holder of its link."""

    @property
    def is_own(self) -> bool:
        """Whether this extension started it, so that it does not belong to a person."""

    def forget(self) -> None:
        """Jupyter has removed it from its list."""


class Death:
    """The ends of one kernel's processes."""

    def __init__(
        self,
        owner: Owner,
        hosted: Hosted,
        losses: Losses,
        groups: MutableSet[MemoryGroup],
        limits: KernelLimits,
        life: Life,
    ) -> None:
        self._life = life
        self.deaths = Deaths(groups, limits)
        self.is_awaited = False
        """Whether the kernel is about to end because its code asked it to."""
        self._owner = owner
        self._hosted = hosted
        self.losses = losses
        self._watch: ProcessWatch | None = None
        self._manager: Any = None
        """The kernel's own manager, once it had a link: before that there was nothing to lose."""
        self._callbacks: dict[str, Callable[[], object]] = {}
        """What that manager calls, by its events."""
        self._is_reviving = False
        """Whether it died and is being started again, from here or by Jupyter's restarter."""
        self._doubtful_until: float | None = None
        """The loop's time until which the process may be told to end; None if nothing may."""

    @property
    def is_followed(self) -> bool:
        """Whether the kernel had a link."""
        return self._manager is not None

    def follow(self, pid: int | None) -> None:
        """A link to the kernel has been opened; watch its process if it is on this machine."""
        kernel = self._hosted.manager
        self._manager = kernel
        if not self._callbacks:
            # Jupyter's restarter reports deaths if the process cannot be watched.
            self._callbacks = {
                "restart": partial(self.died, kernel),
                "dead": partial(self._given_up, kernel),
            }
            for event, callback in self._callbacks.items():
                kernel.add_restart_callback(callback, event)
        if pid is not None:
            self.deaths.restarted()
            self._watch = ProcessWatch.start(pid, partial(self._exited, kernel))

    def lose(self, loss: Loss) -> None:
        """Note that the kernel's variables are lost, and fail the requests that wait for it."""
        if loss.kind == "died" and self.is_awaited:
            detail = "the kernel ended, since its code called exit()"
            loss = replace(loss, kind="exited", detail=detail)
        elif loss.kind == "died":
            loss = replace(loss, detail=self.deaths.count(loss.detail))
            self._stop_restarter()
        if self.is_followed and not self.losses.is_noted:
            event = LifeEvent(
                kind=_kind(loss),
                kernel_id=self._owner.id,
                cause=self.deaths.cause,
                detail=loss.detail,
            )
            self._life.tell(event)
        self.losses.add(loss)
        self._doubtful_until = None  # what was meant for the dead one has been delivered
        self.unwatch()
        self._owner.connection.drop(loss)

    def note(self, loss: Loss) -> None:
        """Note a loss of the kernel that this one replaces."""
        self.losses.note(loss)

    def look(self) -> None:
        """Note the loss of a kernel that Jupyter has ended and will announce in a moment."""
        if self.is_followed and not self._hosted.is_there and not self.losses.is_noted:
            self.lose(self._outside_shutdown())

    def died(self, kernel: Any) -> None:
        """The kernel has died, and is started again next; its loss may already be noted."""
        self._is_reviving = True
        if not self.losses.is_noted:
            words = self.deaths.explain(Exit.of(_returncode(kernel)))
            self.lose(Loss(kind="died", detail=words))

    def give_up_reviving(self) -> None:
        """It could not be started again."""
        self._is_reviving = False

    def hear(self, action: str) -> None:
        """Jupyter has done something to the kernel; also known if no process is watched."""
        was_dead = self.losses.is_noted
        if action in ("restart", "shutdown") and not self.losses.is_noted:
            is_shutdown = action == "shutdown"
            self.lose(self._outside_shutdown() if is_shutdown else outside_restart())
        if action == "restart":
            self.losses.restarted()
            self.deaths.restarted()
            if self._is_reviving:
                self._is_reviving = False
                revived = LifeEvent(
                    kind="kernel_restarted", kernel_id=self._owner.id, detail="it had died"
                )
                self._life.tell(revived)
            else:  # a restart on request: keep it alive
                self.deaths.survive()
                if was_dead:
                    self._doubtful_until = asyncio.get_running_loop().time() + LINGER
        elif action == "shutdown":
            self.losses.shut_down()

    async def check_stays(self) -> None:
        """If another client is ending the kernel, wait for its end and raise KernelLost.

        Jupyter interrupts a kernel before it shuts it down, which can end its code first.
        """
        if not self._hosted.is_leaving:
            return
        if self._owner.connection.current is not None:
            await self.losses.gone()
        if self._owner.connection.current is None and self.losses.all:
            raise KernelLost(self.losses.all[-1])

    async def exits(self) -> None:
        """Wait for the end of a kernel whose code asked it to exit; that is no failure."""
        if self._owner.connection.current is not None:
            self.is_awaited = True
            await self.losses.gone()
            self.is_awaited = False

    async def outlast(self) -> None:
        """Wait until a process in the place of a dead one is sure to stay. Raises KernelLost."""
        if self._doubtful_until is not None:
            left = self._doubtful_until - asyncio.get_running_loop().time()
            if left > 0:
                await self.losses.gone(left)
            link = self._owner.connection.current
            if link is not None and not await _goes_on(link):
                await self.losses.gone(LEAVES)
            self._doubtful_until = None
        if self._owner.connection.current is None and self.losses.all:
            raise KernelLost(self.losses.all[-1])

    def unwatch(self) -> None:
        """Stop watching the process."""
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.close()

    def let_go(self) -> None:
        """The kernel is gone, and Jupyter's manager of it, which may live on, is not to keep it."""
        for event, callback in self._callbacks.items():
            self._manager.remove_restart_callback(callback, event)
        self._callbacks = {}

    def forget(self) -> None:
        """The kernel is gone for good."""
        self.let_go()
        self._manager = None
        self._is_reviving = False
        self.losses.forget()
        self.deaths.forget()

    def _exited(self, kernel: Any, end: Exit) -> None:
        words = self.deaths.explain(end)
        # Read now: when its last output has arrived, a new process may already be starting.
        asked, link = bool(kernel.shutting_down), self._owner.connection.current
        died = Loss(kind="died", detail=words, is_clean=end.code == 0)
        asyncio.get_running_loop().call_later(DRAIN, self._end, asked, link, died)

    def _end(self, asked: bool, link: KernelLink | None, died: Loss) -> None:
        if self._owner.connection.current is not link:
            return  # the loss is already noted
        if not asked:
            loss = died
        elif link is not None and link.heard_restart:
            loss = outside_restart()
        elif link is not None and link.heard_restart is not None:
            loss = self._outside_shutdown()
        else:
            loss = outside_end()
        self.lose(loss)

    def _given_up(self, kernel: Any) -> None:
        """The kernel has died again, and Jupyter removes it from its list."""
        self.died(kernel)
        self._owner.forget()

    def _stop_restarter(self) -> None:
        """Keep Jupyter from restarting a kernel that dies every time.

        A person's kernel is still restarted: they would not learn why it is not, and it only stays
        idle until they run code.
        """
        if self._owner.is_own and self._hosted.is_there and self.deaths.are_too_many:
            self._hosted.manager.stop_restarter()

    def _outside_shutdown(self) -> Loss:
        return outside_shutdown(self._manager, self._hosted.cull_limit)


async def _goes_on(link: KernelLink) -> bool:
    """Whether a kernel goes on that has been sent what it may have been. Raises KernelLost."""
    if not link.info.answers_on_control:
        return True
    try:
        # The first may be answered before what has come earlier from another client.
        for _ in range(2):
            await link.call("control", "kernel_info_request", {}, timeout=LEAVES)
    except asyncio.TimeoutError:
        return False
    return True


def _kind(loss: Loss) -> LifeKind:
    match loss.kind:
        case "died":
            return "kernel_died"
        case "restarted":
            return "kernel_restarted"
        case "exited":
            return "kernel_ended"
        case "stopped":
            return "kernel_culled" if loss.is_cull else "kernel_ended"


def _returncode(kernel: Any) -> int | None:
    """How a local kernel's process ended, once Jupyter has reaped it; None if that is unknown."""
    process = getattr(kernel.provisioner, "process", None)
    code = getattr(process, "returncode", None)
    return code if isinstance(code, int) else None
