"""What tools of other packages return, as an answer within the budget of a result."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from jupyter_mcp_ext.errors import ToolError
from jupyter_mcp_ext.outputs.model import Display
from jupyter_mcp_ext.outputs.presentation import ImageBlock, TextBlock, present
from jupyter_mcp_ext.outputs.text import strip
from jupyter_mcp_ext.tools.answer import Answer

from .calls import Ran

if TYPE_CHECKING:
    from jupyter_mcp_ext.outputs.rendering import Render
    from jupyter_mcp_ext.tools.call import Call

MAX_ITEMS = 100
MAX_IMAGE = 20_000_000
"""Bytes of an image."""
KINDS = ("image/png", "image/jpeg", "image/gif", "image/webp")
HEAD = 0.4
"""The part of a text that is cut that is its beginning; the rest is its end."""


@dataclass(frozen=True, kw_only=True)
class Image:
    """An image that the model sees: PNG, JPEG, GIF or WebP; it is made smaller if it is large."""

    data: bytes
    mime_type: str = "image/png"


class BadResult(TypeError):
    """A tool has returned what cannot be shown: a fault of the tool."""


async def answer(value: object, call: Call, tool: str) -> Answer:
    """The answer of what a tool returned. Raises BadResult."""
    if isinstance(value, Ran):
        return value.answer
    items: Sequence[object] = value if isinstance(value, list | tuple) else [value]
    if len(items) > MAX_ITEMS:
        msg = f"{tool} returned {len(items)} items; at most {MAX_ITEMS} are shown"
        raise BadResult(msg)
    texts = [item for item in items if isinstance(item, str)]
    rooms = iter(_rooms([len(text) for text in texts], call.services.limits.text))
    blocks: list[TextBlock | ImageBlock] = []
    images = 0
    for item in items:
        if item is None and len(items) == 1:
            blocks.append(TextBlock(text="Done."))
        elif isinstance(item, str):
            blocks.append(TextBlock(text=_cut(item, next(rooms), tool)))
        elif isinstance(item, Image) and item.mime_type in KINDS:
            images += 1
            blocks += await _image(item, call, f"{tool} {images}", images)
        else:
            # Not its repr, which is code of the package and can be of any size.
            kind = type(item).__name__
            msg = f"{tool} returned a {kind}: no str, no Image, no list of these, no Ran"
            raise BadResult(msg)
    return Answer(blocks=tuple(blocks) or (TextBlock(text="Nothing."),))


def sayable(err: ToolError, call: Call, tool: str) -> ToolError:
    """What a tool has raised, as a model may read it: within the budget, and text. May raise."""
    said = str(err)
    kept = _cut(said, call.services.limits.text - len("Error: "), tool)
    return err if kept == said else ToolError(kept)


def _rooms(sizes: Sequence[int], room: int) -> list[int]:
    """How many characters each text gets: small ones all that they have, large ones the rest."""
    rooms = [0] * len(sizes)
    order = sorted(range(len(sizes)), key=lambda n: sizes[n])
    for done, n in enumerate(order):
        rooms[n] = min(sizes[n], room // (len(sizes) - done))
        room -= rooms[n]
    return rooms


def _cut(text: str, room: int, tool: str) -> str:
    """A text within its room, without what is not text."""
    if len(text) <= room:
        return strip(text)
    note = f"\n… {len(text) - room:,} characters left out: ask {tool} for less …\n"
    kept = max(room - len(note), 0)
    head = int(kept * HEAD)
    return strip(text[:head]) + note + strip(text[len(text) - (kept - head) :])


async def _image(
    image: Image, call: Call, label: str, number: int
) -> Sequence[TextBlock | ImageBlock]:
    limits = call.services.limits
    if number > limits.images:
        return [TextBlock(text=f"[image {label} left out: a result has {limits.images}]")]
    if len(image.data) > MAX_IMAGE:
        return [TextBlock(text=f"[image {label} left out: it is over {MAX_IMAGE:,} bytes]")]
    data = base64.b64encode(bytes(image.data)).decode()
    output = Display(data={image.mime_type: data})

    def build(render: Render) -> Sequence[TextBlock | ImageBlock]:
        shown = present(
            [output],
            limits=replace(limits, text=1_000),
            label=lambda _: label,
            more=lambda *_: label,
            render=render,
        )
        return shown.blocks

    return await call.services.rendering.shown(build, of=label)
