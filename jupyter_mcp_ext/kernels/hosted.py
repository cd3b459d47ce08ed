"""Jupyter's side of a kernel: whether it exists, and the operations of its kernel manager."""

from __future__ import annotations

import asyncio
from typing import Any

from jupyter_core.utils import ensure_async
from jupyter_server.gateway.managers import GatewayMappingKernelManager
from tornado.web import HTTPError

from jupyter_mcp_ext.errors import KernelUnavailable

from .losses import Losses
from .status import local_pid

REFUSED = (HTTPError, RuntimeError, OSError)
"""Exceptions of Jupyter's managers if a kernel cannot be interrupted or restarted."""


class Hosted:
    """One kernel of the server's ``manager``, by its id."""

    def __init__(self, manager: Any, kernel_id: str, losses: Losses) -> None:
        self._manager = manager
        self._id = kernel_id
        self._losses = losses

    @property
    def is_there(self) -> bool:
        """Whether Jupyter lists it."""
        return self._id in self._manager

    @property
    def manager(self) -> Any:
        """Its own ``KernelManager``. Raises KernelUnavailable when it is gone."""
        self.check_there()
        return self._manager.get_kernel(self._id)

    def check_there(self) -> None:
        """Raise KernelUnavailable, with the reason, if it is gone."""
        if not self.is_there:
            losses = self._losses.all
            why = f" ({losses[-1].detail})" if losses else ""
            msg = (
                f"The kernel and its unsaved variables are lost{why}. execute_code starts a new "
                "one."
            )
            raise KernelUnavailable(msg)

    @property
    def is_leaving(self) -> bool:
        """Whether it is gone or is being ended."""
        return not self.is_there or bool(self.manager.shutting_down)

    @property
    def pid(self) -> int | None:
        """Its process on this machine."""
        return local_pid(self.manager) if self.is_there else None

    @property
    def patience(self) -> float:
        """Seconds for a kernel's first answer."""
        return float(self._manager.kernel_info_timeout)

    @property
    def cull_limit(self) -> float:
        """Seconds until an idle kernel is culled if its kernelspec does not say; 0: never."""
        return float(getattr(self._manager, "cull_idle_timeout", 0))

    def connect(self) -> None:
        """Count as connected, so that the kernel is not culled while it runs code."""
        self._manager.notify_connect(self._id)

    def disconnect(self) -> None:
        """No longer count as connected; the operator's culling applies again."""
        self._manager.notify_disconnect(self._id)

    async def is_alive(self) -> bool:
        """Whether its process runs."""
        return bool(await ensure_async(self.manager.is_alive()))

    async def interrupt(self) -> None:
        """Interrupt its code. Raises KernelUnavailable."""
        try:
            await ensure_async(self.manager.interrupt_kernel())
        except REFUSED as err:
            msg = "The kernel could not be interrupted. restart_kernel restarts it."
            raise KernelUnavailable(msg) from err

    async def restart(self, *, now: bool, otherwise: str) -> None:
        """Restart it; ``otherwise`` is the error's text if that fails."""
        try:
            await self._manager.restart_kernel(self._id, now=now)
        except REFUSED as err:
            raise KernelUnavailable(otherwise) from err

    async def shutdown(self, *, now: bool) -> None:
        """End it; no error if it is already gone. Raises KernelUnavailable."""
        # Jupyter's manager fails for a kernel whose process is being replaced.
        while self.is_there and not (ready := self.manager.ready).done():
            await asyncio.wait({asyncio.wrap_future(ready)})
        if not self.is_there:
            return
        try:
            await self._manager.shutdown_kernel(self._id, now=now)
        except HTTPError as err:
            if err.status_code != 404:
                msg = "The kernel could not be shut down. Try again, or ask a person."
                raise KernelUnavailable(msg) from err


def check_local(manager: Any) -> None:
    """Raise KernelUnavailable if kernels run on a gateway.

    They have no sockets here, so a connection would wait on port 0 forever.
    """
    if isinstance(manager, GatewayMappingKernelManager):
        msg = (
            "This server's kernels run on a gateway (--gateway-url), where code cannot be "
            "executed from here yet. Use a Jupyter server that runs its own kernels."
        )
        raise KernelUnavailable(msg)
