"""Takes over the executions that earlier runs of a server have left on disk."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from logging import Logger
from pathlib import Path

from jupyter_mcp_ext.files.beneath import Folder, opened
from jupyter_mcp_ext.system import lock

from .record import ExecutionRecord, read_record

LOCK = "lock"
"""The file in each server's folder that the server holds locked while it runs."""

SUFFIX = ".jsonl"

PART = 2.0
"""Seconds for which a start waits for them; what is left is taken over while the server runs."""


class Takeover:
    """Moves the files of servers that no longer run into the folder of this one."""

    is_done = False
    """Whether all has been taken over, with the part that was given last."""

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

    def parts(self) -> Iterator[list[ExecutionRecord]]:
        """What was taken over, part by part, each with the oldest first; one at least. Blocks."""
        part: list[ExecutionRecord] = []
        until = time.monotonic() + self._part
        for record in self._records():
            part.append(record)
            if time.monotonic() > until:
                yield _sorted(part)
                part, until = [], time.monotonic() + self._part
        self.is_done = True
        yield _sorted(part)

    def stop(self) -> None:
        """Take over nothing more: a later start does."""
        self._is_stopped = True

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
