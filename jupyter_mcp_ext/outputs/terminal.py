"""What a terminal shows of text that moves its cursor: progress bars, spinners, nested bars.

Colours stay, for people see these outputs too; `text.py` strips them for models.
"""

from __future__ import annotations

import re

ESCAPE = (
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor, erasing
    r"|[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)?"  # OSC, DCS and their like: titles, links
    r"|[ -/]*[0-~])"  # the two-character ones
)
_PIECE = re.compile(rf"{ESCAPE}|[\r\n\b]|[^\x1b\r\n\b]+|\x1b")
_CURSOR = re.compile(r"\x1b\[(\d{0,6})([A-HJK])")
_REACH = 100  # rows that a cursor can go back
_WIDTH = 2_000  # columns that it can go right without writing
_OPEN_LINE = 10_000  # characters of an unfinished line that can still be overwritten


def fold(text: str) -> str:
    """The text as a terminal shows it after all its cursor movements, colours included."""
    first = _first_move(text)
    if first < 0:
        return text
    start = text.rfind("\n", 0, first) + 1
    for _ in range(_rows_up(text)):
        start = text.rfind("\n", 0, max(start - 1, 0)) + 1
    return text[:start] + _folded(text[start:])[0]


class Typescript:
    """Text that grows by many writes; what the cursor overwrites is gone at once.

    A million updates of a progress bar so take the memory of one. Plain text stays as it came.
    """

    def __init__(self) -> None:
        self._chunks: list[str] = []
        self._displaced = 0  # rows from the cursor's to the last one, plus 1; 0: cursor at the end
        self.newlines = 0

    @property
    def text(self) -> str:
        """All of it, with the cursor's place at the end if that is not the end of the text."""
        if len(self._chunks) > 1:
            self._chunks = ["".join(self._chunks)]
        return self._chunks[0] if self._chunks else ""

    def end(self, size: int) -> str:
        """The last ``size`` characters or some more."""
        parts: list[str] = []
        for chunk in reversed(self._chunks):
            parts.append(chunk[-size:])
            size -= len(chunk)
            if size <= 0:
                break
        return "".join(reversed(parts))

    def overwrites(self, text: str) -> bool:
        """Whether the next write of ``text`` would change what stands already."""
        return self._displaced > 0 or _first_move(text) >= 0

    def append(self, text: str) -> None:
        """Write text of which ``overwrites`` is false."""
        self._chunks.append(text)
        self.newlines += text.count("\n")

    def overwrite(self, text: str) -> tuple[str, str]:
        """Write text of which ``overwrites`` is true; returns the end replaced and the new one."""
        old = self._cut(max(self._displaced, 1) + _rows_up(text))
        new, rows_down = _raw(old + text)
        self._put(old, new, rows_down)
        return old, new

    def undo(self, old: str, new: str, displaced: int) -> None:
        """Take back the last ``overwrite``."""
        if new:
            self._chunks.pop()
        self._put(new, old, displaced)

    @property
    def displaced(self) -> int:
        """How far the cursor is from the end, for ``undo``."""
        return self._displaced

    def _put(self, old: str, new: str, rows_down: int) -> None:
        self.newlines += new.count("\n") - old.count("\n")
        if new:
            self._chunks.append(new)
        self._displaced = rows_down

    def _cut(self, rows: int) -> str:
        """Take the last ``rows`` lines off the chunks."""
        parts: list[str] = []
        while self._chunks:
            chunk = self._chunks.pop()
            at = len(chunk)
            while rows and (at := chunk.rfind("\n", 0, at)) >= 0:
                rows -= 1
            if not rows:
                parts.append(chunk[at + 1 :])
                self._chunks.append(chunk[: at + 1])
                break
            if len(chunk) > _OPEN_LINE and "\n" not in chunk:
                # A terminal wraps such a line, and its cursor could not go back further either.
                parts.append(chunk[-_OPEN_LINE:])
                self._chunks.append(chunk[:-_OPEN_LINE])
                break
            parts.append(chunk)
        return "".join(reversed(parts))


def _first_move(text: str) -> int:
    """Where the cursor first goes anywhere but forward; -1 if it never does."""
    found = [at for at in (text.find("\r"), text.find("\b")) if at >= 0]
    if "\x1b[" in text and (match := _CURSOR.search(text)):
        found.append(match.start())
    return min(found, default=-1)


