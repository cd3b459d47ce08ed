"""Charts of Vega and Vega-Lite in words, which Altair makes too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from jupyter_mcp_ext.outputs.charts.extents import extent
from jupyter_mcp_ext.outputs.charts.plotly import quoted, title
from jupyter_mcp_ext.outputs.model import Json

_MOST = 12  # parts that are named, and channels of each
_MAX_ROWS = 50_000  # values whose extents are computed
_PARTS = ("layer", "hconcat", "vconcat", "concat")
_PICTURE = 'as an image: alt.renderers.enable("png") (needs the package vl-convert-python)'


def words(spec: Mapping[str, Json], library: str) -> str:
    """The marks of a chart, the fields that they encode and the ranges of these."""
    rows = [*_rows(spec)]
    lines = [f"{library} chart{quoted(title(spec))}{_mark(spec)}: {len(rows):,} points"]
    for key in _PARTS:
        parts = spec.get(key)
        if isinstance(parts, list):
            lines += [
                f"- {key}{_mark(part)}{_encoding(part, rows)}"
                for part in parts[:_MOST]
                if isinstance(part, dict)
            ]
    if encoding := _encoding(spec, rows):
        lines.append(f"axes:{encoding}")
    return "\n".join([*lines, *([_PICTURE] if library == "vegalite" and rows else [])])


def _mark(spec: Mapping[str, Json]) -> str:
    mark = spec.get("mark")
    kind = mark.get("type") if isinstance(mark, dict) else mark
    return f" {kind}" if isinstance(kind, str) else ""


def _encoding(spec: Mapping[str, Json], rows: Sequence[Json]) -> str:
    encoding = spec.get("encoding")
    if not isinstance(encoding, dict):
        return ""
    fields = []
    for channel, value in islice(encoding.items(), _MOST):
        if not isinstance(value, dict):
            continue
        field, aggregate = value.get("field"), value.get("aggregate")
        if isinstance(aggregate, str):
            fields.append(f"{channel} {aggregate}({field or ''})")
        elif field:
            ends = _extent(str(field), rows)
            fields.append(f"{channel} {field}" + (f" ({ends})" if ends else ""))
    return f" {', '.join(fields)}" if fields else ""


def _extent(field: str, rows: Sequence[Json]) -> str:
    if len(rows) > _MAX_ROWS:
        return ""
    return extent([[row.get(field) for row in rows if isinstance(row, dict)]])


def _rows(spec: Mapping[str, Json]) -> Iterator[Json]:
    """The data that is in the chart itself."""
    sets = spec.get("datasets")
    if isinstance(sets, dict) and sets:
        values = [*sets.values()]
    else:
        data = spec.get("data")
        parts = data if isinstance(data, list) else [data]
        values = [part.get("values") for part in parts if isinstance(part, dict)]
    for rows in values:
        if isinstance(rows, list):
            yield from rows
