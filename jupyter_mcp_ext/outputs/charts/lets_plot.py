"""Charts of lets-plot in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from jupyter_mcp_ext.outputs.charts.extents import count, extent
from jupyter_mcp_ext.outputs.charts.plotly import quoted
from jupyter_mcp_ext.outputs.model import Json

_MOST = 12  # layers, or charts beside each other, that are named


def words(spec: Mapping[str, Json]) -> str:
    """The layers of a chart, and what is mapped to what."""
    figures = spec.get("figures")
    if isinstance(figures, list):
        return "\n".join(words(part) for part in figures[:_MOST] if isinstance(part, dict))
    title = _part(spec, "ggtitle").get("text")
    data = _part(spec, "data")
    points = max(map(count, data.values()), default=0)
    lines = [f"lets-plot chart{quoted(title if isinstance(title, str) else '')}: {points:,} points"]
    layers = spec.get("layers")
    for layer in (layers if isinstance(layers, list) else [])[:_MOST]:
        if isinstance(layer, dict):
            own = {**data, **_part(layer, "data")}
            lines.append(f"- {layer.get('geom')}{_mapped(_part(layer, 'mapping'), own)}")
    if mapped := _mapped(_part(spec, "mapping"), data):
        lines.append(f"axes:{mapped}")
    return "\n".join(lines)


def _mapped(mapping: Mapping[str, Json], data: Mapping[str, Json]) -> str:
    return ",".join(_channels(mapping, data))


def _channels(mapping: Mapping[str, Json], data: Mapping[str, Json]) -> Iterator[str]:
    for channel, field in mapping.items():
        ends = extent([data.get(str(field))])
        yield f" {channel} {field}" + (f" ({ends})" if ends else "")


def _part(spec: Mapping[str, Json], name: str) -> Mapping[str, Json]:
    part = spec.get(name)
    return part if isinstance(part, dict) else {}
