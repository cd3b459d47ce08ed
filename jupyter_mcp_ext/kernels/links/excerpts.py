"""Excerpts of messages that are too large to be parsed: text from both ends.

Parsing JSON with many items takes a hundred times its bytes, and dropping it would lose a whole
print. A quote inside a JSON string has a backslash before it, so that a key with both its quotes
and a colon is always a real key: it is found without parsing the text before it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CHEAP = 1_000_000
"""Bytes up to which JSON is parsed, whatever it holds."""

MAX_PARSED = 16 * 1024 * 1024
"""Bytes up to which JSON with few items is parsed, such as a single long text."""

MAX_ITEMS = 1_000_000
"""Brackets, braces, colons and commas, also in strings, up to which JSON is parsed."""

END = 1_000_000
"""Bytes that are read at both ends of a text that is too long to be read completely."""

MAX_FRAMES = 100
"""Parts of a traceback that are read."""

WINDOW = 1_000_000
"""Bytes that are searched at a time while other threads wait."""

OVERLAP = 200
"""Bytes by which two windows overlap: a key is shorter."""

STRING_END = re.compile(rb'"(?:(?<=[^\\]")|(?<=[^\\]\\{2}")|(?<=[^\\]\\{4}"))')
"""A quote after no backslash, or after escaped backslashes."""

BETWEEN_ESCAPES = re.compile(rb"[^\\]{6}|[^\\](?=\\)")
"""Matches text that ends outside an escape: escapes have six bytes at most."""

MIME_TYPE = re.compile(rb'"((?:application|audio|image|text|video)/[\w.+-]{1,80})"\s{0,8}:')

COUNT = re.compile(rb'"execution_count"\s{0,8}:\s{0,8}([0-9]{1,9})')

NEXT_STRING = re.compile(rb'\s{0,8},\s{0,8}"')

DISPLAYS = ("display_data", "execute_result", "update_display_data")


@dataclass(frozen=True, kw_only=True)
class Excerpt:
    """The part of a message's content that was read."""

    content: Mapping[str, Any] | None
    """None if nothing of it can be shown."""
    unread: int
    """Bytes that were not read."""


def is_cheap(content: bytes) -> bool:
    """Whether JSON can be parsed without much time or memory."""
    if len(content) <= CHEAP:
        return True
    if len(content) > MAX_PARSED:
        return False
    return len(content) - len(content.translate(None, b"[{:,")) <= MAX_ITEMS


def excerpt(msg_type: str, content: memoryview) -> Excerpt:
    """The excerpt of a message's content."""
    text = _Reader(content)
    read: dict[str, Any] | None = None
    if msg_type == "stream":
        read = {"name": text.word("name") or "stdout", "text": text.string("text")}
    elif msg_type in DISPLAYS:
        read = _display(text)
    elif msg_type == "error" or msg_type.endswith("_reply"):
        read = _error(text)
        read["status"] = text.word("status") or "error"
        read["ename"] = read["ename"] or "AnswerTooLarge"
    return Excerpt(content=read, unread=max(0, len(content) - text.taken))


def _display(text: _Reader) -> dict[str, Any]:
    words = text.string("text/plain")
    if not words:
        types = ", ".join(text.mime_types())
        words = f"[an output of {text.size:,} bytes is too large to be kept: {types}]"
    display_id = text.word("display_id")
    return {
        "data": {"text/plain": words},
        "metadata": {},
        "transient": {"display_id": display_id} if display_id else {},
        "execution_count": text.count(),
    }


def _error(text: _Reader) -> dict[str, Any]:
    return {
        "ename": text.string("ename"),
        "evalue": text.string("evalue"),
        "traceback": text.strings("traceback"),
        "execution_count": text.count(),
    }


