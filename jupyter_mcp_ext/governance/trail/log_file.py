"""The audit file that is written: appended to, put aside when full, followed when it is moved.

Everything here blocks, and belongs to one thread.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from logging import Logger
from pathlib import Path
from typing import Any

from . import head as heads
from .chain import START, Chain, Link, Record, Signer, seconds_of
from .head import EMPTY, ForgedHead, Head
from .place import (
    AuditUnusable,
    FileLock,
    aside,
    end_of,
    first_of,
    is_audit,
    is_same,
    open_file,
    put_aside,
)


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """When a file is put aside, and how many of those are kept; 0 is no bound."""

    max_bytes: int
    max_age: float
    keep: int


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What a record is made of."""

    at: float
    data: Mapping[str, Any]


class LogFile:
    """The open file, with the chain that goes on in it."""

    def __init__(
        self, path: Path, head_path: Path, signer: Signer, bounds: Bounds, log: Logger
    ) -> None:
        self._path = path
        self._head_path = head_path
        self._signer = signer
        self._bounds = bounds
        self._log = log
        self._locks = (
            FileLock(path, trait="path"),
            FileLock(head_path, trait="head_path"),
        )
        self._descriptor = -1
        self._size = 0
        self._since = 0.0
        """The time of the file's first record."""
        self._begins = 0
        """The number of the file's first record; 0 if it is not known."""
        self._head = EMPTY
        self._chain = Chain(signer, START)

    @property
    def last(self) -> Link:
        """The last record."""
        return self._chain.last

    def open(self, known: Mapping[str, Any]) -> None:
        """Begin to write, with a record that has these values. Raises OSError, AuditUnusable."""
        self._take_locks()
        self._head, said = self._read_head()
        self._descriptor = open_file(self._path)
        if not is_audit(self._descriptor):
            msg = "it has something else in it; name another path"
            raise AuditUnusable(msg)
        said = {**said, **self._join(self._descriptor, self._head.last)}
        self._write([Entry(at=time.time(), data=self._opening("start", **known, **said))])

    def append(self, entries: Iterable[Entry]) -> None:
        """Add records. Raises OSError or AuditUnusable, and then has added none."""
        self._take_locks()
        why = self._moved()
        if why:
            self._begin_file(why)
        elif why := self._is_due():
            self._rotate(why)
        self._write(entries)

    def close(self) -> None:
        """Stop writing."""
        if self._descriptor >= 0:
            os.fsync(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1
        for each in self._locks:
            each.release()

    def _take_locks(self) -> None:
        for each in self._locks:
            each.take()

    def _read_head(self) -> tuple[Head, dict[str, str]]:
        """The head, and what the first new record says of one that does not count."""
        try:
            head = heads.read(self._head_path, self._signer)
        except ForgedHead:
            self._log.warning(
                "The head of the audit file, %s, was not written with this server's key, and does "
                "not count. `jupyter mcp audit verify` says what is wrong.",
                self._head_path,
            )
            return EMPTY, {"head": "was forged"}
        if head is not None:
            return head, {}
        if not self._path.exists() or not self._path.stat().st_size:
            return EMPTY, {}
        self._log.warning(
            "The head of the audit file, %s, is missing, so what may be missing at the end of the "
            "file cannot be told.",
            self._head_path,
        )
        return EMPTY, {"head": "was missing"}

    def _join(self, descriptor: int, expected: Link) -> dict[str, Any]:
        """Go on in a file after its last record, or after the one that the head has.

        Returns what the first new record says of what is missing.
        """
        self._descriptor = descriptor
        found = end_of(descriptor, self._signer)
        said: dict[str, Any] = {}
        self._size = os.fstat(descriptor).st_size - found.torn
        if found.torn:
            os.ftruncate(descriptor, self._size)
            said["torn"] = found.torn
        last = found.last
        is_last = last is not None and last.is_signed and last.number >= expected.number
        if last is not None and is_last:
            self._chain = Chain(self._signer, last.link, seconds_of(last.data.get("at")))
        else:
            self._chain = Chain(self._signer, expected)
            self._warn(last, expected, said)
        first = first_of(self._path, self._signer) if self._size else None
        self._begins = first.number if first is not None else expected.number + 1
        self._since = seconds_of(first.data.get("at")) if first is not None else 0.0
        return said

    def _warn(self, last: Record | None, expected: Link, said: dict[str, Any]) -> None:
        if last is None and not self._size:
            return  # new, or moved while no server ran
        if last is None or not last.is_signed:
            what = "ends with what was not written with this server's key"
        else:
            what = f"ends with record {last.number}, and its head has {expected.number} records"
            said["missing"] = f"{last.number + 1} to {expected.number}"
        self._log.warning(
            "The audit file %s %s. `jupyter mcp audit verify` says what is wrong.", self._path, what
        )

    def _moved(self) -> str:
        """What was done to the file from outside; else empty. Raises OSError."""
        if self._descriptor < 0 or not is_same(self._descriptor, self._path):
            return "the file before was moved or removed"
        size, self._size = self._size, os.fstat(self._descriptor).st_size
        return "the file was cut from outside" if self._size < size else ""

    def _is_due(self) -> str:
        """Why the file has to be put aside now; else empty."""
        bounds = self._bounds
        if 0 < bounds.max_bytes <= self._size:
            return "size"
        if bounds.max_age and self._since and time.time() - self._since >= bounds.max_age:
            return "age"
        return ""

    def _rotate(self, why: str) -> None:
        os.fsync(self._descriptor)
        number = self._begins
        while (target := aside(self._path, number)).exists():  # never over an older file
            number += 1
        self._path.rename(target)
        self._begin_file(why)
        self._remove_old()

    def _begin_file(self, why: str) -> None:
        """Go on in the file that is at the path now, which is made if none is."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        before = self._chain
        self._join(open_file(self._path), before.last)
        self._chain = before
        self._log.info("The audit goes on in a new file %s: %s", self._path, why)
        self._write([Entry(at=time.time(), data=self._opening(why))])

    def _opening(self, why: str, **known: Any) -> dict[str, Any]:
        return {"kind": "opened", "why": why, "key": self._signer.name, **known}

    def _remove_old(self) -> None:
        files = sorted(put_aside(self._path), key=lambda each: int(each.suffix[1:]))
        kept = files[-self._bounds.keep :] if self._bounds.keep else files
        for file in files[: len(files) - len(kept)]:
            file.unlink()
        if len(kept) < len(files):
            first = int(kept[0].suffix[1:])
            self._write_head(Head(last=self._head.last, first=first))

    def _write(self, entries: Iterable[Entry]) -> None:
        chain = Chain(self._signer, self._chain.last, self._chain.at)
        data = b"".join(chain.next(entry.at, entry.data) for entry in entries)
        size = os.fstat(self._descriptor).st_size
        try:
            _write_all(self._descriptor, data)
            self._write_head(Head(last=chain.last, first=self._head.first))
        except (OSError, AuditUnusable):
            os.ftruncate(self._descriptor, size)
            raise
        self._since = self._since or time.time()
        self._chain, self._size = chain, size + len(data)

    def _write_head(self, head: Head) -> None:
        try:
            heads.write(self._head_path, head, self._signer)
        except OSError as err:
            why = err.strerror or err
            msg = f"its head {str(self._head_path)!r} cannot be written: {why}"
            raise AuditUnusable(msg) from err
        self._head = head


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
