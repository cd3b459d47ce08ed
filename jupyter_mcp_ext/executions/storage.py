"""Executions on disk: what a server that restarts, or a memory that is bounded, would lose.

One file an execution, 0600, in a folder of this server's own in Jupyter's runtime directory. Its
first line says what was run, each further line is a message that changed the outputs, the last
one how it ended; read through an `OutputFold` they give the outputs again. What is written stands
on disk within `FLUSH` seconds and is written by a thread, off the way of any answer.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from logging import Logger
from pathlib import Path
from typing import IO

from jupyter_mcp_ext.concurrency import Timer
from jupyter_mcp_ext.files.beneath import Folder, opened
from jupyter_mcp_ext.outputs.fold import OutputFold
from jupyter_mcp_ext.system import lock

from .record import VERSION, CutOff, Record, read_messages, read_record

FLUSH = 0.25
"""Seconds for which lines are collected before they are written."""

COMPACT = 2_000_000
"""Characters of messages, beyond four times what they amount to, that are written anew as such."""

EARLY = 4_000_000
"""Characters of collected lines that are written at once."""

LOCK = "lock"
SUFFIX = ".jsonl"

TAKING = 2.0
"""Seconds for which executions of earlier servers are taken over at a start; then at the next."""

REST = "\n(the rest of what was put out cannot be read any more)\n"


@dataclass
class _File:
    """An execution's file while it is written to."""

    head: str
    written: int = 0
    """Characters that stand in the file or are about to."""
    pending: list[str] = field(default_factory=list)
    least: int = 0
    """What the outputs came to when they were last written anew."""
    anew: bool = False
    """Whether what is pending replaces the file."""


