"""Text that is written piece by piece, as a terminal shows it at each moment."""

from __future__ import annotations

from typing import NamedTuple

from jupyter_mcp_ext.outputs.rope import Rope
from jupyter_mcp_ext.outputs.terminal import first_move, rows_up, settled

_CHUNK = 64_000  # characters of plain text that are kept as one string
_OPEN_LINE = 10_000  # characters of an unfinished line that can still be overwritten
_BACK = 100_000  # characters that a cursor can go back over, in however few rows


class End(NamedTuple):
    """The end of a text that is being written."""

    text: str
    """As it is shown."""
    cursor: str
    """The sequence that puts the cursor to its place, if that is not the end."""
    displaced: int
    """Rows from the cursor's to the last one, plus 1; 0: the cursor is at the end."""


class Overwriting(NamedTuple):
    """The text that a write replaced, and its replacement."""

    old: End
    new: End


class Typescript:
    """Text that grows by many writes; overwritten text is dropped at once.

    So a million updates of a progress bar take the memory of one. Plain text is kept unchanged.
    """

    def __init__(self) -> None:
        self._chunks: list[str] = []
        self._tight = 0  # chunks that are large enough
        self._loose = 0  # characters that were written after them
        self._cursor = ""  # the sequence that puts the cursor to its place if that is not the end
        self._displaced = 0  # rows from the cursor's to the last one, plus 1; 0: cursor at the end
        self.newlines = 0

    @property
    def rope(self) -> Rope:
        """All of it, as it is shown."""
        self._join()
        return Rope(self._chunks)

    @property
    def raw(self) -> str:
        """All of it, and the sequence that puts the cursor where the next write continues."""
        return "".join((*self._chunks, self._cursor))

    def end(self, size: int) -> str:
        """The last ``size`` characters, or a few more."""
        parts: list[str] = []
        for chunk in reversed(self._chunks):
            parts.append(chunk[-size:])
            size -= len(chunk)
            if size <= 0:
                break
        return "".join(reversed(parts))

    def overwrites(self, text: str) -> bool:
        """Whether writing ``text`` next would change existing text."""
        return self._displaced > 0 or first_move(text) >= 0

    def append(self, text: str) -> None:
        """Write text for which ``overwrites`` is false."""
        self._pack()
        self._add(text)
        self.newlines += text.count("\n")

    def overwrite(self, text: str) -> Overwriting:
        """Write text for which ``overwrites`` is true."""
        self._pack()
        old = End(self._cut(max(self._displaced, 1) + rows_up(text)), self._cursor, self._displaced)
        new = End(*settled(old.text + old.cursor + text))
        self._put(old, new)
        return Overwriting(old, new)

    def trim(self, size: int) -> None:
        """Drop the beginning; the last ``size`` characters stay, in whole lines if possible."""
        text = self.rope
        start = len(text) - size
        if start <= 0:
            return
        line = text.find("\n", start) + 1
        kept = text.slice(line if 0 < line < len(text) else start, len(text))
        self._chunks, self._tight, self._loose = [kept], 0, len(kept)
        self.newlines = kept.count("\n")

    def undo(self, last: Overwriting) -> None:
        """Undo the last ``overwrite``."""
        left = len(last.new.text)
        while left:
            left -= len(self._chunks.pop())
        self._tight = min(self._tight, len(self._chunks))
        self._put(last.new, last.old)

    def _put(self, old: End, new: End) -> None:
        self.newlines += new.text.count("\n") - old.text.count("\n")
        self._add(new.text)
        self._cursor, self._displaced = new.cursor, new.displaced

    def _add(self, text: str) -> None:
        if len(text) > 2 * _CHUNK:  # in pieces: cutting at the end then costs one piece
            self._join()
            self._chunks += [text[at : at + _CHUNK] for at in range(0, len(text), _CHUNK)]
            self._tight, self._loose = len(self._chunks), 0
        elif text:
            self._chunks.append(text)
            self._loose += len(text)

    def _pack(self) -> None:
        """Merge small chunks: each is an object."""
        if self._loose > _CHUNK:
            self._join()
            self._tight, self._loose = len(self._chunks), 0

    def _join(self) -> None:
        if len(self._chunks) - self._tight > 1:
            self._chunks[self._tight :] = ["".join(self._chunks[self._tight :])]

    def _cut(self, rows: int) -> str:
        """Remove the last ``rows`` lines from the chunks, fewer if they are long."""
        parts: list[str] = []
        room = _BACK
        while self._chunks:
            chunk = self._chunks.pop()
            low = max(len(chunk) - room, 0)
            at = start = len(chunk)
            while rows and (at := chunk.rfind("\n", low, at)) >= 0:
                rows, start = rows - 1, at + 1
            if rows and not low:
                parts.append(chunk)
                room -= len(chunk)
                continue
            if rows and start == len(chunk) and not any(parts):
                # A terminal wraps such a line, and its cursor cannot go back further either.
                start -= _OPEN_LINE
            parts.append(chunk[start:])
            self._chunks.append(chunk[:start])
            break
        self._tight = min(self._tight, len(self._chunks))
        return "".join(reversed(parts))
