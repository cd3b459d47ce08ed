"""Sizes of outputs in bytes: as they came, and approximately as they are kept in memory."""

from __future__ import annotations

import json

from jupyter_mcp_ext.outputs.model import Display, Error, Json

ITEM_BYTES = 40
"""Approximate bytes of an item of parsed JSON beyond its text: an empty list has 56."""


def text_size(text: str) -> int:
    """Bytes of a text in UTF-8."""
    return len(text) if text.isascii() else len(text.encode(errors="replace"))


def value_size(value: Json) -> int:
    """Bytes of one representation as it came; base64 is not decoded."""
    return _value_sizes(value)[0]


def output_sizes(output: Display | Error) -> tuple[int, int]:
    """Bytes of an output as it came, and approximately as it is kept."""
    if isinstance(output, Error):
        size = sum(map(text_size, (output.ename, output.evalue, *output.traceback)))
        return size, size
    sizes = [_value_sizes(value) for value in output.data.values()]
    return sum(came for came, _ in sizes), sum(held for _, held in sizes)


def _value_sizes(value: Json) -> tuple[int, int]:
    if isinstance(value, str):
        return text_size(value), text_size(value)
    try:
        text = json.dumps(value)
    except RecursionError:  # nested as deep as could be parsed
        return 0, 0
    return len(text), len(text) + ITEM_BYTES * sum(map(text.count, "[{,"))
