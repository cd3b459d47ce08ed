"""Drawing SVG: the only module that imports the renderer of the extra ``svg``."""

from __future__ import annotations

import base64
import importlib
import re
from functools import cache
from types import ModuleType

from jupyter_mcp_ext.outputs.pixels import BROKEN

_SVG_SIZE = re.compile(r'\s(width|height|viewBox)\s*=\s*["\']([^"\']{1,100})["\']')
_UNITS = {"": 1.0, "px": 1.0, "pt": 4 / 3, "pc": 16.0, "in": 96.0, "cm": 37.8, "mm": 3.78}


@cache
def renderer() -> ModuleType | None:
    """The SVG renderer, if it is installed."""
    try:
        return importlib.import_module("cairosvg")
    except (ImportError, OSError):  # OSError: the package is installed and the cairo library is not
        return None


def rasterise(svg: str, max_edge: int) -> bytes | None:
    """The drawing as PNG; None if no renderer is installed or it cannot render this."""
    cairosvg = renderer()
    if cairosvg is None or "<!ENTITY" in svg:
        return None
    width, height = _svg_size(svg)
    scale = min(1.0, max_edge / max(width, height))
    try:
        # svg2png does the same but does not take a function that fetches.
        png = cairosvg.surface.PNGSurface.convert(
            bytestring=svg.encode(),
            unsafe=False,
            url_fetcher=_embedded_only,
            output_width=max(round(width * scale), 1),
            output_height=max(round(height * scale), 1),
            background_color="white",
        )
    except (*BROKEN, AttributeError):
        return None
    return png if isinstance(png, bytes) else None


def _embedded_only(url: str, _resource_type: str) -> bytes:
    """Images that are part of the drawing itself; nothing is fetched from anywhere."""
    head, _, payload = url.partition(",")
    if head.startswith(("data:image/png", "data:image/jpeg")) and head.endswith(";base64"):
        return base64.b64decode(payload)
    return b""


def _svg_size(svg: str) -> tuple[float, float]:
    start = svg.find("<svg")
    said = dict(_SVG_SIZE.findall(svg[start : svg.find(">", start) + 1]))
    width, height = _length(said.get("width", "")), _length(said.get("height", ""))
    box = [_length(n) for n in said.get("viewBox", "").replace(",", " ").split()]
    if len(box) == 4:
        width, height = width or box[2], height or box[3]
    return width or 800.0, height or 600.0


def _length(written: str) -> float:
    match = re.fullmatch(r"([\d.]+(?:e\d+)?)\s*([a-z]*)", written.strip())
    try:
        return float(match[1]) * _UNITS.get(match[2], 0.0) if match else 0.0
    except ValueError:
        return 0.0
