"""The images of displays: the display itself, or images embedded in its HTML or Markdown."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import unescape
from urllib.parse import unquote

from jupyter_mcp_ext.outputs import bundles, images
from jupyter_mcp_ext.outputs.characters import plain_name
from jupyter_mcp_ext.outputs.images import FittedImage, UnreadableImage
from jupyter_mcp_ext.outputs.limits import Limits
from jupyter_mcp_ext.outputs.model import Display, Json, Output
from jupyter_mcp_ext.outputs.rendering import Lacking, NotRendered, Render

_EMBEDDED = "data:image/"
_BEFORE = ("src=", "src='", 'src="', "](", "](<")  # of HTML, of Markdown
_UNQUOTED = re.compile(r"[\"')>\s]")
_QUOTES = {quote: re.compile(quote) for quote in "\"'"}
_MOST = 100  # embedded images of one display that are searched
_TRIES = 16  # images that are tried to find readable ones


@dataclass(frozen=True, kw_only=True)
class ImageBlock:
    data: bytes
    mime_type: str


@dataclass(frozen=True, kw_only=True)
class Picture:
    """An image that may be shown; base64, or the source of a drawing."""

    mime_type: str
    value: Json
    is_embedded: bool = False

    def fitted(self, limits: Limits, render: Render) -> FittedImage:
        """The image in its size for a model. Raises UnreadableImage, NotRendered."""
        if self.mime_type == "image/svg+xml":
            svg = bundles.string(self.value)
            data = images.rasterise(svg, max_edge=limits.image_edge, render=render)
            if data is None:
                msg = "it cannot be drawn here"
                raise UnreadableImage(msg)
        else:
            data = images.decode(self.value)
        return images.fit(
            data, max_edge=limits.image_edge, max_bytes=limits.image_bytes, render=render
        )


@dataclass(frozen=True, kw_only=True)
class ShownPicture:
    """A picture as shown: the line that names it or says why it is not shown, and the image."""

    picture: Picture
    line: str
    block: ImageBlock | None = None
    failure: NotRendered | UnreadableImage | None = None


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """The pictures of one output that are shown, and how many are not."""

    shown: Sequence[ShownPicture]
    left_out: int


def galleries(
    outputs: Sequence[Output], limits: Limits, label: Callable[[int], str], render: Render
) -> dict[int, Gallery]:
    """The pictures of all outputs that have some; the latest readable ones are shown."""
    room, tries = limits.images, max(_TRIES, limits.images)
    found: dict[int, Gallery] = {}
    for n in range(len(outputs) - 1, -1, -1):
        own = [*pictures(outputs[n])]
        shown: list[ShownPicture] = []
        left_out = len(own)
        while left_out and room and tries:
            left_out -= 1
            tries -= 1
            one = _shown(own[left_out], limits, label(n), render)
            room -= one.failure is None or isinstance(one.failure, Lacking)
            shown.insert(0, one)
        if own:
            found[n] = Gallery(shown=shown, left_out=left_out)
    return found


def pictures(output: Output) -> Iterator[Picture]:
    """The images of an output, in their order."""
    if not isinstance(output, Display) or not _may_have(output):
        return
    kind, mime_type = bundles.choose(output.data)
    if kind == "image" or (kind == "svg" and images.can_draw()):
        yield Picture(mime_type=mime_type, value=output.data[mime_type])
    elif kind in {"html", "table"} or mime_type == "text/markdown":
        yield from embedded(bundles.string(output.data[mime_type]))


def embedded(source: str) -> Iterator[Picture]:
    """The images in HTML or Markdown that are part of it."""
    at = 0
    for _ in range(_MOST):
        at = source.find(_EMBEDDED, at)
        if at < 0:
            return
        comma = source.find(",", at, at + 80)
        kind, *parameters = source[at + len("data:") : comma].split(";")
        mime_type = kind.replace("/jpg", "/jpeg")
        before = source[max(at - 5, 0) : at]
        at += len(_EMBEDDED)
        if comma < 0 or not before.endswith(_BEFORE):
            continue
        start = comma + 1
        quote = before[-1:] if before[-1:] in {"'", '"'} else ""
        ending = (_QUOTES[quote] if quote else _UNQUOTED).search(source, start)
        end = ending.start() if ending else len(source)
        picture = _embedded(mime_type, source[start:end], is_base64="base64" in parameters)
        at = end
        if picture is not None:
            yield picture


def _embedded(mime_type: str, value: str, *, is_base64: bool) -> Picture | None:
    if mime_type in images.FORMATS.values() and is_base64:
        return Picture(mime_type=mime_type, value=value, is_embedded=True)
    if mime_type != "image/svg+xml" or not images.can_draw():
        return None
    try:
        svg = base64.b64decode(value).decode(errors="replace") if is_base64 else _unescaped(value)
    except (binascii.Error, ValueError):
        return None
    return Picture(mime_type=mime_type, value=svg, is_embedded=True)


def _unescaped(value: str) -> str:
    """The text of a URI in HTML or Markdown."""
    return unquote(unescape(value))


def _may_have(display: Display) -> bool:
    return any(
        name.startswith("image/")
        or (name in {"text/html", "text/markdown"} and isinstance(v, str) and _EMBEDDED in v)
        for name, v in display.data.items()
    )


def _shown(picture: Picture, limits: Limits, label: str, render: Render) -> ShownPicture:
    name = "svg" if "svg" in picture.mime_type else picture.mime_type.removeprefix("image/")
    try:
        fitted = picture.fitted(limits, render)
    except (NotRendered, UnreadableImage) as err:
        why = "unreadable: " if isinstance(err, UnreadableImage) else ""
        line = f"[image {label} {plain_name(name)}, {why}{err}]"
        return ShownPicture(picture=picture, line=line, failure=err)
    line = f"[image {label} {fitted.original_width}x{fitted.original_height} {name}"
    if (fitted.width, fitted.height) != (fitted.original_width, fitted.original_height):
        line += f", scaled to {fitted.width}x{fitted.height}"
    block = ImageBlock(data=fitted.data, mime_type=fitted.mime_type)
    return ShownPicture(picture=picture, line=f"{line}]", block=block)
