"""A notebook's JSON; a large one is parsed cell by cell, within bounds, so others can run.

The parser holds the interpreter, and with it the event loop, until it has parsed its input.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from jupyter_mcp_ext.measured import TooMuch, has_more_items
from jupyter_mcp_ext.outputs.model import Json

SMALL = 500_000
"""Bytes up to which a notebook is parsed at once."""

MAX_ITEMS = 1_500_000
"""Objects, arrays and members of them in a whole notebook."""

_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()


def loads(data: bytes) -> Json:
    """The JSON value in a notebook's file. Raises ValueError, RecursionError."""
    if len(data) <= SMALL:
        value: Json = json.loads(data.decode())
        return value
    if has_more_items(data, MAX_ITEMS):
        raise TooMuch
    return _Pieces(data.decode()).members()


class _Pieces:
    """A JSON object that is parsed part by part."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def members(self) -> dict[str, Json]:
        """The object in the text; empty if it is another value."""
        found: dict[str, Json] = {}
        if self._next() != "{":  # JSON or not, it is no notebook
            return found
        self._expect("{")
        while self._next() != "}":
            key = str(self._value())
            self._expect(":")
            is_list = self._next() == "["
            found[key] = list(self._cells()) if key == "cells" and is_list else self._value()
            if self._next() != "}":
                self._expect(",")
        self._expect("}")
        if self._next():
            words = "Extra data"
            raise self._error(words)
        return found

    def _cells(self) -> Iterator[Json]:
        self._expect("[")
        while self._next() != "]":
            yield self._value()
            if self._next() != "]":
                self._expect(",")
        self._expect("]")

    def _value(self) -> Json:
        self._next()
        value: Json
        value, self._at = _DECODER.raw_decode(self._text, self._at)
        return value

    def _next(self) -> str:
        """The next character that is not white space; empty at the end."""
        space = _SPACE.match(self._text, self._at)
        self._at = space.end() if space else self._at
        return self._text[self._at : self._at + 1]

    def _expect(self, mark: str) -> None:
        if self._next() != mark:
            words = f"Expecting {mark!r}"
            raise self._error(words)
        self._at += 1

    def _error(self, words: str) -> json.JSONDecodeError:
        return json.JSONDecodeError(words, self._text, self._at)
