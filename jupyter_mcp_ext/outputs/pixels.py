"""Decoding, measuring, scaling and encoding images: the only module that imports Pillow."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image, ImageOps

from jupyter_mcp_ext.outputs.images import FORMATS, FittedImage, UnreadableImage

_MAX_DECODED = 100_000_000
"""Bytes of pixels up to which an image is decoded, so that a process stays within 200 MB."""

_WIDTHS = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2}
"""Bytes of a pixel by its image's mode, if they are not 4."""

# What Pillow's decoders raise for broken files.
BROKEN = (
    ArithmeticError,
    EOFError,
    LookupError,
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


def measure(data: bytes) -> tuple[int, int, str]:
    """Width, height and MIME type, read from the header only."""
    image = _open(data)
    return image.width, image.height, FORMATS[image.format or "PNG"]


def fit(data: bytes, max_edge: int, max_bytes: int) -> FittedImage:
    """The image unchanged if it is intact and small enough, otherwise scaled and encoded again."""
    image = _open(data)
    width, height = image.size
    mime_type = FORMATS[image.format or "PNG"]
    if max(width, height) > 2 * max_edge:
        image.draft(None, (2 * max_edge, 2 * max_edge))  # a JPEG can be decoded at a smaller size
    if image.width * image.height * _WIDTHS.get(image.mode, 4) > _MAX_DECODED:
        msg = f"{width}x{height}, too large"
        raise UnreadableImage(msg)
    try:
        image.load()  # a broken image would make a model's API refuse the whole conversation
        if max(width, height) > max_edge or len(data) > max_bytes:
            data, mime_type, image = _encode(image, mime_type, max_edge, max_bytes)
    except BROKEN as err:
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


def _open(data: bytes) -> Image.Image:
    try:
        image: Image.Image = Image.open(io.BytesIO(data), formats=tuple(FORMATS))
    except BROKEN as err:
        msg = "too large" if isinstance(err, Image.DecompressionBombError | Warning) else "broken"
        raise UnreadableImage(msg) from err
    return image


def _encode(
    image: Image.Image, mime_type: str, max_edge: int, max_bytes: int
) -> tuple[bytes, str, Image.Image]:
    ImageOps.exif_transpose(image, in_place=True)
    image = _plain(image)
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
    """The first frame, in 8-bit grey or colour."""
    mode = image.mode
    if mode.startswith(("I", "F")):
        low, high = image.convert("F").getextrema()
        span = (float(str(high)) - float(str(low))) or 1.0
        wide = mode.startswith("I;16")
        scale, offset = (1 / 257, 0.0) if wide else (255 / span, -float(str(low)) * 255 / span)
        return image.convert("F").point(lambda value: value * scale + offset).convert("L")
    if mode in {"L", "RGB", "RGBA"} and "transparency" not in image.info:
        return image
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
