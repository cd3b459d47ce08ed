"""Where the people who have a notebook open in a room are, by what their browsers say of it.

A browser can say anything: what is not as JupyterLab says it counts for nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from jupyter_mcp_ext.notebooks.reading.cells import Person

from .positions import Position, index_of, place_of, position

TYPING = 20.0
"""Seconds after a person's cursor has moved for which they may be typing.

A cursor stays where it was when a person leaves the cell with Escape.
"""

MAX_PEOPLE = 1_000
"""How many browsers of a room are followed."""

_MAX_CURSORS = 10
_MAX_IN_CELL = 10
_MAX_SELECTIONS = 10
_LONGEST_NAME = 200
_LONGEST_SELECTION = 10_000


@dataclass(frozen=True)
class Cursor:
    """A cursor, or what is selected with it."""

    anchor: Position
    head: Position


@dataclass(frozen=True)
class Present:
    """A person who has a cursor in a notebook."""

    name: str
    cursors: Sequence[Cursor]


def told(awareness: Any) -> list[Mapping[str, Any]]:
    """What clients say of themselves, as far as it is as JupyterLab says it."""
    return [state for state in awareness.states.values() if state and isinstance(state, Mapping)]


class People:
    """Follows the cursors of a room; ``awareness`` is the room's."""

    def __init__(self, awareness: Any, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._moved: dict[int, float] = {}
        self._cursors: dict[int, Sequence[Cursor]] = {}
        self._in_text: dict[Hashable, dict[int, None]] = {}
        """The clients with a cursor in each text."""
        self._awareness = awareness
        self._look(tuple(awareness.states))
        awareness.observe(self._follow)

    def typing_in(self, text: Any) -> str:
        """The name of a person who is in a shared text and may be typing; empty if none is."""
        if not self._moved:
            return ""
        earliest = self._clock() - TYPING
        for client in self._in_text.get(place_of(text), ()):
            if self._moved[client] > earliest:
                return self._name(client)
        return ""

    def present(self) -> Sequence[Present]:
        """The people who have a cursor in the notebook, whether they type or not."""
        return [Present(self._name(client), found) for client, found in self._cursors.items()]

    def _follow(self, topic: str, changes: tuple[Mapping[str, Sequence[int]], Any]) -> None:
        if topic == "change":  # not the update by which a browser says that it is still there
            self._look([client for kind in changes[0].values() for client in kind])

    def _look(self, clients: Iterable[int]) -> None:
        """Take over what some browsers say."""
        for client in clients:
            cursors = _cursors(self._awareness.states.get(client))
            before = self._cursors.get(client, ())
            if cursors == before or (not before and len(self._cursors) >= MAX_PEOPLE):
                continue
            self._leave(client, before)
            if not cursors:
                del self._cursors[client], self._moved[client]
                continue
            self._cursors[client], self._moved[client] = cursors, self._clock()
            for cursor in cursors:
                self._in_text.setdefault(cursor.anchor.text, {})[client] = None

    def _leave(self, client: int, cursors: Sequence[Cursor]) -> None:
        for text in {cursor.anchor.text for cursor in cursors}:
            self._in_text[text].pop(client, None)
            if not self._in_text[text]:
                del self._in_text[text]

    def _name(self, client: int) -> str:
        state = self._awareness.states.get(client)
        user = state.get("user") if isinstance(state, Mapping) else None
        if isinstance(user, Mapping):
            for key in ("display_name", "name", "username"):
                if isinstance(name := user.get(key), str) and name.strip():
                    return name[:_LONGEST_NAME]
        return "a person"


def in_cells(present: Sequence[Present], texts: Sequence[Any]) -> Mapping[int, Sequence[Person]]:
    """The people in each cell, by its index, with what they have selected there.

    ``texts`` are the sources of the cells in a copy of the document.
    """
    if not present:
        return {}
    cells = {place_of(text): n for n, text in enumerate(texts) if hasattr(text, "sticky_index")}
    found: dict[int, dict[str, Person]] = {}
    looked_for = 0
    for person in present:
        for cursor in person.cursors:
            index = cells.get(cursor.anchor.text)
            here = found.setdefault(index, {}) if index is not None else {}
            if index is None or (person.name not in here and len(here) >= _MAX_IN_CELL):
                continue
            here.setdefault(person.name, Person(name=person.name))
            selects = cursor.anchor != cursor.head and cursor.head.text == cursor.anchor.text
            if selects and looked_for < _MAX_SELECTIONS and not here[person.name].selected:
                looked_for += 1
                here[person.name] = _selecting(person.name, texts[index], cursor)
    return {index: tuple(here.values()) for index, here in found.items()}


def _selecting(name: str, text: Any, cursor: Cursor) -> Person:
    anchor, head = index_of(text, cursor.anchor), index_of(text, cursor.head)
    if anchor is None or head is None:
        return Person(name=name)
    source, first, last = str(text), min(anchor, head), max(anchor, head)
    begins = source.count("\n", 0, first) + 1
    ends = begins + source.count("\n", first, max(last - 1, first))
    selected = source[first:last][:_LONGEST_SELECTION]
    return Person(name=name, selected=selected, lines=(begins, ends))


def _cursors(state: Any) -> Sequence[Cursor]:
    cursors = state.get("cursors") if isinstance(state, Mapping) else None
    if not isinstance(cursors, list):
        return ()
    return tuple(_read(islice(cursors, _MAX_CURSORS)))


def _read(cursors: Iterable[Any]) -> Iterator[Cursor]:
    for cursor in cursors:
        if isinstance(cursor, Mapping):
            anchor, head = position(cursor.get("anchor")), position(cursor.get("head"))
            if anchor is not None:
                yield Cursor(anchor, head or anchor)
