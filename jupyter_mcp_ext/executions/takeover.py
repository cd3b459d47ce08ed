"""Takes over the executions that earlier runs of a server have left on disk."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from logging import Logger
from pathlib import Path
from typing import TypeAlias

from jupyter_mcp_ext.concurrency import Tasks
from jupyter_mcp_ext.files.beneath import Folder, opened
from jupyter_mcp_ext.system import lock

from .record import ExecutionRecord, read_record

LOCK = "lock"
"""The file in each server's folder that the server holds locked while it runs."""

SUFFIX = ".jsonl"

PART = 2.0
"""Seconds for which a start waits for them; what is left is taken over while the server runs."""

Take: TypeAlias = Callable[[list[ExecutionRecord]], object]


class Takeover:
    """Moves the files of servers that no longer run into the folder of this one."""

    is_done = False
    """Whether all has been taken over."""

    def __init__(
        self, base: Path, kind: str, into: Path, log: Logger, *, part: float = PART
    ) -> None:
        """``kind`` begins the names of the folders of this server's runs; ``part``: seconds."""
        self._base = base
        self._kind = kind
        self._into = into
        self._log = log
        self._part = part
        self._known: set[str] = set()
        self._is_stopped = False
        self._tasks = Tasks()

    async def run(self, take: Take) -> None:
        """Give what is found to a function, the oldest first; return after a part of it.

        The rest is given later, part by part.
        """
        parts = self.parts()
        await self._next(parts, take)
        if not self.is_done:
            self._tasks.start(self._rest(parts, take), name="mcp-execution-takeover")

    def stop(self) -> None:
        """Take over nothing more: a later start does."""
        self._is_stopped = True
        self._tasks.cancel()

    def parts(self) -> Iterator[tuple[list[ExecutionRecord], bool]]:
        """What is found, part by part, and whether that is the last part; one at least. Blocks."""
        part: list[ExecutionRecord] = []
        until = time.monotonic() + self._part
        for record in self._records():
            part.append(record)
            if time.monotonic() > until:
                yield _sorted(part), False
                part, until = [], time.monotonic() + self._part
        yield _sorted(part), True

    async def _rest(self, parts: Iterator[tuple[list[ExecutionRecord], bool]], take: Take) -> None:
        try:
            while not self.is_done:
                await self._next(parts, take)
        finally:  # whatever happens, callers are not told to wait for ever
            self.is_done = True

    async def _next(self, parts: Iterator[tuple[list[ExecutionRecord], bool]], take: Take) -> None:
        part, is_last = await asyncio.to_thread(next, parts)
        take(part)
        self.is_done = is_last

    def _records(self) -> Iterator[ExecutionRecord]:
        for folder in sorted(self._base.glob(f"{self._kind}-*")):
            if folder != self._into and not self._is_stopped:
                yield from self._of(folder.name)

    def _of(self, name: str) -> Iterator[ExecutionRecord]:
        try:
            with (
                opened(self._base, name) as folder,
                os.fdopen(folder.open(LOCK, os.O_RDWR), "r+") as held,
            ):
                if not lock(held):
                    return
                for each in folder.names():
                    if self._is_stopped:
                        return
                    if each.endswith(SUFFIX):
                        yield from self._one(folder, each)
                folder.remove(LOCK)
            (self._base / name).rmdir()
        except OSError as err:
            self._log.warning("Executions of an earlier server were not taken over: %s", err)

    def _one(self, folder: Folder, name: str) -> Iterator[ExecutionRecord]:
        with suppress(OSError):  # not a regular file, or removed
            record = read_record(folder, name)
            if record is None or record.execution_id in self._known:
                folder.remove(name)
                return
            (folder.path / name).rename(self._into / f"{record.execution_id}{SUFFIX}")
            self._known.add(record.execution_id)
            yield record


def _sorted(records: list[ExecutionRecord]) -> list[ExecutionRecord]:
    return sorted(records, key=lambda record: record.created)
