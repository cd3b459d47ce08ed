"""Numbered lines as they are shown: cut, quoted, and counted if they are equal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from operator import eq
from typing import NamedTuple, TypeAlias

from jupyter_mcp_ext.outputs.quoting import have_no_marks, mark

MAX_LINE = 2_000

More: TypeAlias = Callable[..., str]
"""Gives the call that shows an output from a line on, and from a ``column`` of it: (0), (0, 80)."""


class Line(NamedTuple):
    """The shown part of a line, with the number of the first line that it stands for."""

    number: int
    text: str
    rest: int = 0
    """Characters that are not shown."""
    mark: str = ""
    """The mark that distinguishes it from the server's own lines."""

    @property
    def size(self) -> int:
        """Characters that it takes, including the line about what is not shown."""
        return MAX_LINE if self.rest else len(self.mark) + len(self.text)

    def shown(self, more: More, limit: int = 0) -> str:
        """The line within ``limit`` characters."""
        limit = limit or self.size
        if not self.rest and len(self.mark) + len(self.text) <= limit:
            return self.mark + self.text
        longest = rest_words(len(self.text) + self.rest, more(self.number, len(self.text)))
        kept = min(max(limit - len(self.mark) - len(longest) - 1, 0), len(self.text))
        rest = len(self.text) - kept + self.rest
        note = rest_words(rest, more(self.number, kept))
        return f"{self.mark}{self.text[:kept]}\n{note}" if kept else note[:limit]


def size_of(lines: Iterable[Line]) -> int:
    """Characters that the lines take, with their line ends."""
    return sum(
        [
            (MAX_LINE if rest else len(mark) + len(text)) + 1  # like `Line.size`, without the call
            for _, text, rest, mark in lines
        ]
    )


def rest_words(count: int, call: str) -> str:
    """The line about the part that is not shown, with the call that shows it."""
    return f"… {count:,} characters of this line left out: {call}"


def cut_line(line: str, limit: int = MAX_LINE) -> str:
    """The line, or its beginning and the number of characters cut."""
    if len(line) <= limit:
        return line
    note = f" … ({len(line):,} characters cut)"  # as long as the real one, or longer
    kept = limit - len(note)
    if kept <= 0:
        return line[:limit]
    return f"{line[:kept]} … ({len(line) - kept:,} characters cut)"


def line_of(number: int, text: str) -> Line:
    """A line of code's output, or one of the server's own if it is a `Remark`."""
    rest = max(len(text) - MAX_LINE, 0)
    return Line(number, text[:MAX_LINE] if rest else text, rest, mark(text))


def number(lines: Iterable[str], start: int = 0) -> list[Line]:
    return [line_of(n, line) for n, line in enumerate(lines, start)]


_PLAIN = partial(tuple.__new__, Line)
"""Makes a line from all its fields: twice as fast as with defaults, for outputs with many lines."""


def number_text(text: str, lines: Sequence[str]) -> list[Line]:
    """Like `number`, of all the lines of a text."""
    if have_no_marks(lines, text) and max(map(len, lines), default=0) <= MAX_LINE:
        return [_PLAIN((n, line, 0, "")) for n, line in enumerate(lines)]
    return number(lines)


def collapse(lines: Sequence[Line]) -> list[Line]:
    """Runs of equal lines as one, `line (x 1204)`, if that is shorter."""
    texts = [line.text for line in lines]
    if not any(map(eq, texts, texts[1:])):  # by far the most common case
        return [*lines]
    kept: list[Line] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        end = at + 1
        while end < len(lines) and not line.rest and lines[end][1:] == line[1:]:
            end += 1
        count = end - at
        if count > 2 and (line.size + 1) * (count - 1) > len(note := f" (x {count})"):
            kept.append(line._replace(text=(line.text + note).lstrip()))
        else:
            kept.extend(lines[at:end])
        at = end
    return kept
