"""Charts of plotly in words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice

from jupyter_mcp_ext.outputs.charts.extents import between, count, extent
from jupyter_mcp_ext.outputs.model import Json

_MOST = 12  # traces and axes that are named
_MEASURES = ("x", "y", "z", "values", "lat", "lon")
_PICTURE = 'as an image: fig.show("png") (needs the package kaleido)'


def words(spec: Mapping[str, Json]) -> str:
    """The traces of a figure and the ranges of its axes."""
    traces, layout = spec.get("data"), spec.get("layout")
    traces = traces if isinstance(traces, list) else []
    layout = layout if isinstance(layout, dict) else {}
    noun = "trace" if len(traces) == 1 else "traces"
    lines = [f"plotly chart{quoted(title(layout))}: {len(traces)} {noun}"]
    lines += [f"- {_trace(trace)}" for trace in traces[:_MOST] if isinstance(trace, dict)]
    if len(traces) > _MOST:
        lines.append(f"- … {len(traces) - _MOST} more")
    known = [trace for trace in traces if isinstance(trace, dict)]
    if axes := [*_axes(known, layout)]:
        lines.append(f"axes: {', '.join(axes)}")
    return "\n".join([*lines, *([_PICTURE] if traces else [])])


def title(part: Mapping[str, Json]) -> str:
    said = part.get("title")
    text = said.get("text") if isinstance(said, dict) else said
    return text if isinstance(text, str) else ""


def quoted(text: str) -> str:
    return f' "{text[:200]}"' if text else ""


def _trace(trace: Mapping[str, Json]) -> str:
    kind = str(trace.get("type") or "scatter")
    counts = [(key, count(trace.get(key))) for key in _MEASURES]
    points = max((number for _, number in counts), default=0)
    over = " ".join(key for key, number in counts if number)
    name = trace.get("name")
    return f"{kind}{quoted(name if isinstance(name, str) else '')}: {points:,} points ({over})"


def _axes(traces: list[dict[str, Json]], layout: Mapping[str, Json]) -> Iterator[str]:
    """Each axis with its title and its range, or that of its data."""
    data: dict[str, list[Json]] = {}
    for trace in traces:
        for letter in "xyz":
            if trace.get(letter) is not None:
                axis = str(trace.get(f"{letter}axis") or letter)
                data.setdefault(axis, []).append(trace[letter])
    names = [name.replace("axis", "") for name in layout if re.fullmatch(r"[xyz]axis\d{0,3}", name)]
    every = dict.fromkeys([*data, *names])
    for name in islice(every, _MOST):
        part = layout.get(f"{name[:1]}axis{name[1:]}")
        axis_layout = part if isinstance(part, dict) else {}
        ends = _range(axis_layout) or extent(data.get(name, []))
        if said := quoted(title(axis_layout)) + (f" ({ends})" if ends else ""):
            yield f"{name}{said}"
    if len(every) > _MOST:
        yield f"… {len(every) - _MOST} more"


def _range(axis: Mapping[str, Json]) -> str:
    ends = axis.get("range")
    if not isinstance(ends, list) or len(ends) != 2 or None in ends:
        return ""
    low, high = ends
    if axis.get("type") != "log":
        return between(low, high)
    # The ends of a logarithmic axis are exponents.
    is_number = all(isinstance(end, int | float) and abs(end) < 300 for end in (low, high))
    return between(*(10 ** float(str(end)) for end in (low, high))) if is_number else ""
