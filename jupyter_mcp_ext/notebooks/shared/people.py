"""Where the people who have a notebook open in a room are, by what their browsers say of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

TYPING = 20.0
"""Seconds after a person's cursor has moved for which they may be typing.

A cursor stays where it was when a person leaves the cell with Escape.
"""

BEFORE = -1
"""pycrdt's Assoc.BEFORE. Its other value panics at the end of a text."""


class People:
    """Follows the cursors of a room; ``awareness`` is the room's."""

    def __init__(self, awareness: Any, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._moved: dict[int, float] = {}
        self._cursors: dict[int, Any] = {}
        self._awareness = awareness
        self._look()
        awareness.observe(self._follow)

    def typing_in(self, text: Any) -> str:
        """The name of a person who is in a shared text and may be typing; empty if none is."""
        earliest = self._clock() - TYPING
        for client, name in self._in(text):
            if self._moved.get(client, earliest) > earliest:
                return name
        return ""

    def names_in(self, text: Any) -> list[str]:
        """The names of the people whose cursor is in a shared text, whether they type or not."""
        return [name for _, name in self._in(text)]

    def _in(self, text: Any) -> Iterator[tuple[int, str]]:
        if not self._cursors:
            return
        place = place_of(text)
        for client, cursors in self._cursors.items():
            if place is not None and any(_type(cursor) == place for cursor in cursors):
                yield client, _name(self._awareness.states.get(client))

    def _follow(self, topic: str, _: object) -> None:
        if topic == "change":  # not the update by which a browser says that it is still there
            self._look()

    def _look(self) -> None:
        found = {
            client: cursors
            for client, state in self._awareness.states.items()
            if (cursors := _cursors(state))
        }
        now = self._clock()
        for client, cursors in found.items():
            if self._cursors.get(client) != cursors:
                self._moved[client] = now
        self._cursors = found
        self._moved = {client: moved for client, moved in self._moved.items() if client in found}


def _cursors(state: Any) -> list[Any]:
    cursors = state.get("cursors") if isinstance(state, Mapping) else None
    return cursors if isinstance(cursors, list) else []


def _type(cursor: Any) -> Any:
    anchor = cursor.get("anchor") if isinstance(cursor, Mapping) else None
    return anchor.get("type") if isinstance(anchor, Mapping) else None


def _name(state: Any) -> str:
    user = state.get("user") if isinstance(state, Mapping) else None
    if not isinstance(user, Mapping):
        return "a person"
    named = user.get("display_name") or user.get("name") or user.get("username")
    return str(named) if named else "a person"


def place_of(text: Any) -> Any:
    """What a cursor in a shared text has as its type: who made the text, and when."""
    return text.sticky_index(0, BEFORE).to_json().get("type")
