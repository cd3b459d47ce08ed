"""Why a kernel's variables are lost, and whether the kernel is ending or restarting."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Literal

COME_BACK = 1.0
"""Seconds within which a kernel that was shut down is started again, if it was for a restart."""

UNUSED = "this server, since it was not used"
"""Who ends a kernel that was not used for too long."""

GO = 10.0
"""Seconds for a kernel to end when another client restarts it or shuts it down."""


@dataclass(frozen=True, kw_only=True)
class Loss:
    """Why and when a kernel's variables were lost."""

    kind: Literal["died", "exited", "restarted", "stopped"]
    detail: str
    """The reason: ``"killed by signal 9"``, ``"the kernel was restarted from outside"``."""
    at: float = field(default_factory=time.time)
    is_past: bool = False
    """Whether it was noticed then, and had happened at some time before."""
    is_clean: bool = False
    """Whether the process has ended with exit code 0, as one does that was asked to."""
    is_cull: bool = False
    """Whether it was shut down since it was not used."""

    @property
    def words(self) -> str:
        """What happened, as a sentence without its full stop."""
        if self.kind != "died" or self.detail.startswith("the kernel "):
            return self.detail
        return f"the kernel died ({self.detail})"


class KernelLost(Exception):
    """The kernel ended while a request waited for it."""

    def __init__(self, loss: Loss, *, behind_other: bool = False) -> None:
        """``behind_other``: the kernel ran other code and never began this."""
        super().__init__(loss.detail)
        self.loss = loss
        self.behind_other = behind_other


class Losses:
    """The losses of one kernel, and whether its process is ending or a new one is starting.

    They are kept as long as the kernel, since a session that used it may have to report them.
    """

    def __init__(self) -> None:
        self._all: list[Loss] = []
        self._is_noted = False
        self._going: asyncio.Future[None] | None = None
        """Done when the kernel that another client is ending has ended."""
        self._coming_back: asyncio.Future[None] | None = None
        """Done when the kernel that another client restarts is back, or does not come back."""

    @property
    def all(self) -> tuple[Loss, ...]:
        """Every loss of the kernel's variables so far, oldest first."""
        return tuple(self._all)

    @property
    def is_noted(self) -> bool:
        """Whether the end of the latest process is noted, and Jupyter has announced no new one."""
        return self._is_noted

    @property
    def is_restarting(self) -> bool:
        """Whether the process is gone and another will follow."""
        return self._is_noted and self._all[-1].kind != "stopped"

    def note(self, loss: Loss) -> None:
        """Note a loss of the kernel that this one replaces."""
        self._all.append(loss)

    def add(self, loss: Loss) -> None:
        """Note that the process is gone or is about to go."""
        self.note(loss)
        self._is_noted = True
        gone, self._going = self._going, None
        if gone is not None:
            gone.set_result(None)

    def restarted(self) -> None:
        """The kernel has a new process."""
        self._is_noted = False
        self._end_wait()

    def shut_down(self) -> None:
        """It was shut down, which is also a part of every restart: then it is back soon."""
        asyncio.get_running_loop().call_later(COME_BACK, self._end_wait)

    def forget(self) -> None:
        """The kernel is gone for good; its losses can still be read."""
        self._is_noted = False

    async def gone(self, timeout: float = GO) -> None:
        """Wait until the kernel that another client is ending has ended."""
        if self._going is None:
            self._going = asyncio.get_running_loop().create_future()
        await asyncio.wait({self._going}, timeout=timeout)

    async def back(self) -> None:
        """If another client restarts the kernel, wait until it has."""
        self._coming_back = asyncio.get_running_loop().create_future()
        try:
            await asyncio.wait({self._coming_back}, timeout=GO)
        finally:
            self._coming_back = None

    def _end_wait(self) -> None:
        back = self._coming_back
        if back is not None and not back.done():
            back.set_result(None)


def outside_restart() -> Loss:
    """A restart by another client."""
    return Loss(kind="restarted", detail="the kernel was restarted from outside")


def outside_end() -> Loss:
    """A restart or a shutdown by another client; the kernel did not say which."""
    return Loss(kind="stopped", detail="the kernel was restarted or shut down from outside")


def outside_shutdown(kernel: Any, default_limit: float) -> Loss:
    """A shutdown by a person or by Jupyter's culling of idle kernels.

    ``default_limit`` is how long a kernel may be idle if its kernelspec does not say.
    """
    idle = (datetime.now(timezone.utc) - kernel.last_activity).total_seconds()
    limit = (kernel.kernel_spec.metadata or {}).get("cull_idle_timeout", default_limit)
    is_cull = 0 < limit < idle
    if is_cull:
        words = f"{idle:.0f} s" if idle < 120 else f"{idle / 60:.0f} min"
        why = f"after {words} without use (this server culls idle kernels)"
    else:
        why = "from outside"
    return Loss(kind="stopped", detail=f"the kernel was shut down {why}", is_cull=is_cull)
