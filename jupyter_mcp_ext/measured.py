"""JSON that kernels, clients or other programs wrote, measured before it is parsed.

A parsed item takes a hundred bytes where its text has two; the parser holds the interpreter, and
with it the event loop, until it is done; and deep nesting breaks recursive code.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

MAX_DEPTH = 100

_CHUNK = 250_000
"""Bytes that are examined without a break for other threads."""


class TooMuch(ValueError):
    """The JSON has too many items or is nested too deeply."""


def loads(data: bytes, *, max_items: int, max_depth: int = MAX_DEPTH) -> Any:
    """The value of a JSON text. Raises TooMuch, ValueError, RecursionError."""
    if has_more_items(data, max_items):
        raise TooMuch
    value = json.loads(data)
    if data.count(b"[") + data.count(b"{") > max_depth and is_deep(value, max_depth):
        raise TooMuch
    return value


def has_more_items(data: bytes, most: int) -> bool:
    """Whether a JSON text has more than this many objects, arrays and members."""
    if _marks(data) <= most:  # also counts those inside strings
        return False
    items, is_inside = 0, False
    # The same length, without quotes that do not end a string.
    plain = data.replace(b"\\\\", b"__").replace(b'\\"', b"__")
    for start in range(0, len(plain), _CHUNK):
        pieces = plain[start : start + _CHUNK].split(b'"')
        items += sum(map(_marks, pieces[is_inside::2]))
        is_inside ^= len(pieces) % 2 == 0
        if items > most:
            return True
    return False


def is_deep(value: object, most: int = MAX_DEPTH) -> bool:
    """Whether a JSON value is nested deeper than this many levels."""
    level = [value]
    for _ in range(most):
        level = [inner for each in level for inner in _containers(each)]
        if not level:
            return False
    return True


def _marks(data: bytes) -> int:
    return data.count(b",") + data.count(b"[") + data.count(b"{")


def _containers(value: object) -> list[object]:
    values: Iterable[object] = ()
    if isinstance(value, dict):
        values = value.values()
    elif isinstance(value, list):
        values = value
    return [inner for inner in values if isinstance(inner, dict | list)]
