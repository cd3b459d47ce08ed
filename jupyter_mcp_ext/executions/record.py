"""Reads the files of executions, which any program may have written.

Kernels run as the server's user, so code can replace, extend or forge these files. Lines are
bounded before they are parsed, values are checked by their form, and pipes are not waited for.
Everything here blocks.
"""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from jupyter_mcp_ext import measured
from jupyter_mcp_ext.files.beneath import Folder

from .cells import RunCell

VERSION = 1

MAX_RECORD = 8_000_000
"""Bytes of a line that says how an execution began or ended; it contains the code."""

MAX_RECORD_ITEMS = 5_000

MAX_LINE = 100_000_000
"""Bytes of the line of one message."""

MAX_ITEMS = 1_000_000
"""Of the JSON in it."""

WITHIN = 2.0
"""Seconds of processor time for reading the outputs of an execution."""

MERGED = 1_000_000
"""Characters of a stream that are merged into one message: in a flood each write is a message."""

MAX_WORDS = 20_000
"""Characters of a name, a reason or a notice."""

MAX_NOTICES = 1_000
MAX_FILES = 100
MAX_CELLS = 200
"""Cells of a run that are kept, the first."""
MAX_NUMBER = 10**20
MAX_TIME = 1e11

_ID = re.compile(r"[a-z0-9]{1,20}-[0-9]{1,10}")


class CutOff(Exception):
    """There are more outputs than can be read."""


@dataclass(frozen=True, kw_only=True)
class ExecutionRecord:
    """An execution without its outputs. Times are seconds since the epoch."""

    execution_id: str
    session_id: str
    kernel_id: str
    kernel_name: str
    code: str
    owner: str
    client: str
    created: float
    status: str = "interrupted"
    reason: str = ""
    began: float | None = None
    ended: float | None = None
    execution_count: int | None = None
    notices: tuple[str, ...] = ()
    lines: int = 0
    bytes: int = 0
    dropped_bytes: int = 0
    files: tuple[tuple[str, int, int], ...] = ()
    """Path, bytes and time of writing, in nanoseconds, of the files that its code wrote."""
    more_files: int = 0
    files_are_whole: bool = True
    files_are_shared: bool = False
    was_cancelled: bool = False
    scope: str = ""
    cells: tuple[RunCell, ...] = ()


def read_record(folder: Folder, name: str) -> ExecutionRecord | None:
    """The last record in a file, or the first if the last line was cut off.

    None if neither is a record. Raises OSError.
    """
    with os.fdopen(folder.open(name, os.O_RDONLY), "rb") as file:
        first = file.readline(MAX_RECORD)
        file.seek(max(0, os.fstat(file.fileno()).st_size - MAX_RECORD))
        last = file.read(MAX_RECORD).rpartition(b"\n")[0].rpartition(b"\n")[2]
    execution_id = name.rpartition(".")[0]
    return _parsed(last, execution_id) or _parsed(first, execution_id)


def read_messages(file: BinaryIO) -> Iterator[tuple[str, object]]:
    """The messages in a file, consecutive ones of a stream merged.

    A message that was cut off when the server ended is left out. Raises OSError and CutOff.
    """
    end = time.thread_time() + WITHIN
    waiting: list[str] = []
    name, size = "", 0
    while line := file.readline(MAX_LINE):
        if time.thread_time() > end or len(line) == MAX_LINE:
            raise CutOff
        try:
            found = measured.loads(line, max_items=MAX_ITEMS)
        except (ValueError, RecursionError):  # cut off, or written by another program
            continue
        if not isinstance(found, list) or len(found) != 2:
            continue
        text, of = _stream(found)
        if waiting and (text is None or of != name or size > MERGED):
            yield "stream", {"name": name, "text": "".join(waiting)}
            waiting, size = [], 0
        if text is None:
            yield str(found[0]), found[1]
        else:
            waiting.append(text)
            name, size = of, size + len(text)
    if waiting:
        yield "stream", {"name": name, "text": "".join(waiting)}


def _stream(message: list[Any]) -> tuple[str | None, str]:
    """The text and the name of a stream message; None and no name for another message."""
    msg_type, content = message
    if msg_type != "stream" or not isinstance(content, dict):
        return None, ""
    text, name = content.get("text"), content.get("name")
    return text if isinstance(text, str) else None, str(name)


def _parsed(line: bytes, execution_id: str) -> ExecutionRecord | None:
    """The record in a line; None when another program wrote the line."""
    try:
        found = measured.loads(line, max_items=MAX_RECORD_ITEMS)
        if found.pop("version") != VERSION or found["execution_id"] != execution_id:
            return None
        files = tuple((path, size, at) for path, size, at in found.get("files", ()))
        notices = tuple(found["notices"])
        cells = tuple(RunCell(**cell) for cell in found.get("cells", ()))
        record = ExecutionRecord(**{**found, "notices": notices, "files": files, "cells": cells})
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return record if _ID.fullmatch(execution_id) and _is_sound(record) else None


def _is_sound(record: ExecutionRecord) -> bool:
    """Whether each value has the expected type and size."""
    code: object = record.code
    return (
        isinstance(code, str)
        and len(record.notices) <= MAX_NOTICES
        and len(record.files) <= MAX_FILES
        and len(record.cells) <= MAX_CELLS
        and all(map(_is_word, _words(record)))
        and all(map(_is_number, _numbers(record)))
        and all(map(_is_time, _times(record)))
        and all(isinstance(flag, bool) for flag in _flags(record))
    )


def _words(record: ExecutionRecord) -> tuple[object, ...]:
    return (
        *(record.session_id, record.kernel_id, record.kernel_name, record.owner, record.client),
        *(record.status, record.reason, record.scope),
        *record.notices,
        *(path for path, _, _ in record.files),
        *(word for cell in record.cells for word in _cell_words(cell)),
    )


def _numbers(record: ExecutionRecord) -> tuple[object, ...]:
    count = 0 if record.execution_count is None else record.execution_count
    return (
        *(count, record.lines, record.bytes, record.dropped_bytes, record.more_files),
        *(size for _, size, _ in record.files),
        *(at for _, _, at in record.files),
        *(cell.index for cell in record.cells),
        *(cell.execution_count or 0 for cell in record.cells),
    )


def _cell_words(cell: RunCell) -> tuple[object, ...]:
    return cell.cell_id, cell.handle, cell.cell_type, cell.status, cell.words


def _times(record: ExecutionRecord) -> tuple[object, ...]:
    seconds = (cell.seconds or 0.0 for cell in record.cells)
    return record.created, record.began or 0.0, record.ended or 0.0, *seconds


def _flags(record: ExecutionRecord) -> tuple[object, ...]:
    return record.was_cancelled, record.files_are_whole, record.files_are_shared


def _is_word(value: object) -> bool:
    return isinstance(value, str) and len(value) <= MAX_WORDS


def _is_number(value: object) -> bool:
    return isinstance(value, int) and 0 <= value <= MAX_NUMBER


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value) and 0 <= value <= MAX_TIME
