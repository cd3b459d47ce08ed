"""Outputs as a model gets them: text and images in order, within the limits of a result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from jupyter_mcp_ext.outputs import bundles, images
from jupyter_mcp_ext.outputs.images import UnreadableImage
from jupyter_mcp_ext.outputs.limits import Limits
from jupyter_mcp_ext.outputs.model import Display, Error, Output, Stream
from jupyter_mcp_ext.outputs.pages import heading
from jupyter_mcp_ext.outputs.parts import Note, Part, part_of

__all__ = ["ImageBlock", "Limits", "Presentation", "TextBlock", "is_heavy", "present"]

_HEAVY = 200_000  # characters that take a few milliseconds
_FLOOR = 160  # characters that an output gets at least, if it has them: a notice fits in
_NOTE = 200  # characters for saying which outputs are left out


@dataclass(frozen=True, kw_only=True)
class TextBlock:
    text: str


@dataclass(frozen=True, kw_only=True)
class ImageBlock:
    data: bytes
    mime_type: str


@dataclass(frozen=True, kw_only=True)
class Presentation:
    """Blocks in order, and for each output the index of the block it is in, if it is shown."""

    blocks: tuple[TextBlock | ImageBlock, ...]
    truncated: bool
    positions: tuple[int | None, ...]


@dataclass(frozen=True, kw_only=True)
class _Slot:
    """What stands for the outputs from ``first`` to ``last``, mostly a single one."""

    first: int
    last: int
    part: Part
    heading: str | None = None
    image: ImageBlock | None = None
    reserve: int = 0
    shown: bool = True

    @property
    def overhead(self) -> int:
        return 1 + (len(self.heading) + 1 if self.heading else 0)


def is_heavy(outputs: Sequence[Output]) -> bool:
    """Whether ``present`` could take milliseconds, so that it should run in a thread."""
    size = 0
    for output in outputs:
        if isinstance(output, Stream):
            size += len(output.text)
        elif isinstance(output, Error):
            size += sum(map(len, output.traceback))
        else:
            for mime_type, value in output.data.items():
                if mime_type != "text/plain" and not mime_type.startswith("text/x-"):
                    return True
                size += len(value) if isinstance(value, str) else 0
    return size > _HEAVY or len(outputs) > 200


def present(
    outputs: Sequence[Output],
    *,
    limits: Limits,
    label: Callable[[int], str],
    more: Callable[[int, int], str],
) -> Presentation:
    """Show outputs within ``limits``.

    ``label(i)`` is the id of the i-th output, ``more(i, offset)`` the call that shows it from
    that line on.
    """
    slots = _select(_slots(outputs, limits, label, more), limits.text, label, more)
    sizes = [slot.part.size for slot in slots]
    room = limits.text - sum(slot.overhead for slot in slots)
    grants = _share(sizes, [slot.reserve for slot in slots], room)
    blocks: list[TextBlock | ImageBlock] = []
    positions: list[int | None] = [None] * len(outputs)
    texts: list[str] = []
    left = limits.text
    truncated = False
    for slot, grant in zip(slots, grants, strict=True):
        excerpt = slot.part.fit(grant, _more_of(slot.first, more))
        truncated |= excerpt.truncated
        text = f"{slot.heading}\n{excerpt.text}" if slot.heading else excerpt.text
        if left < len(text) + 1:
            # Only where the limit is smaller than what names the outputs.
            text, truncated = text[: max(left - 1, 0)], True
        if text:
            texts.append(text)
            left -= len(text) + 1
            if slot.shown:
                positions[slot.first : slot.last + 1] = [len(blocks)] * (slot.last + 1 - slot.first)
        if slot.image:
            if texts:
                blocks.append(TextBlock(text="\n".join(texts)))
            texts = []
            positions[slot.first] = len(blocks)
            blocks.append(slot.image)
    if texts:
        blocks.append(TextBlock(text="\n".join(texts)))
    return Presentation(blocks=tuple(blocks), truncated=truncated, positions=tuple(positions))


def _slots(
    outputs: Sequence[Output],
    limits: Limits,
    label: Callable[[int], str],
    more: Callable[[int, int], str],
) -> list[_Slot]:
    pictures = [n for n, output in enumerate(outputs) if _is_picture(output)]
    seen = set(pictures[-limits.images :] if limits.images else ())
    unseen = set(pictures) - seen
    error = _last(outputs, lambda output: isinstance(output, Error))
    result = _last(outputs, lambda output: isinstance(output, Display) and output.is_result)
    if result is None:
        result = _last(outputs, lambda output: isinstance(output, Display))
    slots: list[_Slot] = []
    before: Output | None = None
    for n, output in enumerate(outputs):
        named = heading(output, before)
        before = output
        image: ImageBlock | None = None
        part: Part
        if n in unseen:
            if slots and slots[-1].last == n - 1 and slots[-1].last in unseen:
                slots[-1] = _unseen(slots[-1].first, n, label, more)
            else:
                slots.append(_unseen(n, n, label, more))
            continue
        if n in seen and isinstance(output, Display):
            part, image = _picture(output, limits, label(n))
        else:
            part = part_of(output, limits, label(n))
        if not part.size and image is None:
            continue
        reserve = limits.error if n == error else limits.last if n == result else 0
        slots.append(_Slot(first=n, last=n, part=part, heading=named, image=image, reserve=reserve))
    return slots


def _is_picture(output: Output) -> bool:
    if not isinstance(output, Display):
        return False
    kind, _ = bundles.choose(output.data)
    return kind == "image" or (kind == "svg" and images.renderer() is not None)


def _picture(output: Display, limits: Limits, label: str) -> tuple[Part, ImageBlock | None]:
    """The line that names an image, and the image; where that cannot be shown, why."""
    kind, mime_type = bundles.choose(output.data)
    value = output.data[mime_type]
    try:
        if kind == "svg":
            data = images.rasterise(bundles.string(value), max_edge=limits.image_edge)
            if data is None:
                return part_of(output, limits, label), None
        else:
            data = images.decode(value)
        fitted = images.fit(data, max_edge=limits.image_edge, max_bytes=limits.image_bytes)
    except UnreadableImage as err:
        name = mime_type.removeprefix("image/")
        return Note(text=f"[image {label} {name}, unreadable: {err}]", truncated=True), None
    kind_name = "svg" if kind == "svg" else mime_type.removeprefix("image/")
    line = f"[image {label} {fitted.original_width}x{fitted.original_height} {kind_name}"
    if (fitted.width, fitted.height) != (fitted.original_width, fitted.original_height):
        line += f", scaled to {fitted.width}x{fitted.height}"
    return Note(text=f"{line}]"), ImageBlock(data=fitted.data, mime_type=fitted.mime_type)


def _unseen(
    first: int, last: int, label: Callable[[int], str], more: Callable[[int, int], str]
) -> _Slot:
    """Images of before the latest ones, named."""
    ids = f"image {label(first)}"
    if last > first:
        ids = f"{last - first + 1} images {label(first)} … {label(last)}"
    note = Note(text=f"[{ids} not shown: {more(first, 0)}]", truncated=True)
    return _Slot(first=first, last=last, part=note)


def _select(
    slots: list[_Slot],
    budget: int,
    label: Callable[[int], str],
    more: Callable[[int, int], str],
) -> list[_Slot]:
    """Where there are too many even to be named, the first and last ones and what matters."""
    costs = [min(slot.part.size, _FLOOR) + slot.overhead for slot in slots]
    if sum(costs) <= budget:
        return slots
    kept = {n for n, slot in enumerate(slots) if slot.image or slot.reserve}
    room = budget - sum(costs[n] for n in kept) - _NOTE * (len(kept) + 1)
    for order, part in ((range(len(slots)), 0.4), (range(len(slots) - 1, -1, -1), 0.6)):
        left = room * part
        for n in order:
            if n in kept:
                continue
            left -= costs[n]
            if left < 0:
                break
            kept.add(n)
    chosen: list[_Slot] = []
    gap: list[_Slot] = []
    for n, slot in enumerate(slots):
        if n not in kept:
            gap.append(slot)
            continue
        if gap:
            chosen.append(_left_out(gap, label, more))
            gap = []
        chosen.append(slot)
    return [*chosen, _left_out(gap, label, more)] if gap else chosen


def _left_out(
    slots: Sequence[_Slot], label: Callable[[int], str], more: Callable[[int, int], str]
) -> _Slot:
    first, last = slots[0].first, slots[-1].last
    ids = f"output {label(first)}"
    if last > first:
        ids = f"{last - first + 1} outputs {label(first)} … {label(last)}"
    note = Note(text=f"… {ids} left out: {more(first, 0)}", truncated=True)
    return _Slot(first=first, last=last, part=note, shown=False)


def _share(sizes: Sequence[int], reserves: Sequence[int], room: int) -> list[int]:
    """Who gets how much: first what is kept for some, then the least of all, then equal parts."""
    if sum(sizes) <= room:
        return [*sizes]
    room = max(room, 0)
    grants = [min(size, _FLOOR) for size in sizes]
    room -= sum(grants)
    for n, reserve in enumerate(reserves):
        extra = min(max(min(sizes[n], reserve) - grants[n], 0), max(room, 0) // 2)
        grants[n] += extra
        room -= extra
    # Whoever has a reserve gets more only if the others leave it.
    waiting = sorted(range(len(sizes)), key=lambda n: sizes[n] - grants[n])
    waiting.sort(key=lambda n: reserves[n] > 0)
    others = sum(reserve == 0 for reserve in reserves)
    for position, n in enumerate(waiting):
        sharers = (others if position < others else len(waiting)) - position
        extra = min(sizes[n] - grants[n], max(room, 0) // sharers)
        grants[n] += extra
        room -= extra
    return grants


def _last(outputs: Sequence[Output], test: Callable[[Output], bool]) -> int | None:
    return next((n for n in range(len(outputs) - 1, -1, -1) if test(outputs[n])), None)


def _more_of(n: int, more: Callable[[int, int], str]) -> Callable[[int], str]:
    return lambda offset: more(n, offset)
