"""A widget and its children: their order, and what they show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from jupyter_mcp_ext.outputs.folding.area import Area
from jupyter_mcp_ext.outputs.folding.widget import Widget
from jupyter_mcp_ext.outputs.folding.widget_words import title_of, words_of

MAX_PARTS = 20_000
"""Widgets, and outputs in them, that are shown of one execution."""

MAX_DEPTH = 8
"""How deep nested widgets are followed."""


@dataclass
class Room:
    """Widgets and outputs in them that may be shown yet: they can contain each other."""

    left: int = MAX_PARTS

    def take(self, count: int) -> bool:
        """Whether there is room for so many; then it is taken."""
        self.left -= count
        return self.left >= 0


@dataclass
class Showing:
    """What a widget shows, while it is put together."""

    known: Mapping[str, Widget]
    areas: Mapping[str, Area]
    """What Output widgets hold."""
    room: Room
    parts: list[str | Area] = field(default_factory=list)
    """Words and outputs, in order."""
    tells: bool = False
    """Whether they are more than names of kinds."""

    def add(self, model_id: str, depth: int = MAX_DEPTH) -> None:
        """Add what a widget shows."""
        widget = self.known.get(model_id)
        if widget is None or not self.room.take(1):
            return
        if widget.kind == "Output":
            self._part(self.areas.get(model_id) or Area(), tells=True)
            return
        children = widget.children if depth else []
        if not children:
            words, tells = words_of(widget.state)
            self._part(words, tells=tells)
        for number, child in enumerate(children):
            if title := title_of(widget.state, number):
                is_open = widget.state.get("selected_index") == number
                self._part(f"[{title}, open]" if is_open else f"[{title}]", tells=True)
            self.add(child, depth - 1)

    def _part(self, part: str | Area, *, tells: bool) -> None:
        self.parts.append(part)
        self.tells |= tells


def inner_first(known: Mapping[str, Widget], model_id: str) -> list[str]:
    """A widget and those in it, as far as they are known: what is in another comes first."""
    found: dict[str, None] = {}
    _walk(known, model_id, found, set(), MAX_DEPTH)
    return list(found)


def _walk(
    known: Mapping[str, Widget], model_id: str, found: dict[str, None], seen: set[str], depth: int
) -> None:
    widget = known.get(model_id)
    if widget is None or model_id in seen or not depth:
        return
    seen.add(model_id)
    for child in widget.children:
        _walk(known, child, found, seen, depth - 1)
    found[model_id] = None
