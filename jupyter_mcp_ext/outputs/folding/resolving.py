"""The outputs of an area, with the contents of widgets in place of their views."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from jupyter_mcp_ext.outputs.folding.area import AreaItem
from jupyter_mcp_ext.outputs.folding.widget import VIEW
from jupyter_mcp_ext.outputs.folding.widget_tree import MAX_DEPTH, Room
from jupyter_mcp_ext.outputs.folding.widgets import Widgets
from jupyter_mcp_ext.outputs.folding.writing import Writing
from jupyter_mcp_ext.outputs.model import Display, MimeBundle, Output


def model_in(data: object) -> str:
    """The model in a widget's view; empty for other data."""
    view = data.get(VIEW) if isinstance(data, Mapping) else None
    model_id = view.get("model_id") if isinstance(view, dict) else None
    return model_id if isinstance(model_id, str) else ""


def resolved(
    items: Iterable[AreaItem], widgets: Widgets, *, depth: int = MAX_DEPTH, room: Room
) -> Iterator[Output]:
    """The outputs of items; ``depth`` is how deep Output widgets are nested."""
    for item in items:
        if isinstance(item, Writing):
            yield item.stream
        elif isinstance(item, Display) and VIEW in item.data:
            yield from _widget(item, widgets, depth, room)
        else:
            yield item


def _widget(item: Display, widgets: Widgets, depth: int, room: Room) -> Iterator[Output]:
    """What a widget shows, where it is displayed."""
    model_id = model_in(item.data)
    parts = widgets.parts(model_id, room) if depth and room.left > 0 else None
    if parts is None:
        name = widgets.bare(model_id)
        has_words = bool(str(item.data.get("text/plain") or "").strip()) or not name
        yield item if has_words else replace(item, data={**item.data, "text/plain": name})
        return
    words: list[str] = []
    data: MimeBundle = item.data
    for part in [*parts, None]:
        if isinstance(part, str):
            words.append(part)
            continue
        if text := " ".join(filter(None, words)):
            yield replace(item, data={**data, "text/plain": text})
            data = {}
        words = []
        if part is not None and room.take(len(part.items)):
            yield from resolved(part.items, widgets, depth=depth - 1, room=room)