class Storage:
    """The files of one server's executions, and those that earlier runs of it left."""

    def __init__(self, runtime_dir: Path, root: str, log: Logger) -> None:
        """``root`` tells servers with the same runtime directory apart: each its folder."""
        self._base = runtime_dir / "jupyter_mcp_ext"
        self._kind = sha256(root.encode()).hexdigest()[:16]
        self._folder = self._base / f"{self._kind}-{uuid.uuid4().hex[:12]}"
        self._log = log
        self._lock: IO[str] | None = None
        self._files: dict[str, _File] = {}
        self._dirty: dict[str, _File] = {}
        self._size = 0
        self._timer = Timer()
        self._writing: asyncio.Task[None] | None = None
        self._has_failed = False

    def open(self) -> list[Record]:
        """Make the folder, and take over what servers that run no longer have left. Blocks."""
        self._folder.mkdir(parents=True, mode=0o700)
        self._lock = (self._folder / LOCK).open("w")
        lock(self._lock)
        found: list[Record] = []
        known: set[str] = set()
        until = time.monotonic() + TAKING
        for folder in sorted(self._base.glob(f"{self._kind}-*")):
            if folder != self._folder and time.monotonic() < until:
                found += self._take_over(folder.name, known, until)
        return sorted(found, key=lambda record: record.created)

    def begin(self, record: Record) -> None:
        """Write down what is run."""
        if self._lock is None:
            return
        head = _head(record)
        self._files[record.execution_id] = file = _File(head=head)
        self._add(record.execution_id, file, head)

    def message(self, execution_id: str, fold: OutputFold, *messages: tuple[str, object]) -> None:
        """Write down messages that changed the outputs to what ``fold`` has now."""
        file = self._files.get(execution_id)
        if file is None:
            return
        if file.written > COMPACT + 4 * max(fold.cost, file.least):
            # A progress bar: what it has overwritten need not be kept.
            file.pending, file.written, file.anew = [], 0, True
            self._add(execution_id, file, file.head)
            for written in fold.messages():
                self._add(execution_id, file, _line(written))
            file.least = file.written
            return
        for message in messages:
            self._add(execution_id, file, _line(message))

    def end(self, record: Record) -> None:
        """Write down how it ended."""
        file = self._files.pop(record.execution_id, None)
        if file is not None:
            self._add(record.execution_id, file, _head(record))

    def late(self, record: Record, msg_type: str, content: object) -> None:
        """Write down a message that came after the end."""
        if self._lock is not None:
            lines = _line((msg_type, content)) + _head(record)
            self._add(record.execution_id, self._reopened(record.execution_id), lines)

    def _reopened(self, execution_id: str) -> _File:
        return self._dirty.get(execution_id) or _File(head="")

    def append(self, record: Record) -> None:
        """Write down what an execution is now that it has ended."""
        if self._lock is not None:
            self._add(record.execution_id, self._reopened(record.execution_id), _head(record))

    @property
    def works(self) -> bool:
        """Whether what is written can be counted on."""
        return self._lock is not None and not self._has_failed

    def outputs(self, execution_id: str, max_bytes: int) -> OutputFold:
        """The outputs as they are on disk. Blocks. Raises OSError."""
        fold = OutputFold(max_bytes)
        with (
            opened(self._base, self._folder.name) as folder,
            os.fdopen(folder.open(_name(execution_id), os.O_RDONLY), "rb") as file,
        ):
            try:
                for msg_type, content in read_messages(file):
                    fold.feed(msg_type, content)
            except CutOff:
                fold.feed("stream", {"name": "stderr", "text": REST})
        return fold

    async def flush(self) -> None:
        """Return when all that was noted is written."""
        while self._dirty or self._writing is not None:
            self._write_now()
            if self._writing is not None:
                await asyncio.wait({self._writing})

    def forget(self, execution_id: str) -> None:
        """Remove an execution's file."""
        self._dirty.pop(execution_id, None)
        self._path(execution_id).unlink(missing_ok=True)

    async def close(self) -> None:
        """Write what is left and let go of the folder."""
        await self.flush()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _path(self, execution_id: str) -> Path:
        return self._folder / _name(execution_id)

    def _add(self, execution_id: str, file: _File, line: str) -> None:
        file.pending.append(line)
        file.written += len(line)
        self._dirty[execution_id] = file
        self._size += len(line)
        if self._size > EARLY:
            self._write_now()
        elif not self._timer.is_set:
            self._timer.set(FLUSH, self._write_now)

    def _write_now(self) -> None:
        self._timer.stop()
        if self._writing is not None or not self._dirty:
            return  # the task that writes looks again when it is done
        batch = [(name, file.anew, file.pending) for name, file in self._dirty.items()]
        for file in self._dirty.values():
            file.pending, file.anew = [], False
        self._dirty, self._size = {}, 0
        self._writing = asyncio.create_task(self._write(batch), name="mcp-execution-storage")

    async def _write(self, batch: list[tuple[str, bool, list[str]]]) -> None:
        try:
            await asyncio.to_thread(self._append, batch)
        except OSError as err:
            if not self._has_failed:
                self._log.warning("Outputs of executions cannot be written to disk: %s", err)
            self._has_failed = True
        finally:
            self._writing = None
            if self._dirty and not self._timer.is_set:
                self._timer.set(FLUSH, self._write_now)

    def _append(self, batch: list[tuple[str, bool, list[str]]]) -> None:
        with opened(self._base, self._folder.name) as folder:
            results = [
                _failure(folder, _name(execution_id), lines, anew=anew)
                for execution_id, anew, lines in batch
            ]
        for failure in filter(None, results):
            raise failure

    def _take_over(self, name: str, known: set[str], until: float) -> Iterator[Record]:
        """The executions of a server that runs no longer; their files become ours."""
        try:
            with (
                opened(self._base, name) as folder,
                os.fdopen(folder.open(LOCK, os.O_RDWR), "r+") as held,
            ):
                if not lock(held):
                    return
                for each in folder.names():
                    if time.monotonic() > until:
                        return
                    if each.endswith(SUFFIX):
                        yield from self._take(folder, each, known)
                folder.remove(LOCK)
            (self._base / name).rmdir()
        except OSError as err:
            self._log.warning("Executions of an earlier server were not taken over: %s", err)

    def _take(self, folder: Folder, name: str, known: set[str]) -> Iterator[Record]:
        with suppress(OSError):  # it is no file, or gone
            record = read_record(folder, name)
            if record is None or record.execution_id in known:
                folder.remove(name)
                return
            (folder.path / name).rename(self._path(record.execution_id))
            known.add(record.execution_id)
            yield record


def _failure(folder: Folder, name: str, lines: list[str], *, anew: bool) -> OSError | None:
    """Write to a file; why not, as when a kernel has put something in its place."""
    try:
        _write(folder, name, lines, anew=anew)
    except OSError as err:
        return err
    return None


def _write(folder: Folder, name: str, lines: list[str], *, anew: bool) -> None:
    """Add lines to a file, or put it in the place of what is there."""
    target = f"{name}.new" if anew else name
    flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if anew else os.O_APPEND)
    with os.fdopen(folder.open(target, flags), "w") as file:
        file.writelines(lines)
    if anew:
        folder.rename(target, name)


def _name(execution_id: str) -> str:
    return f"{execution_id}{SUFFIX}"


def _head(record: Record) -> str:
    return _line({"version": VERSION, **asdict(record)})


def _line(value: object) -> str:
    return json.dumps(value, separators=(",", ":")) + "\n"
