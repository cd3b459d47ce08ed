"""A notebook's JSON; a large one is parsed cell by cell, and a large cell part by part, in bounds.

The parser holds the interpreter, and with it the event loop, until it has parsed its input.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

from jupyter_mcp_ext.measured import TooMuch, has_more_items
from jupyter_mcp_ext.outputs.model import Json

SMALL = 500_000
"""Bytes up to which a notebook is parsed at once."""

MAX_ITEMS = 1_500_000
"""Objects, arrays and members of them in a whole notebook."""

_TYPE = '"cell_type"'
_BETWEEN = ('",\n', '",\r\n', '","', '", "')
"""How programs separate the texts of a list."""

_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()


def loads(data: bytes) -> Json:
    """The JSON value in a notebook's file. Raises ValueError, RecursionError."""
    if len(data) <= SMALL:
        value: Json = json.loads(data.decode())
        return value
    if has_more_items(data, MAX_ITEMS):
        raise TooMuch
    return _Pieces(data.decode()).notebook()


class _Pieces:
    """A JSON object that is parsed part by part."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def notebook(self) -> dict[str, Json]:
        """The object in the text; empty if it is another value."""
        if self._next() != "{":  # JSON or not, it is no notebook
            return {}
        found = self._members(self._part)
        if self._next():
            words = "Extra data"
            raise self._error(words)
        return found

    def _part(self, key: str) -> Json:
        return list(self._cells()) if key == "cells" and self._next() == "[" else self._value()

    def _members(self, value: Callable[[str], Json]) -> dict[str, Json]:
        found: dict[str, Json] = {}
        for _ in self._each("{", "}"):
            if self._next() != '"':
                words = "Expecting property name enclosed in double quotes"
                raise self._error(words)
            key = str(self._value())
            self._expect(":")
            found[key] = value(key)
        return found

    def _cells(self) -> Iterator[Json]:
        for _ in self._each("[", "]"):
            yield self._by_parts() if self._is_large() else self._value()

    def _is_large(self) -> bool:
        """Whether the cell here is large, or those that follow it are."""
        following = self._text.find(_TYPE, self._text.find(_TYPE, self._at) + 1)
        end = following if following > self._at else len(self._text)
        return end - self._at > SMALL

    def _by_parts(self) -> Json:
        match self._next():
            case "{":
                return self._members(lambda _: self._by_parts())
            case "[":
                return list(self._items())
            case _:
                return self._value()

    def _items(self) -> Iterator[Json]:
        in_runs = True
        for _ in self._each("[", "]"):
            run = self._run() if in_runs else []
            in_runs = bool(run)
            yield from run or [self._by_parts()]

    def _run(self) -> list[Json]:
        """The next texts of a list; none if there are other values, or the list ends before."""
        if self._next() != '"':
            return []
        until = self._at + SMALL
        # In a text, the quote would have a backslash before it or after it.
        cut = max(self._text.rfind(mark, self._at, until) for mark in _BETWEEN)
        try:
            found: list[Json] = json.loads(f"[{self._text[self._at : cut + 1]}]")
        except ValueError:
            return []
        self._at = cut + 1 if found else self._at
        return found

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

    def _each(self, begin: str, end: str) -> Iterator[None]:
        """Stop at each value of a list, or member of an object, until its end is reached."""
        self._expect(begin)
        if self._next() != end:
            yield
            while self._next() != end:
                self._expect(",")
                yield
        self._expect(end)

    def _expect(self, mark: str) -> None:
        if self._next() != mark:
            words = f"Expecting {mark!r}"
            raise self._error(words)
        self._at += 1

    def _error(self, words: str) -> json.JSONDecodeError:
        return json.JSONDecodeError(words, self._text, self._at)