def _rows_up(text: str) -> int:
    if "\x1b[" not in text:
        return 0
    ups = (int(n or 1) for n, kind in _CURSOR.findall(text) if kind in "AF")
    return min(sum(ups), _REACH)


def _folded(text: str) -> tuple[str, str, int]:
    """What is shown, the sequence that puts the cursor back to its place, rows from there on."""
    if "\x1b[" in text and _CURSOR.search(text):
        return _Screen().write(text).state()
    done, newline, line = text.rpartition("\n")
    if newline and ("\r" in done or "\b" in done):
        done = "\n".join(_line(row)[0] for row in done.split("\n"))
    shown, cursor, displaced = _line(line)
    return done + newline + shown, cursor, displaced


def _raw(text: str) -> tuple[str, int]:
    shown, cursor, displaced = _folded(text)
    return shown + cursor, displaced


def _line(line: str) -> tuple[str, str, int]:
    """As ``_folded``, for one line whose cursor keeps to it."""
    if "\b" in line or "\x1b" in line:
        return _Screen().write(line).state()
    shown, *writes = line.split("\r")
    last = shown
    for last in writes:
        shown = last + shown[len(last) :]
    if len(last) == len(shown):
        return shown, "", 0
    return shown, "\r" + last, 1


class _Screen:
    """Rows of cells; a cell is a character with the colours that were set just before it."""

    def __init__(self) -> None:
        self._rows: list[list[str]] = [[]]
        self._row = 0
        self._column = 0
        self._colours: list[str] = []

    def write(self, text: str) -> _Screen:
        for match in _PIECE.finditer(text):
            piece = match[0]
            if piece == "\r":
                self._column = 0
            elif piece == "\b":
                self._column = max(self._column - 1, 0)
            elif piece == "\n":
                self._row += 1
                self._column = 0
                if self._row == len(self._rows):
                    self._rows.append([])
            elif cursor := _CURSOR.fullmatch(piece):
                self._move(int(cursor[1] or 1), cursor[2], cursor[1])
            elif piece.startswith("\x1b") and len(piece) > 1:
                # The last few are enough: each bar sets its colours anew.
                self._colours = [*self._colours[-7:], piece]
            else:
                self._put(piece)
        return self

    def state(self) -> tuple[str, str, int]:
        rows = ["".join(row) for row in self._rows]
        here = self._rows[self._row]
        down = len(self._rows) - 1 - self._row
        colours = "".join(self._colours)
        shown = "\n".join(rows)
        if not down and self._column == len(here):
            return shown + colours, "", 0
        beyond = self._column - len(here)
        forward = f"\x1b[{beyond}C" if beyond > 0 else ""
        if down:
            cursor = f"\x1b[{down}A\r{''.join(here[: self._column])}{forward}"
        else:
            cursor = forward or (f"\x1b[{-beyond}D" if self._column else "\r")
        return shown, f"{cursor}{colours}", down + 1

    def _put(self, text: str) -> None:
        row = self._rows[self._row]
        if self._column > len(row):
            row.extend(" " * (self._column - len(row)))
        cells = list(text)
        cells[0] = "".join(self._colours) + cells[0]
        self._colours = []
        row[self._column : self._column + len(cells)] = cells
        self._column += len(cells)

    def _move(self, n: int, kind: str, given: str) -> None:
        match kind:
            case "A" | "F":
                self._row = max(self._row - n, 0)
            case "B" | "E":
                self._row = min(self._row + n, len(self._rows) - 1)
            case "C":
                self._column = max(self._column, min(self._column + n, _WIDTH))
            case "D":
                self._column = max(self._column - n, 0)
            case "G":
                self._column = min(n - 1, _WIDTH)
            case "K":
                self._erase(given or "0")
            case "J" if given in {"", "0"}:
                self._erase("0")
                del self._rows[self._row + 1 :]
            case _:
                pass  # a place on, or the whole of, a screen that a notebook does not have
        if kind in "EF":
            self._column = 0

    def _erase(self, which: str) -> None:
        row = self._rows[self._row]
        if which in "02":
            del row[self._column :]
        if which in "12":
            before = min(self._column, len(row))
            row[:before] = " " * before
