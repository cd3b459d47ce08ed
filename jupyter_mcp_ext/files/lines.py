"""A page of lines of a file of any size; only the page is held in memory. It blocks."""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from jupyter_mcp_ext.outputs.numbered import MAX_LINE

CHUNK = 1 << 20

HEAD = 8_192
"""Bytes at the start of a file that are looked at for whether it is binary."""

_COUNTED = 16 << 20
"""Lines are counted for so many bytes behind the page; in longer files their number is unknown."""

_CONTROLS = re.compile(rb"[\x01-\x06\x0e-\x1a\x1c-\x1f\x7f]")
_MAX_CONTROLS = 0.01
_NO_TEXT = re.compile("[\udc80-\udcff]")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A page: at most ``count`` lines with ``room`` characters in all, but at least one line."""

    first: int
    count: int
    room: int
    column: int = 0
    """The first character of the first line."""
    note: int = 0
    """Characters of the note that a line continues."""


@dataclass(frozen=True, kw_only=True)
class TextPage:
    """Lines as they are in the file, from line ``first`` on; the file's first line is 1."""

    first: int
    lines: tuple[str, ...]
    rests: tuple[int, ...] = ()
    """For each line, the characters that follow what is shown of it."""
    column: int = 0
    """The first character of the first line."""
    total: int | None
    """Lines of the file; None when they were not counted."""
    has_more: bool
    is_utf8: bool = True
    """Whether the page is valid UTF-8; invalid bytes are shown as U+FFFD."""


def is_binary(head: bytes) -> bool:
    """Whether a file that begins with these bytes is not text."""
    if b"\0" in head:
        return True
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return len(_CONTROLS.findall(head)) > _MAX_CONTROLS * len(head)
    return False


class _Line(NamedTuple):
    text: str
    rest: int
    is_utf8: bool


def read_lines(file: BinaryIO, wanted: Wanted, *, goes_on: Callable[[], None]) -> TextPage:
    """A page of a file.

    Long lines are cut. The first one is shown as far as there is room if it begins with a
    ``column``, and alone if that is not to its end. ``goes_on`` is called for every chunk that is
    passed over, and raises to end it.
    """
    first = wanted.first
    passed, total = _skip(file, first - 1, goes_on)
    if passed < first - 1:
        return TextPage(first=first, lines=(), total=total, has_more=False)
    lines = _page(file, wanted, goes_on)
    if first == 1 and lines and not wanted.column:
        lines[0] = lines[0]._replace(text=lines[0].text.removeprefix("\ufeff"))
    end = file.tell()
    size = file.seek(0, os.SEEK_END)
    rest: int | None = 0
    if end < size:
        file.seek(end)
        rest = _count(file, goes_on) if size - end <= _COUNTED else None
    return TextPage(
        first=first,
        lines=tuple(line.text for line in lines),
        rests=tuple(line.rest for line in lines),
        column=wanted.column,
        total=None if rest is None else first - 1 + len(lines) + rest,
        has_more=end < size,
        is_utf8=all(line.is_utf8 for line in lines),
    )


def _page(file: BinaryIO, wanted: Wanted, goes_on: Callable[[], None]) -> list[_Line]:
    lines: list[_Line] = []
    room, column = wanted.room, wanted.column
    while len(lines) < wanted.count:
        at = file.tell()
        number = len(str(wanted.first + len(lines))) + 2  # with what follows it, and a line end
        longest = max(room - number - wanted.note, 1) if column else MAX_LINE
        line = _line(file, goes_on, column, longest)
        if line is None:
            break
        room -= number + len(line.text) + bool(line.rest) * wanted.note
        if lines and room < 0:
            file.seek(at)
            break
        lines.append(line)
        if column and line.rest:
            break
        column = 0
    return lines


def _skip(file: BinaryIO, lines: int, goes_on: Callable[[], None]) -> tuple[int, int]:
    """Skip lines: how many were skipped, and how many the file has if it ended before."""
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


def _line(file: BinaryIO, goes_on: Callable[[], None], column: int, longest: int) -> _Line | None:
    """The next line from a character on, as much as is shown; the rest is read past."""
    # What is no UTF-8 becomes a lone surrogate a byte, which valid text cannot have.
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    text, length = "", 0
    data = b""
    while not data.endswith(b"\n") and (data := file.readline(CHUNK)):
        goes_on()
        words = decoder.decode(data.rstrip(b"\r\n") if data.endswith(b"\n") else data)
        if len(text) < longest:
            start = max(column - length, 0)
            text += words[start : start + longest - len(text)]
        length += len(words)
    if not data and not length:
        return None
    unread = decoder.decode(b"", final=True)
    text, length = text + unread[: longest - len(text)], length + len(unread)
    rest = max(length - column - len(text), 0)
    shown = _NO_TEXT.sub("\ufffd", text)
    return _Line(shown, rest, is_utf8=shown == text)
