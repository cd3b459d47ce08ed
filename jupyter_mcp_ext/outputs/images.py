"""Images in a size that models take, and none that could do harm on the way."""

from __future__ import annotations

import base64
import binascii
import importlib
import io
import re
import struct
import zlib
from dataclasses import dataclass
from functools import cache
from types import ModuleType

from PIL import Image, ImageOps

FORMATS = {"PNG": "image/png", "JPEG": "image/jpeg", "GIF": "image/gif", "WEBP": "image/webp"}
_MAX_PIXELS = 50_000_000  # 200 MB decoded
_MAX_SVG = 2_000_000
_SVG_SIZE = re.compile(r'\s(width|height|viewBox)\s*=\s*["\']([^"\']{1,100})["\']')
_UNITS = {"": 1.0, "px": 1.0, "pt": 4 / 3, "pc": 16.0, "in": 96.0, "cm": 37.8, "mm": 3.78}
# What Pillow's decoders were seen to raise for broken files.
_BROKEN = (
    ArithmeticError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    Warning,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)


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
    image = _open(data)
    return image.width, image.height, FORMATS[image.format or "PNG"]


def fit(data: bytes, *, max_edge: int = 1568, max_bytes: int = 1_000_000) -> FittedImage:
    """The image as it is if it is whole and small enough, else scaled and encoded anew."""
    image = _open(data)
    width, height = image.size
    mime_type = FORMATS[image.format or "PNG"]
    try:
        image.load()  # a broken image would make a model's API refuse the whole conversation
        if max(width, height) > max_edge or len(data) > max_bytes:
            data, mime_type, image = _encode(image, mime_type, max_edge, max_bytes)
    except _BROKEN as err:
        msg = "broken"
        raise UnreadableImage(msg) from err
    return FittedImage(
        data=data,
        mime_type=mime_type,
        width=image.width,
        height=image.height,
        original_width=width,
        original_height=height,
    )


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
    except (*_BROKEN, AttributeError):
        return None
    return png if isinstance(png, bytes) else None


def _open(data: bytes) -> Image.Image:
    try:
        image: Image.Image = Image.open(io.BytesIO(data), formats=tuple(FORMATS))
    except _BROKEN as err:
        msg = "too large" if isinstance(err, Image.DecompressionBombError | Warning) else "broken"
        raise UnreadableImage(msg) from err
    if image.width * image.height > _MAX_PIXELS:
        msg = f"{image.width}x{image.height}, too large"
        raise UnreadableImage(msg)
    return image


def _encode(
    image: Image.Image, mime_type: str, max_edge: int, max_bytes: int
) -> tuple[bytes, str, Image.Image]:
    image = _plain(ImageOps.exif_transpose(image))
    image.thumbnail((max_edge, max_edge), Image.Resampling.LANCZOS)
    if mime_type != "image/jpeg":
        # Plots are smaller and sharper as PNG; photographs are not.
        data = _saved(image, "PNG")
        if len(data) <= max_bytes:
            return data, "image/png", image
    image = _opaque(image)
    while True:
        for quality in (88, 70):
            data = _saved(image, "JPEG", quality=quality)
            if len(data) <= max_bytes:
                return data, "image/jpeg", image
        if max(image.size) <= 16:
            msg = "too large"
            raise ValueError(msg)
        edge = max(image.size) * 3 // 4
        image.thumbnail((edge, edge), Image.Resampling.LANCZOS)


def _plain(image: Image.Image) -> Image.Image:
    """The first frame in 8-bit grey or colour."""
    mode = image.mode
    if mode.startswith(("I", "F")):
        low, high = image.convert("F").getextrema()
        span = (float(str(high)) - float(str(low))) or 1.0
        wide = mode.startswith("I;16")
        scale, offset = (1 / 257, 0.0) if wide else (255 / span, -float(str(low)) * 255 / span)
        return image.convert("F").point(lambda value: value * scale + offset).convert("L")
    if mode in {"L", "RGB", "RGBA"} and "transparency" not in image.info:
        return image.copy()
    has_alpha = mode in {"LA", "PA", "RGBa", "La", "RGBA"} or "transparency" in image.info
    return image.convert("RGBA" if has_alpha else "L" if mode == "1" else "RGB")


def _opaque(image: Image.Image) -> Image.Image:
    if image.mode != "RGBA":
        return image
    paper = Image.new("RGB", image.size, "white")
    paper.paste(image, mask=image.getchannel("A"))
    return paper


def _saved(image: Image.Image, kind: str, *, quality: int = 75) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, quality=quality)
    return file.getvalue()


def _embedded_only(url: str, _resource_type: str) -> bytes:
    """Images that are part of the drawing itself; nothing is fetched from anywhere."""
    head, _, payload = url.partition(",")
    if head.startswith(("data:image/png", "data:image/jpeg")) and head.endswith(";base64"):
        return base64.b64decode(payload)
    return b""


def _svg_size(svg: str) -> tuple[float, float]:
    start = svg.find("<svg")
    said = dict(_SVG_SIZE.findall(svg[start : svg.find(">", start) + 1]))
    width, height = _pixels(said.get("width", "")), _pixels(said.get("height", ""))
    box = [_pixels(n) for n in said.get("viewBox", "").replace(",", " ").split()]
    if len(box) == 4:
        width, height = width or box[2], height or box[3]
    return width or 800.0, height or 600.0


def _pixels(length: str) -> float:
    match = re.fullmatch(r"\s*([\d.]+(?:e\d+)?)\s*([a-z]*)\s*", length)
    try:
        return float(match[1]) * _UNITS.get(match[2], 0.0) if match else 0.0
    except ValueError:
        return 0.0
