"""Writes the audit file in a thread of its own, in the order in which records were given.

The event loop never waits for the disk. A call that depends on its record awaits it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from logging import Logger
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from .log_file import Entry, LogFile
from .place import AuditUnusable

MOST = 10_000
"""Records that may wait; those beyond are counted and left out."""

MANY = 2_000
"""Records that may wait before calls wait for them to be written."""

BATCH = 500
"""Records that are written at once."""

PATIENCE = 10.0
"""Seconds for a record to be written."""

Written = asyncio.Future[int]
"""The number of a record, once it is written. May raise NotWritten."""


class NotWritten(Exception):
    """A record was not written; the message says why, as the end of a sentence."""


@dataclass(frozen=True, kw_only=True)
class Pending:
    """A record that waits, and what is told when it is written."""

    entry: Entry
    written: Written | None = None


class Writer:
    """Writes what it is given, until it is closed."""

    def __init__(self, file: LogFile, log: Logger) -> None:
        self._file = file
        self._log = log
        self._queue: SimpleQueue[Pending | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name="mcp-audit", daemon=True)
        self._fault = ""
        self._lost = 0
        """Records that were not written since the latest that was."""
        self._left_out = 0
        """Records for which the queue had no room; counted by those that put them."""
        self._seen = 0
        """Those of them that the thread knows of."""

    @property
    def fault(self) -> str:
        """Why the latest records could not be written; empty if they were."""
        return self._fault

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def put(self, data: Mapping[str, Any]) -> None:
        """Write a record soon."""
        if self._queue.qsize() >= MOST:
            self._left_out += 1
        else:
            self._queue.put(Pending(entry=Entry(at=time.time(), data=data)))

    def put_awaited(self, data: Mapping[str, Any]) -> Written:
        """Write a record soon, and tell when it is written."""
        written: Written = asyncio.get_running_loop().create_future()
        self._queue.put(Pending(entry=Entry(at=time.time(), data=data), written=written))
        return written

    async def room(self) -> None:
        """Return when not many records wait, or after a while."""
        if self._queue.qsize() >= MANY:
            await asyncio.wait({self.put_awaited({"kind": "waited"})}, timeout=PATIENCE)

    async def close(self) -> None:
        """Write what waits, and end."""
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join, PATIENCE)

    def _run(self) -> None:
        is_open = True
        while is_open:
            batch = [self._queue.get()]
            try:
                while len(batch) < BATCH:
                    batch.append(self._queue.get_nowait())
            except Empty:
                pass
            is_open = None not in batch
            self._write([each for each in batch if each is not None])
        try:
            self._file.close()
        except OSError as err:
            self._log.warning("The audit file was not closed: %s", err)

    def _write(self, batch: Sequence[Pending]) -> None:
        left_out = self._left_out
        lost = self._lost + left_out - self._seen
        self._seen = left_out
        entries = [each.entry for each in batch]
        if lost:
            why = self._fault or "there was more than could be written"
            entries.insert(
                0, Entry(at=time.time(), data={"kind": "lost", "records": lost, "why": why})
            )
        if not entries:
            return
        fault = self._append(entries)
        self._lost = lost + len(batch) if fault else 0
        if fault != self._fault:
            self._tell(fault)
        self._answer(batch, fault)

    def _append(self, entries: Sequence[Entry]) -> str:
        """Why the records were not written; empty if they were."""
        try:
            self._file.append(entries)
        except OSError as err:
            return err.strerror or str(err)
        except AuditUnusable as err:
            return str(err)
        except Exception:  # noqa: BLE001  # a thread of its own: whatever fails, it goes on
            self._log.exception("Records of the audit could not be made")
            return "a record could not be made; the log has the reason"
        return ""

    def _tell(self, fault: str) -> None:
        self._fault = fault
        if fault:
            self._log.error("The audit file cannot be written: %s.", fault)
        else:
            self._log.warning("The audit file can be written again.")

    def _answer(self, batch: Sequence[Pending], fault: str) -> None:
        first = self._file.last.number - len(batch) + 1
        waiting = [
            (each.written, first + place)
            for place, each in enumerate(batch)
            if each.written is not None
        ]
        if waiting:
            try:
                waiting[0][0].get_loop().call_soon_threadsafe(_settle, waiting, fault)
            except RuntimeError:  # the loop is closed, and nothing waits
                return


def _settle(waiting: Sequence[tuple[Written, int]], fault: str) -> None:
    for written, number in waiting:
        if written.done():
            continue
        if fault:
            written.set_exception(NotWritten(fault))
        else:
            written.set_result(number)
