"""The standing link to one kernel: opened when it is needed, closed with the kernel."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from logging import Logger
from typing import Any
from weakref import WeakSet

from jupyter_mcp_ext.errors import KernelUnavailable
from jupyter_mcp_ext.governance.life import Life
from jupyter_mcp_ext.kernels.links.link import KernelLink
from jupyter_mcp_ext.kernels.links.links import McpLinks
from jupyter_mcp_ext.kernels.links.transports import link_to

from .activity import Activity
from .death import Death
from .hosted import Hosted, check_local
from .losses import KernelLost, Loss
from .memory import MemoryGroup
from .subshells import Subshells

TRIES = 3
"""How often a kernel is started that ends at once with exit code 0: a person may ask repeatedly."""


@dataclass(frozen=True, kw_only=True)
class Host:
    """The services that the kernels of one server share."""

    manager: Any
    links: McpLinks
    subshells: Subshells
    groups: WeakSet[MemoryGroup]
    life: Life
    log: Logger


class Connection:
    """Holds the link to a kernel; asking for the link starts a kernel again that died."""

    def __init__(
        self, host: Host, kernel_id: str, hosted: Hosted, activity: Activity, death: Death
    ) -> None:
        self.current: KernelLink | None = None
        self.changing = asyncio.Lock()
        """Held while the link is opened or the kernel is restarted."""
        self._host = host
        self._id = kernel_id
        self._hosted = hosted
        self._activity = activity
        self._death = death

    @asynccontextmanager
    async def used(self) -> AsyncIterator[KernelLink]:
        """The open link, which stays open as long as the kernel. Raises KernelUnavailable."""
        link = await self.get()
        try:
            with self._host.links.used(link):  # nothing ran since it was fetched
                yield link
        finally:
            self._host.links.close_surplus()

    async def get(self) -> KernelLink:
        """The open link, which may be closed while no request waits."""
        found = self._usable()
        # A link that is being opened is not one yet: no output would reach it.
        if found is not None and not self.changing.locked():
            self._host.links.put(found, self._make_room)
            return found
        self._check_deaths()
        async with self.changing:
            return self._usable() or await self.open()

    async def evaluate_beside(
        self,
        link: KernelLink,
        source: str,
        function: str,
        arguments: Mapping[str, Any],
        *,
        timeout: float,
    ) -> Any:
        """Like `evaluate`, in a subshell, while the kernel goes on running code."""
        self._activity.stay_busy(link)
        subshells = self._host.subshells
        return await subshells.evaluate(link, source, function, arguments, timeout=timeout)

    async def open(self, tries: int = TRIES) -> KernelLink:
        """Open a link; `changing` is held. Raises KernelUnavailable."""
        try:
            return await self._opened()
        except KernelLost as err:
            # A kernel in the place of a dead one may have been told to end: see `Death.outlast`.
            if not err.loss.is_clean or tries == 1:
                msg = f"The kernel ended ({err.loss.detail})."
                raise KernelUnavailable(msg) from err
        return await self.open(tries - 1)

    async def _opened(self) -> KernelLink:
        check_local(self._host.manager)
        await self._be_alive()
        kernel, pid = self._hosted.manager, self._hosted.pid
        link = link_to(self._id, kernel, self._host.log, self._activity)
        self.current = link
        self._host.links.put(link, self._make_room)
        self._death.follow(pid)
        try:
            await self._answered(link, kernel, pid)
        except asyncio.CancelledError:
            if self.current is link:
                self._make_room()
            raise
        return link

    async def _answered(self, link: KernelLink, kernel: Any, pid: int | None) -> None:
        """Wait until the kernel has answered and is sure to stay."""
        await self._open(link)
        if getattr(kernel, "execution_state", "") == "busy":
            link.find_running()
        self._activity.take_over()
        if pid is not None:  # only now: a program that starts the kernel may have joined a cgroup
            self._death.deaths.watch(pid)
        await self._death.outlast()

    def drop(self, loss: Loss) -> None:
        """The kernel's process is gone, or the link is to be closed."""
        link, self.current = self.current, None
        if link is not None:
            self._host.links.remove(link)
            link.lose(loss)
        self._activity.give_back()

    def _usable(self) -> KernelLink | None:
        found = self.current
        is_usable = found is not None and found.is_open and not self._hosted.is_leaving
        return found if is_usable else None

    async def _open(self, link: KernelLink) -> None:
        try:
            with self._host.links.used(link):
                await link.open(self._hosted.patience)
        except TimeoutError as err:
            self._death.lose(Loss(kind="stopped", detail="the kernel does not answer"))
            msg = (
                f"The kernel has not answered for {self._hosted.patience:g} s. restart_kernel "
                "restarts it."
            )
            raise KernelUnavailable(msg) from err

    async def _be_alive(self) -> None:
        """Wait for a kernel that another client restarts; start a kernel again that died."""
        if self._hosted.manager.shutting_down and self._death.is_followed:
            await self._death.losses.back()
        if await self._hosted.is_alive():
            return
        # Now, not when Jupyter's restarter polls next.
        self._death.died(self._hosted.manager)
        self._check_deaths()
        try:
            msg = "The kernel died and could not be started again. create_session starts another."
            await self._hosted.restart(now=True, otherwise=msg)
        except KernelUnavailable:
            self._death.give_up_reviving()
            raise

    def _check_deaths(self) -> None:
        if self._death.deaths.are_too_many:
            raise KernelUnavailable(self._death.deaths.refusal)

    def _make_room(self) -> None:
        self._death.unwatch()
        self.drop(Loss(kind="stopped", detail="the idle link was closed"))
