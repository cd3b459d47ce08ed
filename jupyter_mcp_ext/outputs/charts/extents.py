"""The number of values in a chart, and their extent."""

from __future__ import annotations

import base64
import math
import re
import zlib
from array import array
from collections.abc import Iterator, Sequence

from jupyter_mcp_ext.outputs.model import Json

MAX_VALUES = 500_000
"""Values whose extent is computed; more than that are only counted."""

MAX_BYTES = 10_000_000
"""Bytes of a packed array that are read."""

_TYPES = {
    "f8": "d",
    "f4": "f",
    "i4": "i",
    "u4": "I",
    "i2": "h",
    "u2": "H",
    "i1": "b",
    "u1": "B",
    "float64": "d",
    "float32": "f",
    "int64": "q",
    "int32": "i",
    "uint32": "I",
    "uint8": "B",
    "uint64": "Q",
    "int16": "h",
    "uint16": "H",
    "int8": "b",
}
_DATE = re.compile(r"\d{4}-\d\d(?:-\d\d)?(?:[T ][\d:.]{1,20})?(?:Z|[+-]\d\d:?\d\d)?$")
_MAX_NAMED = 5
_MAX_NAME = 40


def count(value: Json) -> int:
    """The number of values in a list, which can contain lists, or in a packed array."""
    if isinstance(value, list):
        is_flat = not value or not isinstance(value[0], list)
        return len(value) if is_flat else sum(len(row) for row in value if isinstance(row, list))
    return len(packed(value))


def packed(value: Json) -> Sequence[float]:
    """The numbers of an array as plotly and bokeh send it.

    That is `{"dtype": "f8", "bdata": "<base64>"}`, or
    `{"dtype": "float64", "array": {"type": "bytes", "data": "<base64>"}}`.
    """
    if not isinstance(value, dict):
        return ()
    inner = value.get("array")
    data = inner.get("data") if isinstance(inner, dict) else value.get("bdata")
    code = _TYPES.get(str(value.get("dtype")).lstrip("<"))
    if not isinstance(data, str) or code is None or len(data) > 2 * MAX_BYTES:
        return ()
    try:
        raw = base64.b64decode(data)
        if raw.startswith(b"\x1f\x8b"):
            raw = zlib.decompressobj(31).decompress(raw, MAX_BYTES)
        return array(code, raw)
    except (ValueError, zlib.error):  # broken base64, or bytes that are no numbers
        return ()


def extent(values: Sequence[Json]) -> str:
    """Like ``1 to 12``, ``2024-01-01 to 2024-03-31``, ``Rome, Oslo`` or ``12 categories``."""
    if sum(map(count, values)) > MAX_VALUES:
        return ""
    items = [item for value in values for item in _items(value)]
    numbers = [item for item in items if isinstance(item, int | float) and _is_finite(item)]
    if numbers:
        return between(min(numbers), max(numbers))
    words = dict.fromkeys(item for item in items if isinstance(item, str))
    if not words:
        return ""
    if all(map(_DATE.match, words)):
        return between(_day(min(words)), _day(max(words)))
    if len(words) > _MAX_NAMED:
        return f"{len(words):,} categories"
    return ", ".join(word[:_MAX_NAME] for word in words)


def between(low: Json, high: Json) -> str:
    """The two ends of an axis."""
    return f"{_end(low)} to {_end(high)}"


def _items(value: Json) -> Iterator[Json]:
    if isinstance(value, list):
        for item in value:
            if isinstance(item, list):
                yield from item
            else:
                yield item
    else:
        yield from packed(value)


def _is_finite(item: float) -> bool:
    return not isinstance(item, bool) and (isinstance(item, int) or math.isfinite(item))


def _end(value: Json) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:.6g}" if abs(value) < 1e300 else "more than 1e300"
    return str(value)[:_MAX_NAME]


def _day(moment: str) -> str:
    """A date, with the time of day unless it is midnight."""
    return re.sub(r"[T ]00:00:00(?:\.0*)?$", "", moment)
