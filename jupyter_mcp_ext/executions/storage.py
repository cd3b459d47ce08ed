"""Executions on disk, so that they survive a restart of the server and leave its memory.

Each execution has a file (mode 0600) in this server's own folder in Jupyter's runtime directory.
The first line says what was run, each further line is a message that changed the outputs, the last
one says how it ended. Reading the messages through an `OutputFold` gives the outputs again. A
thread writes the lines, which are collected for `FLUSH` seconds; no answer waits for that.
"""

from __future__ import annotations

import asyncio
import json
import os
import uuid
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from logging import Logger
from pathlib import Path
from typing import IO, TypeAlias

from jupyter_mcp_ext.files.beneath import Folder, opened
from jupyter_mcp_ext.flushing import Flusher
from jupyter_mcp_ext.outputs.folding.fold import OutputFold
from jupyter_mcp_ext.system import lock

from .record import VERSION, CutOff, ExecutionRecord, read_messages
from .takeover import LOCK, PART, SUFFIX, Takeover

FLUSH = 0.25
"""Seconds for which lines are collected before they are written."""

COMPACT = 2_000_000
"""Characters of messages, beyond four times their outcome, that are replaced by that."""

EARLY = 4_000_000
"""Characters of collected lines that are written at once."""

REST = "\n(the rest of the output cannot be read any more)\n"

HEAD = 1_000
"""About the characters of a record beside its code."""

Line: TypeAlias = "str | ExecutionRecord"
"""A line of a file; a record becomes one in the thread that writes."""

_encode = json.JSONEncoder(separators=(",", ":"), default=vars).encode
"""What is no JSON is a dataclass: a cell of a run."""


@dataclass
class _File:
    """An execution's file while it is written to."""

    head: ExecutionRecord | None = None
    size: int = 0
    """About the characters that are in the file or about to be."""
    lines: list[Line] = field(default_factory=list)
    """Lines that are about to be written."""
    replaces: bool = False
    """Whether those lines replace the file."""
    least: int = 0
    """The size that the outputs had when the file was last replaced."""
    is_written: bool = False
    """Whether it was written to, or could not be."""

    def add(self, line: Line) -> None:
        """Have a line written."""
        self.lines.append(line)
        self.size += _size(line)

    def replace(self, lines: Iterable[str]) -> None:
        """Have the file replaced."""
        self.lines = [*([self.head] if self.head is not None else []), *lines]
        self.size = self.least = sum(map(_size, self.lines))
        self.replaces = True

    def take(self) -> tuple[list[Line], bool]:
        """The lines to write now, and whether they replace the file."""
        taken = self.lines, self.replaces
        self.lines, self.replaces = [], False
        return taken


