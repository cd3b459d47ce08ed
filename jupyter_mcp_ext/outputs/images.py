"""Images in a size that models take, and none that could do harm on the way."""

from __future__ import annotations

import base64
import binascii
import importlib
import re
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any

FORMATS = {"PNG": "image/png", "JPEG": "image/jpeg", "GIF": "image/gif", "WEBP": "image/webp"}
_MAX_SVG = 2_000_000
_SVG_SIZE = re.compile(r'\s(width|height|viewBox)\s*=\s*["\']([^"\']{1,100})["\']')
_UNITS = {"": 1.0, "px": 1.0, "pt": 4 / 3, "pc": 16.0, "in": 96.0, "cm": 37.8, "mm": 3.78}


class UnreadableImage(Exception):
    """The data is no image, a broken one, or one too large to decode; the message says which."""


@dataclass(frozen=True, kw_only=True)
class FittedImage:
    """An image to be sent, and the size that it had before."""

    data: bytes
    mime_type: str
    width: int
    height: int
    original_width: int
    original_height: int


def decode(value: object) -> bytes:
    """The bytes of a base64 value of a MIME bundle."""
    if not isinstance(value, str):
        msg = "not base64"
        raise UnreadableImage(msg)
    try:
        # Whitespace and the like in it, as nbformat's lines have, is passed over.
        return base64.b64decode(value)
    except (binascii.Error, ValueError) as err:
        msg = "not base64"
        raise UnreadableImage(msg) from err


def measure(data: bytes) -> tuple[int, int, str]:
    """Width, height and MIME type by the header alone."""
    measured: tuple[int, int, str] = _pixels().measure(data)
    return measured


def fit(data: bytes, *, max_edge: int = 1568, max_bytes: int = 1_000_000) -> FittedImage:
    """The image as it is if it is whole and small enough, else scaled and encoded anew."""
    fitted: FittedImage = _pixels().fit(data, max_edge=max_edge, max_bytes=max_bytes)
    return fitted


@cache
def _pixels() -> Any:
    """What reads images: megabytes, which load with the first one."""
    return importlib.import_module("jupyter_mcp_ext.outputs.pixels")


@cache
def renderer() -> ModuleType | None:
    """The SVG renderer of the extra ``svg``, if it is installed: 9 MB, at the first drawing."""
    try:
        return importlib.import_module("cairosvg")
    except (ImportError, OSError):  # OSError: the package is there and the cairo library is not
        return None


def rasterise(svg: str, *, max_edge: int = 1568) -> bytes | None:
    """The drawing as PNG; None where no renderer is installed or it cannot render this."""
    cairosvg = renderer()
    if cairosvg is None or len(svg) > _MAX_SVG or "<!ENTITY" in svg:
        return None
    width, height = _svg_size(svg)
    scale = min(1.0, max_edge / max(width, height))
    try:
        # svg2png is the same without the argument that says how to fetch.
        png = cairosvg.surface.PNGSurface.convert(
            bytestring=svg.encode(),
            unsafe=False,
            url_fetcher=_embedded_only,
            output_width=max(round(width * scale), 1),
            output_height=max(round(height * scale), 1),
            background_color="white",
        )
    except (*_pixels().BROKEN, AttributeError):
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
    match = re.fullmatch(r"\s*([\d.]+(?:e\d+)?)\s*([a-z]*)\s*", written)
    try:
        return float(match[1]) * _UNITS.get(match[2], 0.0) if match else 0.0
    except ValueError:
        return 0.0
