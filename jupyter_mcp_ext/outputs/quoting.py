"""Telling the server's lines from those of code: lines of code that look alike are quoted.

A result's first line, its notices and the lines between outputs have fixed beginnings. A line of
the code's output that begins like one of them is shown as ``> [ok] …``, wherever it is, so that it
holds however a client joins the blocks of a result. So is a line that ends like a count of
repeated lines.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

QUOTE = "> "
"""The mark before a line of code's output that looks like one of the server's own."""

_STATUS = "ok|error|queued|running|input|timeout|interrupted|dead"
_OURS = re.compile(
    rf"!(?:\s|$)|\[(?:{_STATUS}|stderr|stdout|result|display)\]"
    r"|\[(?:image|file|display|[\d,]+ \w+) [\w-]+/\d|\[svg drawing\b"
    r"|\[(?:text|image|application)/"
    r"|\[\d+\] (?:code|markdown|raw)\b"  # a cell of a notebook
    r"|\[\w*[^\x00-\x7f]\w*\]"  # a status in letters that only look like those
    r"|[a-z0-9]{8}-\d+(?:/\d+)?: |(?:files|Outputs):|\((?:[\d,]+ )?more\b"
)
_STARTS = frozenset(" \t![(fO")
"""Beginnings of ASCII lines that are marked, except those of executions, which have a hyphen."""

_SOMEWHERE = re.compile(rf"^[ \t]{{0,60}}(?:{_OURS.pattern})", re.MULTILINE)
"""One of these is in each ASCII text that has a line to be marked."""
_COUNT = re.compile(
    r"(?:^|\s)\((?:x [\d,]{1,15}(?:, also from other lines)?"
    r"|the last of [\d,]{1,15} \w{1,20})\)\s*$"
)
"""The end of a line that stands for several."""

_FIRST = frozenset("!\u01c3\u2026\u22ef[(fO\uff01\uff3b")
"""First characters of the server's own lines, and characters that look like them."""

_BLANKS = " \t\xa0\u115f\u1160\u2800\u3164\uffa0"
_LONGEST = 60
"""Characters of a line that are examined."""


class Remark(str):
    """A line that is never quoted: the server's own, or of a cell's source, which must be exact."""

    __slots__ = ()


def mark(line: str) -> str:
    """The mark that a line needs so as not to be taken for the server's own; usually none."""
    if isinstance(line, Remark):
        return ""
    start = line[:_LONGEST].lstrip(_BLANKS)
    first = start[:1]
    if first in _FIRST or "a" <= first <= "z" or "0" <= first <= "9" or first > "\x7f":
        plain = start
        if not start.isascii():
            plain = unicodedata.normalize("NFKC", start).replace("\u01c3", "!")
        if first in "\u2026\u22ef" or _OURS.match(plain):
            return QUOTE
    last = line[-1:]
    is_counted = (last == ")" or last.isspace()) and _COUNT.search(line[-_LONGEST:])
    return QUOTE if is_counted else ""


def have_no_marks(lines: Sequence[str], text: str) -> bool:
    """Whether certainly none of a text's lines is marked; faster than checking each."""
    if not text.isascii() or "(x " in text or "(the last of " in text:
        return False
    is_clear = _STARTS.isdisjoint([line[:1] for line in lines]) and "-" not in text
    return is_clear or _SOMEWHERE.search(text) is None


def quoted(line: str) -> str:
    """The line as it is shown, with its mark."""
    return mark(line) + line
