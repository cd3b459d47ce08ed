"""A page of lines of a file of any size: nothing of it is held but the page. It blocks."""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

CHUNK = 1 << 20
MAX_LINE = 2_000
"""Characters of a line that are shown."""

HEAD = 8_192
"""Bytes at the start of a file by which binary ones are known."""

_COUNTED = 16 << 20
"""Bytes behind the page whose lines are counted: more takes too long to tell a number."""

_CONTROLS = re.compile(rb"[\x01-\x06\x0e-\x1a\x1c-\x1f\x7f]")
_MAX_CONTROLS = 0.01


@dataclass(frozen=True, kw_only=True)
class Lines:
    """Lines as they are shown, from line ``first`` on; the file's first line is 1."""

    first: int
    lines: tuple[str, ...]
    total: int | None
    """How many the file has, None when they were not counted."""
    has_more: bool
    is_utf8: bool = True
    """Whether all of the page is; what is not is shown as U+FFFD."""


def is_binary(head: bytes) -> bool:
    """Whether a file that begins so is no text, in whatever encoding of bytes."""
    if b"\0" in head:
        return True
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return len(_CONTROLS.findall(head)) > _MAX_CONTROLS * len(head)
    return False


def read_lines(
    file: BinaryIO, *, first: int, count: int, room: int, goes_on: Callable[[], None]
) -> Lines:
    """At most ``count`` lines with ``room`` characters in all, one line at least.

    ``goes_on`` is called for every chunk that is passed over, and raises to end it.
    """
    passed, total = _skip(file, first - 1, goes_on)
    if passed < first - 1:
        return Lines(first=first, lines=(), total=total, has_more=False)
    lines: list[str] = []
    is_utf8 = True
    while len(lines) < count:
        at = file.tell()
        line, is_valid = _line(file, goes_on)
        if line is None:
            break
        room -= len(line) + 1 + len(str(first + len(lines))) + 1
        if lines and room < 0:
            file.seek(at)
            break
        is_utf8 = is_utf8 and is_valid
        lines.append(line)
    if first == 1 and lines:
        lines[0] = lines[0].removeprefix("\ufeff")
    end = file.tell()
    size = file.seek(0, os.SEEK_END)
    read = first - 1 + len(lines)
    rest: int | None = 0
    if end < size:
        file.seek(end)
        rest = _count(file, goes_on) if size - end <= _COUNTED else None
    return Lines(
        first=first,
        lines=tuple(lines),
        total=None if rest is None else read + rest,
        has_more=end < size,
        is_utf8=is_utf8,
    )


def _skip(file: BinaryIO, lines: int, goes_on: Callable[[], None]) -> tuple[int, int]:
    """Go behind that many lines: how many were passed, and if they were too few, all there are."""
    passed = 0
    last = b"\n"
    while passed < lines:
        goes_on()
        chunk = file.read(CHUNK)
        if not chunk:
            break
        here = chunk.count(b"\n")
        if passed + here >= lines:
            file.seek(_behind(chunk, lines - passed) - len(chunk), os.SEEK_CUR)
            return lines, lines
        passed += here
        last = chunk[-1:]
    return passed, passed + (last != b"\n")


def _behind(chunk: bytes, lines: int) -> int:
    at = 0
    for _ in range(lines):
        at = chunk.index(b"\n", at) + 1
    return at


def _count(file: BinaryIO, goes_on: Callable[[], None]) -> int:
    count, last = 0, b"\n"
    while chunk := file.read(CHUNK):
        goes_on()
        count += chunk.count(b"\n")
        last = chunk[-1:]
    return count + (last != b"\n")


def _line(file: BinaryIO, goes_on: Callable[[], None]) -> tuple[str | None, bool]:
    data = file.readline(4 * MAX_LINE)
    if not data:
        return None, True
    dropped = 0
    if not data.endswith(b"\n"):
        while more := file.readline(CHUNK):
            goes_on()
            dropped += len(more)
            if more.endswith(b"\n"):
                break
    words = data.rstrip(b"\r\n") if not dropped else data
    try:
        # The cut may go through a character.
        text = codecs.getincrementaldecoder("utf-8")().decode(words, final=not dropped)
        is_utf8 = True
    except UnicodeDecodeError:
        text, is_utf8 = words.decode(errors="replace"), False
    if len(text) > MAX_LINE or dropped:
        over = f"{dropped:,} bytes" if dropped else f"{len(text) - MAX_LINE:,} characters"
        text = (
            f"{text[:MAX_LINE]}… (over {over} more)"
            if dropped
            else (f"{text[:MAX_LINE]}… ({over} more)")
        )
    return text, is_utf8
