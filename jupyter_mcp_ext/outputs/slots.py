"""Which outputs are shown, and in which form; outputs that are never shown cost nothing.

Of very many outputs, only a few at both ends are examined, and the important ones between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from jupyter_mcp_ext.outputs import bundles
from jupyter_mcp_ext.outputs.characters import plain_name
from jupyter_mcp_ext.outputs.html.documents import Piece, Reading
from jupyter_mcp_ext.outputs.images import UnreadableImage
from jupyter_mcp_ext.outputs.limits import Limits
from jupyter_mcp_ext.outputs.model import Display, Error, Output
from jupyter_mcp_ext.outputs.numbered import More, number
from jupyter_mcp_ext.outputs.pages import heading
from jupyter_mcp_ext.outputs.parts import Note, Part, part_of
from jupyter_mcp_ext.outputs.pictures import ImageBlock, ShownPicture, galleries, pictures
from jupyter_mcp_ext.outputs.quoting import Remark
from jupyter_mcp_ext.outputs.rendering import NotRendered, Render, here
from jupyter_mcp_ext.outputs.shares import FLOOR
from jupyter_mcp_ext.outputs.text import Passage
from jupyter_mcp_ext.wording import counted

_TYPES = 5  # MIME types that are named
_NOTE = 200  # characters of the note on outputs that are left out


@dataclass(frozen=True, kw_only=True)
class Slot:
    """The shown form of the outputs from ``first`` to ``last``, usually a single one."""

    first: int
    last: int
    part: Part
    heading: str | None = None
    image: ImageBlock | None = None
    embedded: Sequence[tuple[str, ImageBlock | None]] = ()
    """Lines after the part, and the image that follows each."""
    reserve: int = 0
    shown: bool = True
    is_silent: bool = False
    """Whether it only says that there is nothing to read."""

    @property
    def overhead(self) -> int:
        """Characters in addition to those of the part."""
        lines = sum(len(line) + 1 for line, _ in self.embedded)
        return 1 + (len(self.heading) + 1 if self.heading else 0) + lines

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
        self._galleries = galleries(outputs, limits, label, render)
        self._seen = {n for n, gallery in self._galleries.items() if gallery.shown}
        self._unseen = {
            n
            for n, gallery in self._galleries.items()
            if not gallery.shown and not next(pictures(outputs[n])).is_embedded
        }
        self._error = _last(outputs, lambda output: isinstance(output, Error))
        result = _last(outputs, lambda output: isinstance(output, Display) and output.is_result)
        if result is None:
            result = _last(outputs, lambda output: isinstance(output, Display))
        self._result = result

    def shown(self, budget: int) -> list[Slot]:
        """All slots; if too many even to name, the first, the last and the important ones."""
        head = list(_up_to(budget, self._walk(0, 1)))
        if sum(slot.cost for slot in head) <= budget:
            return self._joined(head)
        tail = list(_up_to(budget, self._walk(len(self._outputs) - 1, -1)))
        known = {slot.first: slot for slot in (*head, *tail, *self._what_matters())}
        slots = [known[first] for first in sorted(known)]
        return self._joined(self._chosen(slots, budget))

    def _joined(self, slots: Sequence[Slot]) -> list[Slot]:
        """The slots; consecutive ones that only say that there is nothing to read are merged."""
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
        kept = {n for n, slot in enumerate(slots) if slot.image or slot.embedded or slot.reserve}
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
        """The images, the error and the result, with their neighbours, at which a gap can end."""
        for n in {*self._seen, self._error, self._result} - {None}:
            slot = self._slot(n) if n is not None else None
            if n is None or slot is None:
                continue
            yield slot
            for start, step in ((slot.first - 1, -1), (slot.last + 1, 1)):
                yield from _first(self._walk(start, step))

    def _walk(self, start: int, step: int) -> Iterator[Slot]:
        """The slots from an output on, without those that show nothing."""
        n = start
        while 0 <= n < len(self._outputs):
            slot = self._slot(n)
            if slot is None:
                n += step
            else:
                yield slot
                n = slot.last + 1 if step > 0 else slot.first - 1

    def _slot(self, n: int) -> Slot | None:
        """The slot of an output; None if it shows nothing."""
        if n in self._unseen:
            return self._unseen_around(n)
        if n not in self._made:
            self._made[n] = self._make(n)
        return self._made[n]

    def _make(self, n: int) -> Slot | None:
        output = self._outputs[n]
        shown = self._galleries[n].shown if n in self._galleries else ()
        embedded = self._embedded(n)
        image: ImageBlock | None = None
        part: Part
        if shown and not embedded and not _is_drawing_in_words(shown[0]):
            image = shown[0].block
            part = Note(text=shown[0].line, truncated=image is None)
            if isinstance(shown[0].failure, NotRendered) and isinstance(output, Display):
                mime_type = shown[0].picture.mime_type
                lines = bundles.instead(output.data, mime_type, self._label(n), shown[0].failure)
                part = Passage.of_lines(number(lines))
        else:
            part = part_of(
                output, self._limits, self._label(n), self._render, is_told=n == self._told
            )
        is_silent = _is_silent(part) and not embedded
        is_nothing = not part.size or (is_silent and _is_blank(output))
        if image is None and not embedded and is_nothing:
            return None
        limits = self._limits
        return Slot(
            first=n,
            last=n,
            part=part,
            heading=heading(output, self._outputs[n - 1] if n else None),
            image=image,
            is_silent=is_silent,
            embedded=embedded,
            reserve=limits.error if n == self._error else limits.last if n == self._result else 0,
        )

    def _embedded(self, n: int) -> tuple[tuple[str, ImageBlock | None], ...]:
        """The images that are part of an output's text, each with the line that names it."""
        gallery = self._galleries.get(n)
        if gallery is None or not next(pictures(self._outputs[n])).is_embedded:
            return ()
        left_out = gallery.left_out
        lines = [(shown.line, shown.block) for shown in gallery.shown]
        if left_out:
            words = f"{counted(left_out, 'image')} {self._label(n)}"
            is_all = self._limits.images > Limits().images  # this is already that call
            call = "" if is_all else f": {self._call(n, n)}"
            lines.insert(0, (f"[{words} not shown{call}]", None))
        return tuple(lines)

    def _call(self, first: int, last: int) -> str:
        """The call that shows all images of some outputs."""
        label = self._label(first)
        if not bundles.OUTPUT_ID.fullmatch(label):
            return self._more(first, 0)
        return f'get_output("{label}-{self._label(last).rpartition("/")[2]}")'

    def _unseen_around(self, n: int) -> Slot:
        """A slot that names the images before the latest ones."""
        first = last = n
        while first - 1 in self._unseen:
            first -= 1
        while last + 1 in self._unseen:
            last += 1
        ids = f"image {self._label(first)}"
        if last > first:
            ids = f"{last - first + 1} images {self._label(first)} … {self._label(last)}"
        note = Note(text=f"[{ids} not shown: {self._call(first, last)}]", truncated=True)
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
        case Passage():  # by far the most common case
            words = part.head[0].text if len(part.head) == 1 else ""
            return isinstance(words, Remark) and words.startswith("[display ")
        case Reading(pieces=[Piece(block=Remark())]):
            return True
        case _:
            return False


def _is_blank(output: Output) -> bool:
    """Whether its HTML is empty or an empty line, as with rich."""
    plain = output.data.get("text/plain") if isinstance(output, Display) else None
    return isinstance(plain, str) and not plain.strip()


def _up_to(budget: int, slots: Iterable[Slot]) -> Iterator[Slot]:
    """Slots until those that are not kept anyway exceed the budget."""
    for slot in slots:
        yield slot
        if not slot.image and not slot.embedded and not slot.reserve:
            budget -= slot.cost
            if budget < 0:
                return


def _first(slots: Iterator[Slot]) -> Iterator[Slot]:
    slot = next(slots, None)
    if slot is not None:
        yield slot


def _is_drawing_in_words(shown: ShownPicture) -> bool:
    """Whether a drawing cannot be rendered here, so that its words say more."""
    return shown.picture.mime_type == "image/svg+xml" and isinstance(shown.failure, UnreadableImage)


def _last(outputs: Sequence[Output], test: Callable[[Output], bool]) -> int | None:
    return next((n for n in range(len(outputs) - 1, -1, -1) if test(outputs[n])), None)
