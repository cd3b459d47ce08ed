"""Outputs that would take minutes or gigabytes to render."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress

import psutil
from PIL import Image

from jupyter_mcp_ext.outputs.model import Display
from jupyter_mcp_ext.rendering.rendering import MAX_AT_ONCE

TOO_MUCH = "could not be rendered within"


def uses(name: str = "a") -> str:
    """A drawing of a few bytes that draws a rectangle a billion times."""
    steps = "".join(
        f'<g id="{name}{n}">' + f'<use href="#{name}{n - 1}"/>' * 10 + "</g>" for n in range(1, 10)
    )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><defs>'
        f'<rect id="{name}0" width="9" height="9"/>{steps}</defs><use href="#{name}9"/></svg>'
    )


def html(source: str) -> Display:
    """HTML that is long enough to be rendered in the process."""
    return Display(data={"text/html": f"{source}<!--{' ' * MAX_AT_ONCE}-->"})


def image(data: bytes, kind: str = "png") -> Display:
    return Display(data={f"image/{kind}": base64.b64encode(data).decode()})


def drawing(source: str) -> Display:
    return Display(data={"image/svg+xml": source})


def png(width: int, height: int, *, colour: int = 0, rows: int | None = None) -> bytes:
    """A PNG whose header gives this size, with that or another number of rows."""
    samples = {0: 1, 2: 3}[colour]
    head = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    body = zlib.compress(bytes((width * samples + 1) * (height if rows is None else rows)))
    chunks = ((b"IHDR", head), (b"IDAT", body), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def animation(kind: str, frames: int) -> bytes:
    first, *rest = [Image.new("L", (300, 300), n % 256) for n in range(frames)]
    file = io.BytesIO()
    first.save(file, kind, save_all=True, append_images=rest)
    return file.getvalue()


BOMBS: Mapping[str, Callable[[], Display]] = {
    "a drawing that uses itself": lambda: drawing(uses()),
    "unfinished tags": lambda: html("<a " * 300_000),
    "elements within each other": lambda: html("<b>x" * 240_000),
    "tables within each other": lambda: html('<table class="dataframe"><tr><td>' * 30_000),
    "cells that span a million": lambda: html(
        '<table class="dataframe">'
        + ('<tr><td colspan="1000">' + "x" * 200 + "</td></tr>") * 1_000
        + "</table>"
    ),
    "a large image": lambda: image(png(7_000, 7_000, colour=2)),
    "an image of many pixels in few bytes": lambda: image(png(60_000, 60_000, rows=10)),
    "many frames": lambda: image(animation("GIF", 2_000), "gif"),
    "many WebP frames": lambda: image(animation("WEBP", 500), "webp"),
    "base64 of no image": lambda: image(b"GIF89a" + bytes(6_000_000), "gif"),
}
"""Each is made when it is wanted: together they are hundreds of megabytes."""


def processes(of: int | None = None) -> list[psutil.Process]:
    """The rendering processes of a server or of this process."""
    found = []
    for child in psutil.Process(of).children():
        with suppress(psutil.NoSuchProcess):  # also those that have ended and are not reaped yet
            if any("jupyter_mcp_ext.rendering" in word for word in child.cmdline()):
                found.append(child)
    return found
