"""Text for a model: cleaned, numbered, shortened.

The one rule of line numbers: an output's lines are those of its cleaned text, counted from 0
*before* runs of equal lines are collapsed. "left out" lines, `grep` and the offsets of `pages.py`
all speak of these, so a number from one serves in the other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from jupyter_mcp_ext.outputs.rope import Rope
from jupyter_mcp_ext.outputs.terminal import ESCAPE, fold

Line: TypeAlias = tuple[int, str]
"""A line that is shown, after the number of the first line that it stands for."""

More: TypeAlias = Callable[[int], str]
"""The call that shows an output from the line of this number on."""

MAX_LINE = 2_000
_WHOLE = 256_000  # characters up to which a text is cleaned as a whole
_PART = 100_000  # characters cleaned at either end of a longer one; no budget is larger
_HEAD = 0.4
_ESCAPES = re.compile(ESCAPE)
# Lone surrogates are no characters: a client could not be sent them.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def clean(text: str) -> str:
    """The text as a terminal shows it, without colours and control characters."""
    return strip(fold(text))


def settled(text: Rope) -> Rope:
    """The text as a terminal shows it; colours stay.

    In several pieces it is a `Typescript`'s, which has followed the cursor already.
    """
    if len(text) <= _WHOLE or len(text.pieces) == 1:
        return Rope((fold(str(text)),))
    return text


def strip(text: str) -> str:
    """The text without escape sequences and control characters, tabs and line ends excepted."""
    if "\x1b" in text:
        text = _ESCAPES.sub("", text)
    return _CONTROLS.sub("", text)


def split(text: str) -> list[str]:
    """The lines of cleaned text; the end of the last one begins no other."""
    if not text:
        return []
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    return lines


def cut_line(line: str, limit: int = MAX_LINE) -> str:
    """The line, or its beginning and how many characters are cut."""
    if len(line) <= limit:
        return line
    note = f" … ({len(line):,} characters cut)"  # as long as the real one, or longer
    kept = limit - len(note)
    if kept <= 0:
        return line[:limit]
    return f"{line[:kept]} … ({len(line) - kept:,} characters cut)"


def number(lines: Iterable[str], start: int = 0) -> list[Line]:
    return [(n, cut_line(line)) for n, line in enumerate(lines, start)]


def collapse(lines: Sequence[Line]) -> list[Line]:
    """Runs of equal lines as one, `line (x 1204)`, where that is shorter."""
    kept: list[Line] = []
    at = 0
    while at < len(lines):
        start, line = lines[at]
        end = at + 1
        while end < len(lines) and lines[end][1] == line:
            end += 1
        count = end - at
        if count > 2 and (len(line) + 1) * (count - 1) > len(note := f" (x {count})"):
            kept.append((start, (line + note).lstrip()))
        else:
            kept.extend(lines[at:end])
        at = end
    return kept


@dataclass(frozen=True, kw_only=True)
class Excerpt:
    """Text within a budget."""

    text: str
    truncated: bool


@dataclass(frozen=True, kw_only=True)
class Passage:
    """Numbered lines that can be shown whole, or their head and tail.

    Of a long text only the two ends are here; then ``head`` and ``tail`` differ, and ``seam`` is
    the number of the first line that ``head`` does not cover.
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
    def of_text(cls, text: str | Rope, *, collapsed: bool = False) -> Passage:
        """Of uncleaned text, at a cost that does not grow with it much."""
        text = settled(text if isinstance(text, Rope) else Rope((text,)))
        size = len(text)
        squeeze = collapse if collapsed else _unchanged
        if size <= _WHOLE:
            lines = number(split(strip(str(text))))
            return cls.of_lines(squeeze(lines), len(lines))
        total = text.count("\n") + (text.rfind("\n", size) != size - 1)
        first, last = text.find("\n", _PART), text.rfind("\n", size - _PART)
        if first < 0 or last <= first:
            lines = list(enumerate(_long_lines(text)))
            return cls.of_lines(squeeze(lines), total)
        beginning = number(split(strip(text.slice(0, first))))
        ending = number(split(strip(text.slice(last + 1, size))))
        offset = total - len(ending)
        return cls(
            head=squeeze(beginning),
            tail=squeeze([(n + offset, line) for n, line in ending]),
            total=total,
            seam=text.count("\n", 0, first) + 1,
        )

    @property
    def size(self) -> int:
        """Characters of the whole; of a long text, of the two ends and the notice between."""
        size = sum(len(line) + 1 for _, line in self.head)
        if self.tail is not self.head:
            size += sum(len(line) + 1 for _, line in self.tail) + 200
        return max(size - 1, 0)

    def fit(self, budget: int, more: More) -> Excerpt:
        """The whole if it fits, else head and tail, and between them how the rest is to be had."""
        whole = self.tail is self.head
        if whole and self.size <= budget:
            return Excerpt(text="\n".join(line for _, line in self.head), truncated=False)
        room = budget - len(_notice(self.total, more(self.total))) - 2
        if room < 40:
            notice = _notice(self.total, more(0))
            return Excerpt(text=cut_line(notice, max(budget, 0)), truncated=True)
        head, used = _take(self.head, int(room * _HEAD))
        after = self.head[len(head)][0] if len(head) < len(self.head) else self.seam
        rest = self.head[len(head) :] if whole else [n for n in self.tail if n[0] >= after]
        tail, _ = _take(reversed(rest), room - used)
        if not head and not tail:
            # Each line is too long for the room: the beginning of one says more than a count.
            head, rest = [(0, cut_line(self.head[0][1], room))], self.head[1:]
            after = rest[0][0] if rest else self.total
        before = tail[-1][0] if tail else self.total
        left_out = len(rest) > len(tail) or not whole
        middle = [_notice(max(before - after, 1), more(after))] if left_out else []
        shown = [*(line for _, line in head), *middle, *(line for _, line in reversed(tail))]
        return Excerpt(text="\n".join(shown), truncated=True)


def _notice(count: int, call: str) -> str:
    return f"… {count:,} line{'' if count == 1 else 's'} left out: {call}"


def _take(lines: Iterable[Line], room: int) -> tuple[list[Line], int]:
    taken: list[Line] = []
    used = 0
    for start, line in lines:
        if used + len(line) + 1 > room:
            break
        taken.append((start, line))
        used += len(line) + 1
    return taken, used


def _long_lines(text: Rope) -> Iterator[str]:
    """Lines of which one or two are so long that they are not even looked at as a whole."""
    start, size = 0, len(text)
    while start < size:
        end = text.find("\n", start)
        end = size if end < 0 else end
        if end - start <= _PART:
            yield cut_line(strip(text.slice(start, end)))
        else:
            rest = end - start - MAX_LINE
            beginning = strip(text.slice(start, start + MAX_LINE))[: MAX_LINE - 50]
            yield f"{beginning} … ({rest + 50:,} characters cut)"
        start = end + 1


def _unchanged(lines: list[Line]) -> list[Line]:
    return lines