class _Reader:
    """Reads strings from JSON that is not parsed."""

    def __init__(self, content: memoryview) -> None:
        self._content = content
        self.size = len(content)
        self.taken = 0
        """Bytes of strings that were read."""

    def string(self, key: str) -> str:
        """The first string under a key, without its middle if it is too long."""
        found = self._find(_key(key, b'"'), 0)
        return self._string(found.end())[0] if found is not None else ""

    def word(self, key: str) -> str:
        """The first short string under a key, near either end."""
        found = self._at_an_end(_key(key, rb'"([^"\\]{0,200})"'))
        return found[1].decode(errors="replace") if found is not None else ""

    def strings(self, key: str) -> list[str]:
        """The first strings of a list."""
        found = self._find(_key(key, rb'\[\s{0,8}"'), 0)
        read: list[str] = []
        budget = self.taken + 4 * END
        while found is not None and len(read) < MAX_FRAMES and self.taken < budget:
            part, end = self._string(found.end())
            read.append(part)
            found = NEXT_STRING.match(self._content, end + 1) if end is not None else None
        return read

    def count(self) -> int | None:
        """The execution count."""
        found = self._at_an_end(COUNT)
        return int(found[1]) if found is not None else None

    def mime_types(self) -> list[str]:
        """The first MIME types among the keys."""
        types: list[str] = []
        found = self._find(MIME_TYPE, 0)
        while found is not None and len(types) < 10:
            types.append(found[1].decode())
            found = self._find(MIME_TYPE, found.end())
        return types

    def _find(self, pattern: re.Pattern[bytes], start: int) -> re.Match[bytes] | None:
        while start < self.size:
            found = pattern.search(self._content, start, start + WINDOW + OVERLAP)
            if found is not None:
                return found
            start += WINDOW
        return None

    def _at_an_end(self, pattern: re.Pattern[bytes]) -> re.Match[bytes] | None:
        last = max(0, self.size - WINDOW)
        return pattern.search(self._content, 0, WINDOW) or pattern.search(self._content, last)

    def _string(self, start: int) -> tuple[str, int | None]:
        """The string after its opening quote, and the position of its closing quote."""
        found = self._find(STRING_END, start)
        end = found.start() if found is not None else None
        length = (self.size if end is None else end) - start
        if end is not None and length <= MAX_PARSED:
            return _decoded(self._taken(start, end)), end
        head = self._taken(start, start + min(END, length))
        tail = _from_whole(self._taken(end - END, end)) if end is not None else b""
        left_out = f"\n[… {max(0, length - 2 * END):,} bytes of this text are not kept …]\n"
        text = _decoded(_to_whole(head)) + left_out + _decoded(tail)
        return text.encode(errors="replace").decode(), end  # a lone surrogate is not a character

    def _taken(self, start: int, end: int) -> bytes:
        self.taken += end - start
        return bytes(self._content[start:end])


def _key(name: str, value: bytes) -> re.Pattern[bytes]:
    return re.compile(rb'"' + re.escape(name.encode()) + rb'"\s{0,8}:\s{0,8}' + value)


def _decoded(raw: bytes) -> str:
    """The text between the quotes of a string."""
    try:
        return str(json.loads(b'"' + raw + b'"', strict=False))
    except ValueError:
        return raw.decode(errors="replace")


def _from_whole(raw: bytes) -> bytes:
    """The end of a string, from the first place where an escape or a character can begin."""
    begin = BETWEEN_ESCAPES.search(raw)
    at = begin.end() if begin is not None else len(raw)
    while at < len(raw) and _continues(raw[at]):
        at += 1
    return raw[at:]


def _to_whole(raw: bytes) -> bytes:
    """The beginning of a string, up to an escape or a character that may be cut."""
    at = raw.find(b"\\", max(0, len(raw) - 12))
    if at >= 0:
        before = raw[:at]
        return raw[: at - (len(before) - len(before.rstrip(b"\\"))) % 2]
    at = len(raw)
    while at and _continues(raw[at - 1]):
        at -= 1
    return raw[: at - 1] if at and raw[at - 1] & 0b1000_0000 else raw[:at]


def _continues(byte: int) -> bool:
    """Whether a byte continues a character in UTF-8."""
    return byte & 0b1100_0000 == 0b1000_0000
