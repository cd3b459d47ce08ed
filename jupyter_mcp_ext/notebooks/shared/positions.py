"""Places in shared texts, as the cursors of browsers name them: by characters, not by numbers.

pycrdt resolves a position only for texts of ASCII, and panics for one that is not as it should be,
so positions are looked for here. No I/O.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Item: TypeAlias = tuple[int, int]
"""The id of a piece of a document: its client, and the client's count of UTF-16 units."""

BEFORE = -1
"""pycrdt's Assoc.BEFORE. Its other value panics at the end of a text."""

MAX_TEXT = 10_000
"""Characters of a text in which a position is looked for: about 100 ms."""


@dataclass(frozen=True)
class Position:
    """A place in a text."""

    text: Item
    """The text."""
    character: Item | None
    """The character at the place; None at the end."""


def position(value: object) -> Position | None:
    """A position as a browser has sent it; None if it is none."""
    if not isinstance(value, Mapping) or (text := _item(value.get("type"))) is None:
        return None
    character = value.get("item")
    found = None if character is None else _item(character)
    return None if found is None and character is not None else Position(text, found)


def place_of(text: Any) -> Item | None:
    """What the positions in a shared text have as their text."""
    return _item(text.sticky_index(0, BEFORE).to_json().get("type"))


def index_of(text: Any, wanted: Position) -> int | None:
    """The index of a position in the characters of a text; None if it is not found in time."""
    source = str(text)
    if wanted.character is None:
        return len(source)
    row, at, units = (-1, -1), 0, 0  # the first id of those in a row, and what is behind it
    place, hits = 0, []
    for index, character in enumerate(source[:MAX_TEXT]):
        found = _item(text.sticky_index(place, 0).to_json().get("item")) or (-1, -1)
        # Within a row, pycrdt counts bytes where the ids of browsers count UTF-16 units, so that
        # another row can seem to go on with it: then an id is there twice, or not at all.
        if found != (row[0], row[1] + at):
            row, at, units = found, 0, 0
        if wanted.character == (row[0], row[1] + units):
            hits.append(index)
        size = len(character.encode())
        place, at, units = place + size, at + size, units + 1 + (character > "\uffff")
    return hits[0] if len(hits) == 1 else None


def _item(value: object) -> Item | None:
    if not isinstance(value, Mapping):
        return None
    client, clock = value.get("client"), value.get("clock")
    if type(client) is not int or type(clock) is not int:
        return None
    return client, clock
