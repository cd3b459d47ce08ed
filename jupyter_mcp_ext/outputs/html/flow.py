"""Words and blocks in the order of a text: lines, and blocks between them."""

from __future__ import annotations

import re
from typing import TypeAlias

from jupyter_mcp_ext.outputs.charts.scripts import Chart
from jupyter_mcp_ext.outputs.html.tags import resolved
from jupyter_mcp_ext.outputs.tables import Table

Block: TypeAlias = str | Table | Chart
"""A line, or a block that takes several."""

_MAX_DEPTH = 8  # depth to which nested lists are distinguished
_SPACES = re.compile(r"[ \t\n\r\f]+")
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u1680\u180e\u2000-\u200c\u200e\u200f\u2028-\u202f\u205f-\u206f\u3000"
    "\ufeff\ud800-\udfff]"
)


class Flow:
    """The lines of a text, or of a cell of a table; those of lists are indented."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self._pieces: list[str] = []
        self._is_exact = False
        self._lists: list[int | None] = []  # the number of the next item; None: without numbers
        self._marker = ""
        self._indent = 0

    def say(self, text: str, *, exact: bool = False) -> None:
        """Continue a line; with ``exact`` white space counts, as in program text."""
        text = resolved(text)
        if exact:
            self._is_exact |= "\n" in text
        else:
            text = _SPACES.sub(" ", text)
            last = self._pieces[-1] if self._pieces else " "
            if text.startswith(" ") and last.endswith((" ", "\n")):
                text = text[1:]
        if text:
            self._pieces.append(text)

    def end_line(self) -> None:
        """End the line, if there is one."""
        text = "".join(self._pieces)
        lines = text.split("\n") if self._is_exact else [text.strip(" ")]
        self._pieces, self._is_exact = [], False
        while lines and not lines[-1].strip():
            lines.pop()
        while lines and not lines[0].strip():
            lines.pop(0)
        for line in lines:
            self._line(line.replace("\xa0", " ").rstrip())

    def add(self, block: Block) -> None:
        """Add a block after the text so far."""
        self.end_line()
        if isinstance(block, str):
            self._line(block)
        else:
            self.blocks.append(block)

    def start_list(self, first: int | None) -> None:
        """Begin a list, numbered from ``first`` on or with bullets."""
        self.end_line()
        self._lists.append(first)

    def start_item(self) -> None:
        self.end_line()
        number = self._lists[-1] if self._lists else None
        if self._lists and number is not None:
            self._lists[-1] = number + 1
        self._marker = "- " if number is None else f"{number}. "
        self._indent = 2 * min(max(len(self._lists), 1), _MAX_DEPTH)

    def end_list(self) -> None:
        self.end_line()
        if self._lists:
            self._lists.pop()
        self._indent = 2 * min(len(self._lists), _MAX_DEPTH)

    def _line(self, line: str) -> None:
        if not self._indent:
            self.blocks.append(line)
            return
        before = " " * self._indent
        if self._marker:
            before = " " * (self._indent - 2) + self._marker
            self._marker = ""
        self.blocks.append(before + line)


class Value(Flow):
    """A cell of a data frame, in which white space is data."""

    def say(self, text: str, *, exact: bool = False) -> None:
        """Continue; no-break spaces of a library that writes HTML are spaces, others are data."""
        text = resolved(text.replace("\xa0", "\\xa0")).replace("\xa0", " ")
        self._pieces.append(_INVISIBLE.sub(_escaped, text))

    def end_line(self) -> None:
        if self._pieces and not self._pieces[-1].endswith("\n"):
            self._pieces.append("\n")

    @property
    def text(self) -> str:
        """The cell's text, in quotes if it has leading or trailing white space."""
        text = "".join(self._pieces)
        start, end = len(text) - len(text.lstrip()), len(text.rstrip())
        # With a line end it is the layout of the HTML.
        text = text[start if "\n" in text[:start] else 0 : end if "\n" in text[end:] else None]
        text = text.replace("\t", "\\t")
        return f'"{text}"' if text != text.strip() else text


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
