"""What kernels lost their variables by, and which of them are going or coming back.

It keeps the books; the links and the processes are for `service.py` to end. Nobody's loss is
forgotten until the kernel is: whoever had variables there is yet to be told.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timezone
from typing import Any

from .link import Loss

COME_BACK = 1.0
"""Seconds within which a kernel that was shut down is started again, if it was for a restart."""

GO = 10.0
"""Seconds that a kernel gets to end when somebody else restarts it or shuts it down."""


class Losses:
    """The losses of every kernel."""

    def __init__(self) -> None:
        self._known: dict[str, list[Loss]] = {}
        self._leaving: set[str] = set()
        """Kernels whose loss is noted and whose new process Jupyter has not announced yet."""
        self._going: dict[str, asyncio.Future[None]] = {}
        """Done when a kernel has gone that somebody else is ending."""
        self._coming_back: dict[str, asyncio.Future[None]] = {}
        """Kernels that somebody else restarts while we wait for them."""

    def of(self, kernel_id: str) -> tuple[Loss, ...]:
        """Every loss of a kernel's variables so far, oldest first."""
        return tuple(self._known.get(kernel_id, ()))

    def note(self, kernel_id: str, loss: Loss) -> None:
        """Note a loss that befell before this kernel was started in another's place."""
        self._known.setdefault(kernel_id, []).append(loss)

    def add(self, kernel_id: str, loss: Loss) -> None:
        """Note that a kernel's process is gone or is about to go."""
        self.note(kernel_id, loss)
        self._leaving.add(kernel_id)
        gone = self._going.pop(kernel_id, None)
        if gone is not None:
            gone.set_result(None)

    def is_noted(self, kernel_id: str) -> bool:
        """Whether the end of a kernel's latest process is noted already."""
        return kernel_id in self._leaving

    def is_restarting(self, kernel_id: str) -> bool:
        """Whether a kernel's process is gone and another is to come."""
        return kernel_id in self._leaving and self.of(kernel_id)[-1].kind != "stopped"

    def restarted(self, kernel_id: str) -> None:
        """A kernel has a new process."""
        self._leaving.discard(kernel_id)
        self._end_wait(kernel_id)

    def shut_down(self, kernel_id: str) -> None:
        """A kernel was shut down, which is a part of every restart too: then it is back soon."""
        asyncio.get_running_loop().call_later(COME_BACK, self._end_wait, kernel_id)

    async def gone(self, kernel_id: str) -> None:
        """Wait until a kernel has gone that somebody else is ending."""
        going = self._going.setdefault(kernel_id, asyncio.get_running_loop().create_future())
        await asyncio.wait({going}, timeout=GO)

    async def back(self, kernel_id: str) -> None:
        """Wait while somebody else restarts a kernel, if that is what they do."""
        back = self._coming_back[kernel_id] = asyncio.get_running_loop().create_future()
        try:
            await asyncio.wait({back}, timeout=GO)
        finally:
            del self._coming_back[kernel_id]

    def forget(self, kernel_id: str) -> None:
        """A kernel is gone for good; its losses are still to be told."""
        self._leaving.discard(kernel_id)

    def _end_wait(self, kernel_id: str) -> None:
        back = self._coming_back.get(kernel_id)
        if back is not None and not back.done():
            back.set_result(None)


def outside_restart() -> Loss:
    """A restart that was not ours."""
    return Loss(kind="restarted", detail="the kernel was restarted from outside")


def outside_end() -> Loss:
    """A restart or a shutdown that was not ours: which of them, the kernel did not say."""
    return Loss(kind="stopped", detail="the kernel was restarted or shut down from outside")


def outside_shutdown(kernel: Any, default_limit: float) -> Loss:
    """A shutdown that was not ours, by a person or by Jupyter's culling of idle kernels.

    ``default_limit`` is how long a kernel may be idle whose kernelspec says nothing else.
    """
    idle = (datetime.now(timezone.utc) - kernel.last_activity).total_seconds()
    limit = (kernel.kernel_spec.metadata or {}).get("cull_idle_timeout", default_limit)
    if 0 < limit < idle:
        words = f"{idle:.0f} s" if idle < 120 else f"{idle / 60:.0f} min"
        why = f"after {words} without use (this server culls idle kernels)"
    else:
        why = "from outside"
    return Loss(kind="stopped", detail=f"the kernel was shut down {why}")