class ExecutionStorage:
    """The files of one server's executions, and those that its earlier runs have left."""

    def __init__(self, runtime_dir: Path, root: str, log: Logger) -> None:
        """``root`` tells servers apart that share a runtime directory."""
        self._base = runtime_dir / "jupyter_mcp_ext"
        self._kind = sha256(root.encode()).hexdigest()[:16]
        self._folder = self._base / f"{self._kind}-{uuid.uuid4().hex[:12]}"
        self._log = log
        self._lock: IO[str] | None = None
        self._files: dict[str, _File] = {}
        self._dirty: dict[str, _File] = {}
        self._forgotten: list[str] = []
        """Executions whose files are about to be removed."""
        self._size = 0
        self._flusher = Flusher(self._write, name="mcp-execution-storage")
        self._unsaved: set[str] = set()
        """Executions of which not everything could be written."""
        self.fault = ""
        """Why nothing can be written now; empty while it can."""

    def open(self, *, part: float = PART) -> Takeover:
        """Make the folder. What takes over the files of servers that no longer run is returned."""
        self._folder.mkdir(parents=True, mode=0o700)
        self._lock = (self._folder / LOCK).open("w")
        lock(self._lock)
        return Takeover(self._base, self._kind, self._folder, self._log, part=part)

    def begin(self, record: ExecutionRecord) -> None:
        """Save what is run."""
        if self._lock is None:
            return
        self._files[record.execution_id] = file = _File(head=record)
        self._add(record.execution_id, file, record)

    async def begun(self, execution_id: str) -> None:
        """Return when it is on disk what is run, or it cannot be."""
        for _ in range(2):  # what is written now may not have it
            file = self._files.get(execution_id)
            if file is None or file.is_written:
                return
            self._flusher.start()
            await self._flusher.written()

    def message(self, execution_id: str, fold: OutputFold, *messages: tuple[str, object]) -> None:
        """Save messages; ``fold`` has the outputs after them."""
        file = self._files.get(execution_id)
        if file is None:
            return
        is_behind = execution_id in self._unsaved and not self.fault  # there is room again
        if is_behind or file.size > COMPACT + 4 * max(fold.cost, file.least):
            # A progress bar: what it has overwritten need not be kept.
            file.replace(map(_line, fold.messages()))
            self._note(execution_id, file, file.size)
            return
        for message in messages:
            self._add(execution_id, file, _line(message))

    def end(self, record: ExecutionRecord, fold: OutputFold) -> None:
        """Save how an execution ended; ``fold`` has its outputs."""
        file = self._files.pop(record.execution_id, None)
        if file is not None:
            if record.execution_id in self._unsaved:
                file.replace(map(_line, fold.messages()))
            self._add(record.execution_id, file, record)

    def late(self, record: ExecutionRecord, msg_type: str, content: object) -> None:
        """Save a message that came after the end."""
        if self._lock is not None:
            file = self._reopened(record.execution_id)
            self._add(record.execution_id, file, _line((msg_type, content)))
            self._add(record.execution_id, file, record)

    def _reopened(self, execution_id: str) -> _File:
        return self._dirty.get(execution_id) or _File()

    def append(self, record: ExecutionRecord) -> None:
        """Save the record of a finished execution again."""
        if self._lock is not None:
            self._add(record.execution_id, self._reopened(record.execution_id), record)

    def has(self, execution_id: str) -> bool:
        """Whether everything of an execution could be saved so far."""
        return self._lock is not None and execution_id not in self._unsaved

    def outputs(self, execution_id: str, max_bytes: int) -> OutputFold:
        """The outputs on disk. Blocks. Raises OSError."""
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
        """Return when everything is written."""
        while self._dirty or self._forgotten or self._flusher.is_writing:
            self._flusher.start()
            await self._flusher.written()

    def forget(self, execution_id: str) -> None:
        """Remove an execution's file, when lines are written next."""
        self._dirty.pop(execution_id, None)
        self._unsaved.discard(execution_id)
        if self._lock is not None:
            self._forgotten.append(execution_id)
            self._flusher.schedule(FLUSH)

    async def close(self) -> None:
        """Write what is not written yet and release the folder."""
        await self.flush()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _add(self, execution_id: str, file: _File, line: Line) -> None:
        file.add(line)
        self._note(execution_id, file, _size(line))

    def _note(self, execution_id: str, file: _File, size: int) -> None:
        self._dirty[execution_id] = file
        self._size += size
        if self._size > EARLY:
            self._flusher.start()
        else:
            self._flusher.schedule(FLUSH)

    async def _write(self) -> float | None:
        batch = [(execution_id, *file.take()) for execution_id, file in self._dirty.items()]
        files = list(self._dirty.values())
        forgotten, self._forgotten = self._forgotten, []
        self._dirty, self._size = {}, 0
        try:
            failed = await asyncio.to_thread(self._append, batch, forgotten)
        except OSError as err:
            failed = {execution_id: err for execution_id, _, _ in batch}
        for file in files:
            file.is_written = True
        self._unsaved |= failed.keys()
        self._unsaved -= {each for each, _, replaces in batch if replaces} - failed.keys()
        self._note_fault(next(iter(failed.values()), None), batch)
        return FLUSH if self._dirty or self._forgotten else None

    def _note_fault(self, err: OSError | None, batch: Sequence[object]) -> None:
        if err is not None:
            if not self.fault:
                self._log.warning("Outputs of executions cannot be written to disk: %s", err)
            self.fault = err.strerror or str(err)
        elif batch:
            if self.fault:
                self._log.info("Outputs of executions can be written to disk again")
            self.fault = ""

    def _append(
        self, batch: list[tuple[str, list[Line], bool]], forgotten: list[str]
    ) -> dict[str, OSError]:
        """Write lines and remove files; the executions whose lines could not be written."""
        with opened(self._base, self._folder.name) as folder:
            results = {
                execution_id: _failure(folder, _name(execution_id), lines, replaces=replaces)
                for execution_id, lines, replaces in batch
            }
            for execution_id in forgotten:
                with suppress(OSError):  # it has none, if nothing could be written
                    folder.remove(_name(execution_id))
        return {each: failure for each, failure in results.items() if failure is not None}


def _failure(folder: Folder, name: str, lines: list[Line], *, replaces: bool) -> OSError | None:
    """Write to a file; the error if that fails, as when a kernel has replaced it."""
    try:
        _write(folder, name, lines, replaces=replaces)
    except OSError as err:
        if replaces:
            with suppress(OSError):  # it takes room
                folder.remove(f"{name}.new")
        return err
    return None


def _write(folder: Folder, name: str, lines: list[Line], *, replaces: bool) -> None:
    """Append lines to a file, or replace it with them."""
    target = f"{name}.new" if replaces else name
    flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if replaces else os.O_APPEND)
    with os.fdopen(folder.open(target, flags), "w") as file:
        file.writelines(line if isinstance(line, str) else _head(line) for line in lines)
    if replaces:
        folder.rename(target, name)


def _name(execution_id: str) -> str:
    return f"{execution_id}{SUFFIX}"


def _size(line: Line) -> int:
    return len(line) if isinstance(line, str) else len(line.code) + HEAD


def _head(record: ExecutionRecord) -> str:
    return _line({"version": VERSION, **vars(record)})


def _line(value: object) -> str:
    return f"{_encode(value)}\n"
