"""Interactive charts in a few lines: what is drawn, over which axes, of how many points."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping

from jupyter_mcp_ext.outputs.model import Json, MimeBundle

_CHART = re.compile(r"application/vnd\.(plotly|vega(?:lite)?|bokeh\w*)[\w.]*(?:\+json)?$")
_GLYPH = re.compile(r'"name":"(Line|Scatter|Circle|VBar|HBar|Quad|Patch|Patches|Image|Segment)"')
_MOST = 12  # traces that are named


def chart_type(data: MimeBundle) -> str | None:
    """The MIME type of the chart in this bundle, if there is one."""
    found = [mime_type for mime_type in data if _CHART.match(mime_type)]
    # The script that loads the library has a type as well, and an empty value.
    return next((mime_type for mime_type in found if "load" not in mime_type), None)


def describe(data: MimeBundle, mime_type: str) -> str:
    """The chart of this type in words."""
    spec = data[mime_type]
    match = _CHART.match(mime_type)
    library = match[1] if match else ""
    if library.startswith("bokeh"):
        return _bokeh(data)
    if not isinstance(spec, dict):
        return f"{library} chart"
    return _plotly(spec) if library == "plotly" else _vega(spec, library)


def _plotly(spec: Mapping[str, Json]) -> str:
    traces = spec.get("data")
    traces = traces if isinstance(traces, list) else []
    layout = spec.get("layout")
    layout = layout if isinstance(layout, dict) else {}
    lines = [f"plotly chart{_quoted(_title(layout))}: {len(traces)} traces"]
    lines += [f"- {_trace(trace)}" for trace in traces[:_MOST] if isinstance(trace, dict)]
    if len(traces) > _MOST:
        lines.append(f"- … {len(traces) - _MOST} more")
    axes = {name: value for name, value in layout.items() if re.match(r"[xyz]axis", name)}
    named = [
        f"{name.replace('axis', '')}{_quoted(_title(axis))}"
        for name, axis in axes.items()
        if isinstance(axis, dict) and _title(axis)
    ]
    if named:
        lines.append(f"axes: {', '.join(named)}")
    return "\n".join(lines)


def _trace(trace: Mapping[str, Json]) -> str:
    kind = str(trace.get("type") or "scatter")
    counts = [(key, _length(trace.get(key))) for key in ("x", "y", "z", "values", "lat", "lon")]
    points = max((count for _, count in counts), default=0)
    over = " ".join(key for key, count in counts if count)
    name = trace.get("name")
    return f"{kind}{_quoted(name if isinstance(name, str) else '')}: {points:,} points ({over})"


def _length(value: Json) -> int:
    if isinstance(value, list):
        return len(value)
    if isinstance(value, dict) and isinstance(packed := value.get("bdata"), str):
        # An array as plotly 6 sends it: {"dtype": "f8", "bdata": "<base64>"}.
        match = re.search(r"\d+", str(value.get("dtype")))
        width = max(int(match[0]), 1) if match else 8
        try:
            return len(base64.b64decode(packed)) // width
        except (binascii.Error, ValueError):
            return 0
    return 0


def _vega(spec: Mapping[str, Json], library: str) -> str:
    lines = [f"{library} chart{_quoted(_title(spec))}{_mark(spec)}: {_rows(spec):,} points"]
    for key in ("layer", "hconcat", "vconcat", "concat"):
        parts = spec.get(key)
        if isinstance(parts, list):
            lines += [
                f"- {key}{_mark(part)}{_encoding(part)}"
                for part in parts[:_MOST]
                if isinstance(part, dict)
            ]
    if encoding := _encoding(spec):
        lines.append(f"axes:{encoding}")
    return "\n".join(lines)


def _mark(spec: Mapping[str, Json]) -> str:
    mark = spec.get("mark")
    kind = mark.get("type") if isinstance(mark, dict) else mark
    return f" {kind}" if isinstance(kind, str) else ""


def _encoding(spec: Mapping[str, Json]) -> str:
    encoding = spec.get("encoding")
    if not isinstance(encoding, dict):
        return ""
    fields = []
    for channel, value in encoding.items():
        if not isinstance(value, dict):
            continue
        field, aggregate = value.get("field"), value.get("aggregate")
        if isinstance(aggregate, str):
            fields.append(f"{channel} {aggregate}({field or ''})")
        elif field:
            fields.append(f"{channel} {field}")
    return f" {', '.join(fields)}" if fields else ""


def _rows(spec: Mapping[str, Json]) -> int:
    sets = spec.get("datasets")
    if isinstance(sets, dict) and sets:
        return sum(_length(rows) for rows in sets.values())
    data = spec.get("data")
    parts = data if isinstance(data, list) else [data]
    return sum(_length(part.get("values")) for part in parts if isinstance(part, dict))


def _bokeh(data: MimeBundle) -> str:
    script = data.get("application/javascript")
    glyphs = _GLYPH.findall(script) if isinstance(script, str) else []
    # Each drawn thing has muted and unselected twins of the same kind: the set is what is known.
    kinds = ", ".join(dict.fromkeys(glyphs))
    return f"bokeh chart: {kinds}" if kinds else "bokeh chart"


def _title(part: Mapping[str, Json]) -> str:
    title = part.get("title")
    text = title.get("text") if isinstance(title, dict) else title
    return text if isinstance(text, str) else ""


def _quoted(text: str) -> str:
    return f' "{text[:200]}"' if text else ""
