"""Text for a model: cleaned, numbered, shortened.

The one rule of line numbers: an output's lines are those of its cleaned text, counted from 0
*before* runs of equal lines are collapsed. "left out" lines, `grep` and the offsets of `pages.py`
all speak of these, so a number from one serves in the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from jupyter_mcp_ext.outputs.characters import visible
from jupyter_mcp_ext.outputs.noise import once
from jupyter_mcp_ext.outputs.numbered import (
    MAX_LINE,
    Line,
    More,
    collapse,
    cut_line,
    line_of,
    number,
    number_text,
    size_of,
)
from jupyter_mcp_ext.outputs.quoting import Remark
from jupyter_mcp_ext.outputs.rope import Rope
from jupyter_mcp_ext.outputs.terminal import ESCAPE, fold
from jupyter_mcp_ext.wording import counted

_WHOLE = 256_000  # characters up to which a text is cleaned as a whole
_PART = 100_000  # characters cleaned at either end of a longer one; no budget is larger
_HEAD = 0.4
_ESCAPES = re.compile(ESCAPE)


def clean(text: str) -> str:
    """The text as a terminal shows it, without colours and control characters."""
    return text if isinstance(text, Remark) else strip(fold(text))


def settled(text: Rope) -> Rope:
    """The text as a terminal shows it; colours stay.

    In several pieces it is a `Typescript`'s, which has followed the cursor already.
    """
    if len(text) <= _WHOLE or len(text.pieces) == 1:
        whole = str(text)
        folded = fold(whole)
        return text if folded is whole else Rope((folded,))
    return text


def strip(text: str) -> str:
    """The text without escape sequences and invisible characters."""
    if "\x1b" in text:
        text = _ESCAPES.sub("", text)
    return visible(text)


def split(text: str) -> list[str]:
    """The lines of cleaned text; a final line end begins no further line."""
    if not text or isinstance(text, Remark):
        return [text] if text else []
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    return lines


@dataclass(frozen=True, kw_only=True)
class Excerpt:
    """Text within a budget."""

    text: str
    truncated: bool


@dataclass(frozen=True, kw_only=True)
class Passage:
    """Numbered lines that can be shown whole, or their head and tail.

    Of a long text it has only the two ends; then ``head`` and ``tail`` differ, and ``seam`` is the
    number of the first line that ``head`` does not cover.
    """

    head: Sequence[Line]
    tail: Sequence[Line]
    total: int
    seam: int

    @classmethod
    def of_lines(cls, lines: Sequence[Line], total: int | None = None) -> Passage:
        total = len(lines) if total is None else total
        return cls(head=lines, tail=lines, total=total, seam=total)

    @classmethod
    def of_range(cls, lines: Sequence[str], start: int, *, limit: int) -> Passage:
        """The lines from a number on; at most ``limit`` lines at each end are read."""
        total = len(lines)
        if total - start <= 2 * limit:
            return cls.of_lines(number(lines[start:], start), total)
        return cls(
            head=number(lines[start : start + limit], start),
            tail=number(lines[total - limit :], total - limit),
            total=total,
            seam=start + limit,
        )

    @classmethod
    def of_text(cls, text: str | Rope, *, collapsed: bool = False) -> Passage:
        """The lines of uncleaned text, at a cost that hardly grows with it; or of a `Remark`."""
        if isinstance(text, Remark):
            return cls.of_lines([line_of(0, text)])
        text = settled(text if isinstance(text, Rope) else Rope((text,)))
        size = len(text)
        squeeze = _squeezed if collapsed else _unchanged
        if size <= _WHOLE:
            lines = _numbered(strip(str(text)))
            return cls.of_lines(squeeze(lines), len(lines))
        total = text.count("\n") + (text.rfind("\n", size) != size - 1)
        first, last = text.find("\n", _PART), text.rfind("\n", size - _PART)
        if first < 0 or last <= first:
            return cls.of_lines(squeeze([*_long_lines(text)]), total)
        beginning = _numbered(strip(text.slice(0, first)))
        ending = _numbered(strip(text.slice(last + 1, size)))
        offset = total - len(ending)
        return cls(
            head=squeeze(beginning),
            tail=squeeze([line._replace(number=line.number + offset) for line in ending]),
            total=total,
            seam=text.count("\n", 0, first) + 1,
        )

    @cached_property
    def size(self) -> int:
        """Characters of the whole text; of a long one, of the two ends and the notice between."""
        size = size_of(self.head)
        if self.tail is not self.head:
            size += size_of(self.tail) + 200
        return max(size - 1, 0)

    def fit(self, budget: int, more: More) -> Excerpt:
        """The whole text if it fits, otherwise head and tail with the call for the rest between."""
        whole = self.tail is self.head
        if whole and self.size <= budget:
            is_cut = False
            shown = []
            for line in self.head:
                is_cut = is_cut or line.rest > 0
                shown.append(line.shown(more) if line.rest else line.mark + line.text)
            return Excerpt(text="\n".join(shown), truncated=is_cut)
        room = budget - len(_notice(self.total, more(self.total))) - 2
        if room < 40:
            notice = _notice(self.total, more(0))
            return Excerpt(text=cut_line(notice, max(budget, 0)), truncated=True)
        head, used = _take(self.head, int(room * _HEAD))
        after = self.head[len(head)].number if len(head) < len(self.head) else self.seam
        rest = self.head[len(head) :] if whole else [n for n in self.tail if n.number >= after]
        tail, _ = _take(reversed(rest), room - used)
        shown = [line.shown(more) for line in head]
        if not head and not tail:
            # Each line is too long for the budget: the beginning of one says more than a count.
            shown, rest = [self.head[0].shown(more, room)], self.head[1:]
            after = rest[0].number if rest else self.total
        before = tail[-1].number if tail else self.total
        left_out = len(rest) > len(tail) or not whole
        if left_out:
            shown.append(_notice(max(before - after, 1), more(after)))
        shown += [line.shown(more) for line in reversed(tail)]
        return Excerpt(text="\n".join(shown), truncated=True)


def _notice(count: int, call: str) -> str:
    """The call for the page at which the gap begins, and how to search the gap."""
    return f'… {counted(count, "line")} left out: {call}; grep="…" finds lines'


def _take(lines: Iterable[Line], room: int) -> tuple[list[Line], int]:
    taken: list[Line] = []
    used = 0
    for line in lines:
        if used + line.size + 1 > room:
            break
        taken.append(line)
        used += line.size + 1
    return taken, used


def _long_lines(text: Rope) -> Iterator[Line]:
    """Lines of which one or two are too long to be read completely."""
    start, size, n = 0, len(text), 0
    while start < size:
        end = text.find("\n", start)
        end = size if end < 0 else end
        if end - start <= _PART:
            yield line_of(n, strip(text.slice(start, end)))
        else:
            beginning = strip(text.slice(start, start + MAX_LINE))
            yield line_of(n, beginning)._replace(rest=end - start - MAX_LINE)
        start, n = end + 1, n + 1


def _numbered(text: str) -> list[Line]:
    return number_text(text, split(text))


def _squeezed(lines: list[Line]) -> list[Line]:
    return once(collapse(lines))


def _unchanged(lines: list[Line]) -> list[Line]:
    return lines
