"""Which of the outputs are shown, and as what; those that could never be shown cost nothing.

Of ten thousands of outputs a few at either end are looked at, and what matters between them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from jupyter_mcp_ext.outputs import bundles, images
from jupyter_mcp_ext.outputs.characters import plain_name
from jupyter_mcp_ext.outputs.documents import Piece, Reading
from jupyter_mcp_ext.outputs.images import UnreadableImage
from jupyter_mcp_ext.outputs.limits import Limits
from jupyter_mcp_ext.outputs.model import Display, Error, Output
from jupyter_mcp_ext.outputs.numbered import Line, More, number
from jupyter_mcp_ext.outputs.pages import heading
from jupyter_mcp_ext.outputs.parts import Note, Part, part_of
from jupyter_mcp_ext.outputs.quoting import Remark
from jupyter_mcp_ext.outputs.rendering import NotRendered, Render, here
from jupyter_mcp_ext.outputs.shares import FLOOR
from jupyter_mcp_ext.outputs.text import Passage

_TYPES = 5  # MIME types that are named
_NOTE = 200  # characters for saying which outputs are left out


@dataclass(frozen=True, kw_only=True)
class ImageBlock:
    data: bytes
    mime_type: str


@dataclass(frozen=True, kw_only=True)
class Slot:
    """What stands for the outputs from ``first`` to ``last``, mostly a single one."""

    first: int
    last: int
    part: Part
    heading: str | None = None
    image: ImageBlock | None = None
    reserve: int = 0
    shown: bool = True
    is_silent: bool = False
    """Whether it only says that there is nothing to read."""

    @property
    def overhead(self) -> int:
        """Characters besides those of the part."""
        return 1 + (len(self.heading) + 1 if self.heading else 0)

    @property
    def cost(self) -> int:
        """Characters that it takes at least."""
        return min(self.part.size, FLOOR) + self.overhead


class Slots:
    """The slots of some outputs, each made when it is first asked for.

    ``label(i)`` is the id of the i-th output, ``more(i, line)`` the call that shows it from
    that line on, ``more(i, line, column)`` from a character of it. ``told`` is the error whose
    headline has been shown already.
    """

    def __init__(
        self,
        outputs: Sequence[Output],
        limits: Limits,
        label: Callable[[int], str],
        more: More,
        render: Render = here,
        *,
        told: int | None = None,
    ) -> None:
        self._outputs = outputs
        self._told = told
        self._limits = limits
        self._label = label
        self._more = more
        self._render = render
        self._made: dict[int, Slot | None] = {}
        pictures = [n for n, output in enumerate(outputs) if _is_picture(output)]
        self._seen = set(pictures[-limits.images :] if limits.images else ())
        self._unseen = set(pictures) - self._seen
        self._error = _last(outputs, lambda output: isinstance(output, Error))
        result = _last(outputs, lambda output: isinstance(output, Display) and output.is_result)
        if result is None:
            result = _last(outputs, lambda output: isinstance(output, Display))
        self._result = result

    def shown(self, budget: int) -> list[Slot]:
        """All; where they are too many even to be named, the first and last and what matters."""
        head = list(_up_to(budget, self._walk(0, 1)))
        if sum(slot.cost for slot in head) <= budget:
            return self._joined(head)
        tail = list(_up_to(budget, self._walk(len(self._outputs) - 1, -1)))
        known = {slot.first: slot for slot in (*head, *tail, *self._what_matters())}
        slots = [known[first] for first in sorted(known)]
        return self._joined(self._chosen(slots, budget))

    def _joined(self, slots: Sequence[Slot]) -> list[Slot]:
        """The slots, those in a row that only say that there is nothing to read as one."""
        joined: list[Slot] = []
        for is_silent, group in groupby(slots, lambda slot: slot.is_silent):
            row = list(group)
            joined += [self._silence(row)] if is_silent and len(row) > 1 else row
        return joined

    def _silence(self, row: Sequence[Slot]) -> Slot:
        first, last = row[0].first, row[-1].last
        outputs = self._outputs[first : last + 1]
        types = dict.fromkeys(
            name for output in outputs if isinstance(output, Display) for name in output.data
        )
        named = ", ".join(plain_name(name) for name in [*types][:_TYPES])
        ids = f"{len(row)} displays {self._label(first)} … {self._label(last)}"
        note = Note(text=f"[{ids} without readable text: {named}]")
        return Slot(first=first, last=last, part=note, heading=row[0].heading)

    def _chosen(self, slots: Sequence[Slot], budget: int) -> list[Slot]:
        kept = {n for n, slot in enumerate(slots) if slot.image or slot.reserve}
        room = budget - sum(slots[n].cost for n in kept) - _NOTE * (len(kept) + 1)
        for order, part in ((range(len(slots)), 0.4), (range(len(slots) - 1, -1, -1), 0.6)):
            left = room * part
            for n in order:
                if n in kept:
                    continue
                left -= slots[n].cost
                if left < 0:
                    break
                kept.add(n)
        chosen: list[Slot] = []
        gap: list[Slot] = []
        for n, slot in enumerate(slots):
            if n not in kept:
                gap.append(slot)
                continue
            if gap:
                chosen.append(self._left_out(gap))
                gap = []
            chosen.append(slot)
        return [*chosen, self._left_out(gap)] if gap else chosen

    def _what_matters(self) -> Iterator[Slot]:
        """The images, the error and the result, each with its neighbours, where a gap may end."""
        for n in {*self._seen, self._error, self._result} - {None}:
            slot = self._slot(n) if n is not None else None
            if n is None or slot is None:
                continue
            yield slot
            for start, step in ((slot.first - 1, -1), (slot.last + 1, 1)):
                yield from _first(self._walk(start, step))

    def _walk(self, start: int, step: int) -> Iterator[Slot]:
        """The slots from an output on, those that show nothing passed over."""
        n = start
        while 0 <= n < len(self._outputs):
            slot = self._slot(n)
            if slot is None:
                n += step
            else:
                yield slot
                n = slot.last + 1 if step > 0 else slot.first - 1

    def _slot(self, n: int) -> Slot | None:
        """What stands for an output; None where it shows nothing."""
        if n in self._unseen:
            return self._unseen_around(n)
        if n not in self._made:
            self._made[n] = self._make(n)
        return self._made[n]

    def _make(self, n: int) -> Slot | None:
        output = self._outputs[n]
        image: ImageBlock | None = None
        part: Part
        if n in self._seen and isinstance(output, Display):
            part, image = _picture(output, self._limits, self._label(n), self._render)
        else:
            part = part_of(
                output, self._limits, self._label(n), self._render, is_told=n == self._told
            )
        is_silent = _is_silent(part)
        if image is None and (not part.size or (is_silent and _is_blank(output))):
            return None
        limits = self._limits
        return Slot(
            first=n,
            last=n,
            part=part,
            heading=heading(output, self._outputs[n - 1] if n else None),
            image=image,
            is_silent=is_silent,
            reserve=limits.error if n == self._error else limits.last if n == self._result else 0,
        )

    def _unseen_around(self, n: int) -> Slot:
        """Images of before the latest ones, named."""
        first = last = n
        while first - 1 in self._unseen:
            first -= 1
        while last + 1 in self._unseen:
            last += 1
        ids = f"image {self._label(first)}"
        if last > first:
            ids = f"{last - first + 1} images {self._label(first)} … {self._label(last)}"
        note = Note(text=f"[{ids} not shown: {self._more(first, 0)}]", truncated=True)
        return Slot(first=first, last=last, part=note)

    def _left_out(self, slots: Sequence[Slot]) -> Slot:
        first, last = slots[0].first, slots[-1].last
        ids = f"output {self._label(first)}"
        if last > first:
            ids = f"{last - first + 1} outputs {self._label(first)} … {self._label(last)}"
        note = Note(text=f"… {ids} left out: {self._more(first, 0)}", truncated=True)
        return Slot(first=first, last=last, part=note, shown=False)


def _is_silent(part: Part) -> bool:
    match part:
        case Passage(head=[Line(text=Remark() as words)]):
            return words.startswith("[display ")
        case Reading(pieces=[Piece(block=Remark())]):
            return True
        case _:
            return False


def _is_blank(output: Output) -> bool:
    """Whether it says itself that it is an empty line or nothing, as rich does."""
    plain = output.data.get("text/plain") if isinstance(output, Display) else None
    return isinstance(plain, str) and not plain.strip()


def _up_to(budget: int, slots: Iterable[Slot]) -> Iterator[Slot]:
    """Slots until those of them that are not kept anyway cost more than the budget."""
    for slot in slots:
        yield slot
        if not slot.image and not slot.reserve:
            budget -= slot.cost
            if budget < 0:
                return


def _first(slots: Iterator[Slot]) -> Iterator[Slot]:
    slot = next(slots, None)
    if slot is not None:
        yield slot


def _is_picture(output: Output) -> bool:
    if not isinstance(output, Display):
        return False
    if not any(mime_type.startswith("image/") for mime_type in output.data):
        return False  # the most, in a flood
    kind, _ = bundles.choose(output.data)
    return kind == "image" or (kind == "svg" and images.can_draw())


def _picture(
    output: Display, limits: Limits, label: str, render: Render
) -> tuple[Part, ImageBlock | None]:
    """The line that names an image, and the image; where that cannot be shown, why."""
    kind, mime_type = bundles.choose(output.data)
    value = output.data[mime_type]
    try:
        if kind == "svg":
            svg = bundles.string(value)
            data = images.rasterise(svg, max_edge=limits.image_edge, render=render)
            if data is None:
                return part_of(output, limits, label, render), None
        else:
            data = images.decode(value)
        fitted = images.fit(
            data, max_edge=limits.image_edge, max_bytes=limits.image_bytes, render=render
        )
    except NotRendered as err:
        return Passage.of_lines(number(bundles.instead(output.data, mime_type, label, err))), None
    except UnreadableImage as err:
        name = mime_type.removeprefix("image/")
        return Note(
            text=f"[image {label} {plain_name(name)}, unreadable: {err}]", truncated=True
        ), None
    kind_name = "svg" if kind == "svg" else mime_type.removeprefix("image/")
    line = f"[image {label} {fitted.original_width}x{fitted.original_height} {kind_name}"
    if (fitted.width, fitted.height) != (fitted.original_width, fitted.original_height):
        line += f", scaled to {fitted.width}x{fitted.height}"
    return Note(text=f"{line}]"), ImageBlock(data=fitted.data, mime_type=fitted.mime_type)


def _last(outputs: Sequence[Output], test: Callable[[Output], bool]) -> int | None:
    return next((n for n in range(len(outputs) - 1, -1, -1) if test(outputs[n])), None)
