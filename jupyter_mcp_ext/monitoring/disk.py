"""How much disk the sessions take, and how much is left, measured in the background."""

from __future__ import annotations

import asyncio
import contextlib
import math
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from jupyter_mcp_ext.concurrency import Tasks
from jupyter_mcp_ext.sandbox.limits.disk import DiskUse

if TYPE_CHECKING:
    from prometheus_client import Metric

FRESH = 60.0
"""Seconds for which a measurement is good enough."""


@dataclass(frozen=True, kw_only=True)
class Disk:
    """Bytes of the disk with the sessions' folders."""

    used: int
    """By these folders."""
    free: int
    """For all."""


class DiskMeter(Collector):
    """Measures when it is asked, in a thread, and tells what is known already."""

    def __init__(self, folder: Path | None, fresh: float = FRESH) -> None:
        """``folder`` has the sessions' folders; without one nothing is measured."""
        self._folder = folder
        self._fresh = fresh
        self._latest: Disk | None = None
        self._measured = -math.inf
        self._loop: asyncio.AbstractEventLoop | None = None
        self._measuring: asyncio.Task[None] | None = None
        self._tasks = Tasks()

    def start(self) -> None:
        """Measure on the running event loop when it is asked."""
        self._loop = asyncio.get_running_loop()

    def stop(self) -> None:
        """Measure no more."""
        self._loop = None
        self._tasks.cancel()

    async def measured(self) -> Disk | None:
        """A measurement that is fresh; None where there is no folder."""
        self._refresh()
        if self._measuring is not None:
            await asyncio.wait({self._measuring})
        return self._latest

    def collect(self) -> Iterator[Metric]:
        """The latest measurement; the next scrape has what this one begins."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._refresh)
        if self._latest is not None:
            yield GaugeMetricFamily(
                "jupyter_mcp_sessions_disk_bytes",
                "Bytes on disk of all sessions' folders.",
                value=self._latest.used,
            )
            yield GaugeMetricFamily(
                "jupyter_mcp_disk_free_bytes",
                "Bytes that are free on the disk with the sessions' folders.",
                value=self._latest.free,
            )

    def _refresh(self) -> None:
        is_fresh = time.monotonic() - self._measured < self._fresh
        if self._folder is None or self._loop is None or self._measuring is not None or is_fresh:
            return
        self._measuring = self._tasks.start(self._measure(self._folder), name="mcp-disk")

    async def _measure(self, folder: Path) -> None:
        try:
            with contextlib.suppress(OSError):  # the disk is gone; it is measured again
                self._latest = await asyncio.to_thread(_measured, folder)
                self._measured = time.monotonic()
        finally:
            self._measuring = None


def _measured(folder: Path) -> Disk:
    used = DiskUse((folder,), sys.maxsize).look(budget=math.inf, most=math.inf)
    there = next(path for path in (folder, *folder.parents) if path.exists())
    return Disk(used=used, free=shutil.disk_usage(there).free)
