"""Outputs as a model gets them: text and images in order, within the limits of a result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from jupyter_mcp_ext.outputs.limits import Limits
from jupyter_mcp_ext.outputs.model import Error, Output, Stream
from jupyter_mcp_ext.outputs.numbered import More
from jupyter_mcp_ext.outputs.pictures import ImageBlock
from jupyter_mcp_ext.outputs.rendering import Render, here
from jupyter_mcp_ext.outputs.shares import share
from jupyter_mcp_ext.outputs.slots import Slots

__all__ = ["ImageBlock", "Limits", "Presentation", "TextBlock", "is_heavy", "present"]

_HEAVY = 200_000  # characters that take a few milliseconds
_MANY = 200  # outputs


@dataclass(frozen=True, kw_only=True)
class TextBlock:
    text: str


@dataclass(frozen=True, kw_only=True)
class Presentation:
    """Blocks in order, and for each output the index of the block it is in, if it is shown."""

    blocks: tuple[TextBlock | ImageBlock, ...]
    truncated: bool
    positions: tuple[int | None, ...]


def is_heavy(outputs: Sequence[Output]) -> bool:
    """Whether ``present`` could take milliseconds, so that it should run in a thread."""
    if len(outputs) > _MANY:
        return True
    size = 0
    for output in outputs:
        if isinstance(output, Stream):
            size += len(output.rope)
        elif isinstance(output, Error):
            size += sum(map(len, output.traceback))
        else:
            for mime_type, value in output.data.items():
                if mime_type != "text/plain" and not mime_type.startswith("text/x-"):
                    return True
                size += len(value) if isinstance(value, str) else 0
    return size > _HEAVY


def present(
    outputs: Sequence[Output],
    *,
    limits: Limits,
    label: Callable[[int], str],
    more: More,
    render: Render = here,
    told: int | None = None,
) -> Presentation:
    """Show outputs within ``limits``.

    ``label(i)`` is the id of the i-th output, ``more(i, line)`` the call that shows it from
    that line on, ``more(i, line, column)`` from a character of it. ``told`` is the error whose
    headline has been shown already.
    """
    slots = Slots(outputs, limits, label, more, render, told=told).shown(limits.text)
    sizes = [slot.part.size for slot in slots]
    room = limits.text - sum(slot.overhead for slot in slots)
    grants = share(sizes, [slot.reserve for slot in slots], room)
    blocks: list[TextBlock | ImageBlock] = []
    positions: list[int | None] = [None] * len(outputs)
    texts: list[str] = []
    left = limits.text
    truncated = False
    for slot, grant in zip(slots, grants, strict=True):
        excerpt = slot.part.fit(grant, partial(more, slot.first))
        truncated |= excerpt.truncated
        text = f"{slot.heading}\n{excerpt.text}" if slot.heading else excerpt.text
        if left < len(text) + 1:
            # Only if the limit is smaller than the lines that name the outputs.
            text, truncated = text[: max(left - 1, 0)], True
        if text:
            texts.append(text)
            left -= len(text) + 1
            if slot.shown:
                positions[slot.first : slot.last + 1] = [len(blocks)] * (slot.last + 1 - slot.first)
        if slot.image:
            if texts:
                # With a line end: then the next block begins a line, however the blocks are joined.
                blocks.append(TextBlock(text="\n".join([*texts, ""])))
            texts = []
            positions[slot.first] = len(blocks)
            blocks.append(slot.image)
        for line, image in slot.embedded:
            if len(line) < left:
                texts.append(line)
                left -= len(line) + 1
            if image:
                blocks += [TextBlock(text="\n".join([*texts, ""])), image]
                texts = []
            truncated |= image is None
    if texts:
        blocks.append(TextBlock(text="\n".join(texts)))
    return Presentation(blocks=tuple(blocks), truncated=truncated, positions=tuple(positions))
