"""Images in a size that models accept, without those that could do harm."""

from __future__ import annotations

import base64
import binascii
import importlib.util
import struct
import zlib
from dataclasses import dataclass
from functools import cache

from jupyter_mcp_ext.outputs.rendering import Render, here

FORMATS = {"PNG": "image/png", "JPEG": "image/jpeg", "GIF": "image/gif", "WEBP": "image/webp"}
_MAX_SVG = 2_000_000
_PNG = b"\x89PNG\r\n\x1a\n"
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of a pixel, by a PNG's colour type


class UnreadableImage(Exception):
    """The data is no image, or a broken one, or too large to decode; the message says which."""


@dataclass(frozen=True, kw_only=True)
class FittedImage:
    """An image to be sent, and its original size."""

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


def measure(data: bytes, render: Render = here) -> tuple[int, int, str]:
    """Width, height and MIME type, read from the header only."""
    if data.startswith(_PNG) and data[12:16] == b"IHDR" and len(data) > 24:
        return (*struct.unpack(">II", data[16:24]), FORMATS["PNG"])
    width, height, mime_type = render("measure", data)
    return width, height, mime_type


def fit(
    data: bytes, *, max_edge: int = 1568, max_bytes: int = 1_000_000, render: Render = here
) -> FittedImage:
    """The image unchanged if it is intact and small enough, otherwise scaled and encoded again."""
    if len(data) <= max_bytes and (size := whole_png(data, max_edge)):
        width, height = size
        return FittedImage(
            data=data,
            mime_type=FORMATS["PNG"],
            width=width,
            height=height,
            original_width=width,
            original_height=height,
        )
    fitted: FittedImage = render("fit", data, max_edge, max_bytes)
    return fitted


def rasterise(svg: str, *, max_edge: int = 1568, render: Render = here) -> bytes | None:
    """The drawing as PNG; None if no renderer is installed or it cannot render this."""
    png: bytes | None = render("rasterise", svg, max_edge) if len(svg) <= _MAX_SVG else None
    return png


@cache
def can_draw() -> bool:
    """Whether the package that renders SVG is installed; its library may still be missing."""
    return importlib.util.find_spec("cairosvg") is not None


def whole_png(data: bytes, max_edge: int) -> tuple[int, int] | None:
    """Width and height of a PNG within ``max_edge`` that is certainly intact.

    Most plots are such, and need nothing that reads images. Time and memory are bounded by the
    edge. None means nothing: what knows images has to look.
    """
    chunks = _chunks(data)
    kind, head = chunks[0] if chunks else (b"", b"")
    if kind != b"IHDR" or len(head) != 13 or chunks[-1][0] != b"IEND":
        return None
    width, height, depth, colour, *methods = struct.unpack(">IIBBBBB", head)
    if not (0 < width <= max_edge and 0 < height <= max_edge) or any(methods):
        return None
    if depth not in {1, 2, 4, 8, 16} or colour not in _SAMPLES:
        return None
    critical = {kind for kind, _ in chunks[1:] if kind[:1].isupper()} - {b"PLTE"}
    if critical != {b"IDAT", b"IEND"} or (colour == 3 and not any(k == b"PLTE" for k, _ in chunks)):
        return None
    row = 1 + (width * _SAMPLES[colour] * depth + 7) // 8
    packed = b"".join(part for kind, part in chunks if kind == b"IDAT")
    inflater = zlib.decompressobj()
    try:
        pixels = inflater.decompress(packed, row * height + 1)
    except zlib.error:
        return None
    is_whole = len(pixels) == row * height and max(pixels[::row]) <= 4  # filters of the rows
    return (width, height) if is_whole else None


def _chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """The chunks of a PNG with their names; none if there is anything else or they are broken."""
    chunks: list[tuple[bytes, bytes]] = []
    at = len(_PNG) if data.startswith(_PNG) else len(data)
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        check = int.from_bytes(data[end - 4 : end], "big")
        if end > len(data) or zlib.crc32(memoryview(data)[at + 4 : end - 4]) != check:
            return []
        chunks.append((data[at + 4 : at + 8], data[at + 8 : end - 4]))
        at = end
    return chunks if at == len(data) else []
