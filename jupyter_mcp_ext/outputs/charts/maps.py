"""Leaflet maps in words, as folium and geopandas' ``explore`` make them."""

from __future__ import annotations

import re

from jupyter_mcp_ext.wording import counted

SIGN = "L.map("

_THINGS = {
    "marker": "L.marker(",
    "circle marker": "L.circleMarker(",
    "circle": "L.circle(",
    "line": "L.polyline(",
    "polygon": "L.polygon(",
    "rectangle": "L.rectangle(",
    "image": "L.imageOverlay(",
    "heat map": "L.heatLayer(",
    "GeoJSON layer": "L.geoJson(",
    "marker cluster": "L.markerClusterGroup(",
}
_FEATURE = re.compile(r'"type":\s?"Feature"')
_CENTRE = re.compile(r"\bcenter:\s{0,99}\[\s{0,9}(-?[\d.]{1,20}),\s{0,9}(-?[\d.]{1,20})\s{0,9}\]")
_ZOOM = re.compile(r'"zoom":\s?(\d{1,2})\b')
_FIELDS = re.compile(r"\blet aliases = \[([^\]]{1,1000})\]")
_WORDS = re.compile(r"<div[^<>`]{0,200}>\s{0,99}([^<>`${}]{1,200}?)\s{0,99}</div>")
_MOST = 20  # labels on the map that are shown


def words(code: str) -> str:
    """What a program draws on a map."""
    centre, zoom = _CENTRE.search(code), _ZOOM.search(code)
    where = f" around {centre[1]}, {centre[2]}" if centre else ""
    where += f", zoom {zoom[1]}" if zoom else ""
    lines = [f"leaflet map{where}: {', '.join(_things(code)) or 'nothing on it'}"]
    if fields := _FIELDS.search(code):
        lines.append("fields: " + re.sub(r'["\s]+', " ", fields[1]).replace(" ,", ",").strip())
    said = [*dict.fromkeys(" ".join(text.split()) for text in _WORDS.findall(code))]
    if said:
        left_out = f" … {len(said) - _MOST} more" if len(said) > _MOST else ""
        lines.append(f"words on it: {'; '.join(said[:_MOST])}{left_out}")
    return "\n".join(lines)


def _things(code: str) -> list[str]:
    counts = {name: code.count(sign) for name, sign in _THINGS.items()}
    counts["feature"] = len(_FEATURE.findall(code))
    return [counted(count, name) for name, count in counts.items() if count]
