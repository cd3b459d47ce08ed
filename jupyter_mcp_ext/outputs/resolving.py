"""The outputs of an area, with what widgets show in the place of their views."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from jupyter_mcp_ext.outputs.area import Entry
from jupyter_mcp_ext.outputs.model import Display, MimeBundle, Output
from jupyter_mcp_ext.outputs.widget import VIEW
from jupyter_mcp_ext.outputs.widget_tree import MAX_DEPTH, Room
from jupyter_mcp_ext.outputs.widgets import Widgets
from jupyter_mcp_ext.outputs.writing import Writing


def model_in(data: object) -> str:
    """The model in a widget's view; empty for other data."""
    view = data.get(VIEW) if isinstance(data, Mapping) else None
    model_id = view.get("model_id") if isinstance(view, dict) else None
    return model_id if isinstance(model_id, str) else ""


def resolved(
    entries: Iterable[Entry], widgets: Widgets, *, depth: int = MAX_DEPTH, room: Room
) -> Iterator[Output]:
    """The outputs that entries are; ``depth`` is how deep Output widgets are shown."""
    for entry in entries:
        if isinstance(entry, Writing):
            yield entry.stream
        elif isinstance(entry, Display) and VIEW in entry.data:
            yield from _widget(entry, widgets, depth, room)
        else:
            yield entry


def _widget(entry: Display, widgets: Widgets, depth: int, room: Room) -> Iterator[Output]:
    """What a widget shows, where it is displayed."""
    model_id = model_in(entry.data)
    parts = widgets.parts(model_id, room) if depth and room.left > 0 else None
    if parts is None:
        name = widgets.bare(model_id)
        has_words = bool(str(entry.data.get("text/plain") or "").strip()) or not name
        yield entry if has_words else replace(entry, data={**entry.data, "text/plain": name})
        return
    words: list[str] = []
    data: MimeBundle = entry.data
    for part in [*parts, None]:
        if isinstance(part, str):
            words.append(part)
            continue
        if text := " ".join(filter(None, words)):
            yield replace(entry, data={**data, "text/plain": text})
            data = {}
        words = []
        if part is not None and room.take(len(part.entries)):
            yield from resolved(part.entries, widgets, depth=depth - 1, room=room)
