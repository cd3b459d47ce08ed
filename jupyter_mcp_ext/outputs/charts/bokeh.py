"""Charts of bokeh in words, which hvplot, HoloViews and Panel make too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from jupyter_mcp_ext.outputs.charts.extents import count, extent
from jupyter_mcp_ext.outputs.charts.plotly import quoted
from jupyter_mcp_ext.outputs.model import Json

_Node: TypeAlias = Mapping[str, Json]

_MOST = 8  # figures, and glyphs of each, that are named
_SIDES = {"below": "x", "above": "x", "left": "y", "right": "y"}


def words(documents: Json) -> str:
    """The figures in bokeh's documents: titles, what is drawn, axes; "" if there is none."""
    nodes = [*_objects(documents)]
    known = {str(node["id"]): node for node in nodes if "id" in node and "attributes" in node}
    figures = [node for node in nodes if _kind(node) in {"Figure", "Plot", "figure"}]
    parts = [_figure(figure, known) for figure in figures[:_MOST]]
    if len(figures) > _MOST:
        parts.append(f"… {len(figures) - _MOST} more charts")
    return "\n".join(parts)


def _figure(figure: _Node, known: Mapping[str, _Node]) -> str:
    parts = _attributes(figure, known)
    title = _attributes(parts.get("title"), known).get("text")
    renderers = parts.get("renderers")
    drawn = [
        _glyph(renderer, known)
        for renderer in (renderers if isinstance(renderers, list) else [])[:_MOST]
    ]
    lines = [f"bokeh chart{quoted(title if isinstance(title, str) else '')}"]
    lines += [f"- {glyph}" for glyph in drawn if glyph]
    axes = []
    for side, letter in _SIDES.items():
        shown = parts.get(side)
        for axis in shown if isinstance(shown, list) else []:
            label = _attributes(axis, known).get("axis_label")
            if isinstance(label, str) and label:
                axes.append(f"{letter}{quoted(label)}")
    return "\n".join([*lines, *([f"axes: {', '.join(axes)}"] if axes else [])])


def _glyph(renderer: Json, known: Mapping[str, _Node]) -> str:
    parts = _attributes(renderer, known)
    glyph = parts.get("glyph")
    kind = _kind(_resolved(glyph, known))
    source = _attributes(parts.get("data_source"), known).get("data")
    columns = dict(_columns(source))
    points = max(map(_count, columns.values()), default=0)
    said = []
    for letter in ("x", "y"):
        field = _attributes(glyph, known).get(letter)
        name = field.get("field") if isinstance(field, dict) else None
        if isinstance(name, str) and (ends := extent([columns.get(name)])):
            said.append(f"{name} {ends}")
    over = f" ({', '.join(said)})" if said else ""
    return f"{kind}: {points:,} points{over}" if kind else ""


def _columns(source: Json) -> Iterator[tuple[str, Json]]:
    if not isinstance(source, dict):
        return
    entries = source.get("entries")
    if not isinstance(entries, list):
        yield from source.items()
        return
    for entry in entries:
        if isinstance(entry, list) and len(entry) == 2:
            yield str(entry[0]), entry[1]


def _count(column: Json) -> int:
    """The length of a column; an array of numpy says its shape."""
    shape = column.get("shape") if isinstance(column, dict) else None
    if isinstance(shape, list) and shape and isinstance(shape[0], int):
        return shape[0]
    return count(column)


def _objects(value: Json) -> Iterator[_Node]:
    """Every object in the documents, in their order."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            yield item
            waiting += reversed(item.values())
        elif isinstance(item, list):
            waiting += (part for part in reversed(item) if isinstance(part, dict | list))


def _kind(node: _Node) -> str:
    """What it is: bokeh 3 has that in its name, bokeh 2 in its type."""
    kind = node.get("name") if node.get("type") == "object" else node.get("type")
    return kind if isinstance(kind, str) else ""


def _resolved(value: Json | _Node, known: Mapping[str, _Node]) -> _Node:
    if not isinstance(value, Mapping):
        return {}
    return value if "attributes" in value else known.get(str(value.get("id")), value)


def _attributes(value: Json | _Node, known: Mapping[str, _Node]) -> Mapping[str, Json]:
    found = _resolved(value, known).get("attributes")
    return found if isinstance(found, dict) else {}
