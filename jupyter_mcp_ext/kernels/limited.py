"""A kernel's limits as those see them who run code in it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Awaitable, Callable

from jupyter_mcp_ext.concurrency import Tasks
from jupyter_mcp_ext.errors import KernelUnavailable
from jupyter_mcp_ext.sandbox.limits.limited import Limited
from jupyter_mcp_ext.sandbox.limits.provisioner import limited_of


class KernelLimits:
    """The limits of one kernel, if it has any: what was hit, and why its process has ended."""

    def __init__(
        self, interrupt: Callable[[], Awaitable[None]], on_hit: Callable[[str], object]
    ) -> None:
        """``interrupt`` interrupts the kernel's code. Raises KernelUnavailable.

        ``on_hit`` is told of each limit that was hit, in words.
        """
        self._interrupt = interrupt
        self._on_hit = on_hit
        self._limited: Limited | None = None
        self._tasks = Tasks()
        self._hit_at, self._hit_words = 0.0, ""
        """When the code was last interrupted at a limit, and in which words."""

    def adopt(self, kernel_id: str, provisioner: object) -> None:
        """The kernel has been started with this provisioner."""
        self._limited = limited_of(provisioner)
        if self._limited is not None:
            self._limited.belong(kernel_id, self._hit)

    def begin(self) -> None:
        """An execution begins."""
        if self._limited is not None:
            self._limited.begin()

    def end(self) -> None:
        """It has ended."""
        if self._limited is not None:
            self._limited.end()

    def interrupted_since(self, at: float) -> str:
        """The limit at which code was interrupted since then, in words; else empty."""
        return self._hit_words if self._hit_at >= at else ""

    def hits(self, error: str) -> list[str]:
        """The limits that were hit since the latest execution ended, in words.

        ``error`` is what the code raised, if it did.
        """
        hits = list(self._limited.hits(error)) if self._limited is not None else []
        for words in hits:
            self._on_hit(words)
        return hits

    def reason(self, *, was_killed: bool) -> str:
        """Why the latest process has ended, if a limit was the reason; else empty."""
        words = self._limited.reason(was_killed=was_killed) if self._limited is not None else ""
        if words:
            self._on_hit(words)
        return words

    def _hit(self, words: str) -> None:
        async def interrupt() -> None:
            with contextlib.suppress(KernelUnavailable):
                await self._interrupt()

        self._hit_at, self._hit_words = time.time(), words
        self._on_hit(words)
        self._tasks.start(interrupt(), name="mcp-limit-interrupt")
