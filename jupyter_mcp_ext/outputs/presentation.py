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
from jupyter_mcp_ext.outputs.slots import Slot, Slots
from jupyter_mcp_ext.outputs.text import Excerpt

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
    filling = _Filling(len(outputs), limits.text)
    for slot, grant in zip(slots, grants, strict=True):
        filling.add(slot, slot.part.fit(grant, partial(more, slot.first)))
    return filling.end()


class _Filling:
    """A presentation while it is put together."""

    def __init__(self, outputs: int, room: int) -> None:
        self._left = room
        self._blocks: list[TextBlock | ImageBlock] = []
        self._positions: list[int | None] = [None] * outputs
        self._texts: list[str] = []
        """What the next block of text has."""
        self._truncated = False

    def add(self, slot: Slot, excerpt: Excerpt) -> None:
        """Add the text of a slot, then its images."""
        self._truncated |= excerpt.truncated
        text = f"{slot.heading}\n{excerpt.text}" if slot.heading else excerpt.text
        if self._left < len(text) + 1:
            # Only if the limit is smaller than the lines that name the outputs.
            text, self._truncated = text[: max(self._left - 1, 0)], True
        if text:
            self._add_text(text)
            if slot.shown:
                count = slot.last + 1 - slot.first
                self._positions[slot.first : slot.last + 1] = [len(self._blocks)] * count
        if slot.image:
            if self._texts:
                self._end_text()
            self._positions[slot.first] = len(self._blocks)
            self._blocks.append(slot.image)
        for line, image in slot.embedded:
            if len(line) < self._left:
                self._add_text(line)
            if image:
                self._end_text()
                self._blocks.append(image)
            self._truncated |= image is None

    def end(self) -> Presentation:
        """The presentation."""
        if self._texts:
            self._blocks.append(TextBlock(text="\n".join(self._texts)))
        return Presentation(
            blocks=tuple(self._blocks),
            truncated=self._truncated,
            positions=tuple(self._positions),
        )

    def _add_text(self, text: str) -> None:
        self._texts.append(text)
        self._left -= len(text) + 1

    def _end_text(self) -> None:
        # With a line end: then the next block begins a line, however the blocks are joined.
        self._blocks.append(TextBlock(text="\n".join([*self._texts, ""])))
        self._texts = []
