"""A stream of an output area: it grows, and of a flood only its end is kept."""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

from jupyter_mcp_ext.outputs.folding.typescript import Typescript
from jupyter_mcp_ext.outputs.model import Json, Stream
from jupyter_mcp_ext.outputs.rope import Rope
from jupyter_mcp_ext.outputs.sizes import text_size

MAX_MOVED = 1_000_000
"""Characters of one write with cursor movements, which take longer to follow than to store."""

LONGEST_SEQUENCE = 100
"""Characters of an escape sequence that a write is not cut in."""

CONTROL = re.compile(r"[\n\r\b\x1b]")
"""What a piece of such a write can begin with."""

BETWEEN = "\n(the output between is not kept)\n"
"""Separates the end of a flood from its beginning."""

Message: TypeAlias = "tuple[str, dict[str, Json]]"
"""The type and the content of a message."""


class Writing:
    """A stream that may still grow."""

    def __init__(self, name: Literal["stdout", "stderr"], *, most: int = 0) -> None:
        """``most`` makes it the end of a flood, of which so many characters are kept, or some
        more.
        """
        self.name = name
        self.most = most
        self.script = Typescript()
        self.is_told = False
        """Whether the end of a flood is written down."""
        self.is_whole = False
        """Whether nothing can be added."""
        self._held = 0

    @property
    def stream(self) -> Stream:
        """The stream as it is now."""
        rope = self.script.rope
        return Stream(name=self.name, text=Rope((BETWEEN, *rope.pieces)) if self.most else rope)

    def add(self, text: str) -> None:
        """Write to the end of a flood."""
        text = text[-MAX_MOVED:]
        if self.script.overwrites(text):
            self.script.overwrite(text)
        else:
            self.script.append(text)
        self._held += len(text)
        if self._held > 2 * self.most:
            self.script.trim(self.most)
            self._held = self.most

    @property
    def message(self) -> Message:
        """The message that says all of it."""
        return "stream", {"name": self.name, "text": self.script.raw}

    def told(self) -> Message:
        """The same, of the end of a flood that is written down now."""
        self.is_told = True
        return self.message


class Heading(Writing):
    """A line of this server's own between the outputs of two cells."""

    def __init__(self, text: str) -> None:
        super().__init__("stdout")
        self.script.append(text)
        self.is_whole = True

    @property
    def message(self) -> Message:
        """The message that begins the section."""
        return "section", {"heading": self.script.raw}


def without_middle(text: str) -> tuple[str, int]:
    """A write with cursor movements, its middle cut out if it is too long; the bytes cut out."""
    if len(text) <= MAX_MOVED:
        return text, 0
    half = MAX_MOVED // 2
    # Not within a sequence: its end would be text, and its beginning takes text for its end.
    sequence = text.rfind("\x1b", half - LONGEST_SEQUENCE, half)
    before = sequence if sequence >= 0 else half
    control = CONTROL.search(text, len(text) - half)
    after = control.start() if control else len(text) - half
    # No notice between: what follows may go back and overwrite it.
    return f"{text[:before]}\n{text[after:]}", text_size(text[before:after])
