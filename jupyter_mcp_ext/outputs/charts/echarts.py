"""Charts of ECharts in words, which pyecharts makes."""

from __future__ import annotations

from collections.abc import Mapping

from jupyter_mcp_ext.outputs.charts.extents import count, extent
from jupyter_mcp_ext.outputs.charts.plotly import quoted
from jupyter_mcp_ext.outputs.model import Json

_MOST = 12  # series that are named


def words(option: Mapping[str, Json]) -> str:
    """The series of a chart, and the extents of its axes."""
    title = _first(option, "title").get("text")
    series = option.get("series")
    series = series if isinstance(series, list) else [series]
    lines = [f"echarts chart{quoted(title if isinstance(title, str) else '')}"]
    for one in series[:_MOST]:
        if isinstance(one, dict):
            name = one.get("name")
            said = quoted(name if isinstance(name, str) else "")
            values = one.get("data")
            number = len(values) if isinstance(values, list) else count(values)
            lines.append(f"- {one.get('type')}{said}: {number:,} points")
    if len(series) > _MOST:
        lines.append(f"- … {len(series) - _MOST} more")
    axes = []
    for letter in ("x", "y"):
        axis = _first(option, f"{letter}Axis")
        name, ends = axis.get("name"), extent([axis.get("data")])
        said = quoted(name if isinstance(name, str) else "") + (f" ({ends})" if ends else "")
        axes += [f"{letter}{said}"] if said else []
    return "\n".join([*lines, *([f"axes: {', '.join(axes)}"] if axes else [])])


def _first(option: Mapping[str, Json], name: str) -> Mapping[str, Json]:
    """A part that can be one object or a list of them."""
    part = option.get(name)
    part = part[0] if isinstance(part, list) and part else part
    return part if isinstance(part, dict) else {}
