"""Text with cursor movements as a terminal shows it: progress bars, spinners, nested bars.

Colours stay, since people see these outputs too; `text.py` strips them for models.
"""

from __future__ import annotations

import re

ESCAPE = (
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor, erasing
    r"|[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)?"  # OSC, DCS and their like: titles, links
    r"|[ -/]*[0-~])"  # the two-character ones
)
_CONTROL = re.compile(rf"{ESCAPE}|[\r\b]")
_CURSOR = re.compile(r"\x1b\[(\d{0,6})([A-HJK])")
_ANY_CURSOR = re.compile(r"\x1b\[\d{0,6}[A-HJK]")
_RETURNED = re.compile(r"^[^\n]*\r", re.MULTILINE)
_RETURNING = re.compile(r"^[^\n]*\r[^\n]*", re.MULTILINE)
_BACKED = re.compile(r"[^\n\x08]\x08(?:[^\n]*\x08)?")
_REACH = 100  # rows that a cursor can go back
_WIDTH = 2_000  # columns that it can go right without writing
_LONGEST = 100  # characters in which the beginning of a sequence is searched
_MOVES = 20_000  # movements in one write that are followed, the last ones; each takes microseconds


def fold(text: str) -> str:
    """The text as a terminal shows it after all its cursor movements, colours included.

    The time is proportional to the text: of very many movements only the last ones are followed,
    and the lines before them are roughly right.
    """
    return text if first_move(text) < 0 else settled(text)[0]


def settled(text: str) -> tuple[str, str, int]:
    """The shown text, the sequence that puts the cursor back, and the rows from there on."""
    text = _eased(text)
    first = first_move(text)
    if first < 0:
        return text, "", 0
    start = text.rfind("\n", 0, first) + 1
    for _ in range(rows_up(text)):
        start = text.rfind("\n", 0, max(start - 1, 0)) + 1
    shown, cursor, displaced = _folded(text[start:])
    return text[:start] + shown, cursor, displaced


def first_move(text: str) -> int:
    """The first position where the cursor moves other than forward; -1 if there is none."""
    found = [at for at in (text.find("\r"), text.find("\b")) if at >= 0]
    if "\x1b" in text and (match := _CURSOR.search(text)):
        found.append(match.start())
    return min(found, default=-1)


def rows_up(text: str) -> int:
    """An upper bound of the rows that its movements go up."""
    if "\x1b" not in text:
        return 0
    ups = (int(n or 1) for n, kind in _CURSOR.findall(text) if kind in "AF")
    return min(sum(ups), _REACH)


def _eased(text: str) -> str:
    """The text without movements that change nothing or are too many to be followed."""
    if _moves(text) <= _MOVES:
        return text
    text = text.replace("\r\n", "\n")
    if "\r\n" in text:
        *lines, last = text.split("\n")
        text = "\n".join([*(line.rstrip("\r") for line in lines), last])
    if _moves(text) <= _MOVES:
        return text
    size = _MOVES
    while _moves(text[-2 * size :]) <= _MOVES:
        size *= 2
    at = len(text) - size
    sequence = text.rfind("\x1b", max(at - _LONGEST, 0), at)
    at = sequence if sequence >= 0 else at
    return _rough(text[:at]) + text[at:]


def _moves(text: str) -> int:
    """An upper bound of the number of movements: colours are counted too."""
    return text.count("\r") + text.count("\b") + text.count("\x1b")


def _rough(text: str) -> str:
    """The text without movements: of a line, what its last return or its first and last
    backspace have left.
    """
    text = _ANY_CURSOR.sub("", _RETURNED.sub("", text))
    return _BACKED.sub("", text).replace("\b", "") if "\b" in text else text


def _folded(text: str) -> tuple[str, str, int]:
    if "\x1b" in text and _CURSOR.search(text):
        return _Screen().write(text).state()
    done, newline, line = text.rpartition("\n")
    if "\b" in done:
        done = _Screen().write(done).state()[0]
    elif "\r" in done:
        done = _RETURNING.sub(lambda match: _line(match[0])[0], done)
    shown, cursor, displaced = _line(line)
    return done + newline + shown, cursor, displaced


def _line(line: str) -> tuple[str, str, int]:
    """Like `settled`, for one line whose cursor stays in it."""
    if "\b" in line or "\x1b" in line:
        return _Screen().write(line).state()
    *older, last = line.split("\r")
    shown, width = [last], len(last)
    for written in reversed(older):
        if len(written) > width:
            shown.append(written[width:])
            width = len(written)
    if len(last) == width:
        return last, "", 0
    return "".join(shown), "\r" + last, 1


class _Screen:
    """Rows of cells; a cell is a character with the colours that were set just before it.

    A row is text until the cursor comes back to it: most never see that.
    """

    def __init__(self) -> None:
        self._rows: list[str | list[str]] = [""]
        self._row = 0
        self._column = 0
        self._colours: list[str] = []
        self._blanks: dict[int, int] = {}
        """Cells at a row's beginning that are known to be blank."""

    def write(self, text: str) -> _Screen:
        at = 0
        for match in _CONTROL.finditer(text):
            if match.start() > at:
                self._print(text[at : match.start()])
            at = match.end()
            piece = match[0]
            if piece == "\r":
                self._column = 0
            elif piece == "\b":
                self._column = max(self._column - 1, 0)
            elif cursor := _CURSOR.fullmatch(piece):
                self._move(int(cursor[1] or 1), cursor[2], cursor[1])
            else:
                # The last few are enough: each update of a bar sets its colours again.
                self._colours = [*self._colours[-7:], piece]
        self._print(text[at:])
        return self

    def state(self) -> tuple[str, str, int]:
        rows = ["".join(row) for row in self._rows]
        here = rows[self._row]
        width = len(self._rows[self._row])
        down = len(self._rows) - 1 - self._row
        colours = "".join(self._colours)
        shown = "\n".join(rows)
        if not down and self._column == width:
            return shown + colours, "", 0
        beyond = self._column - width
        forward = f"\x1b[{beyond}C" if beyond > 0 else ""
        if down:
            before = here if beyond >= 0 else "".join(self._rows[self._row][: self._column])
            cursor = f"\x1b[{down}A\r{before}{forward}"
        else:
            cursor = forward or (f"\x1b[{-beyond}D" if self._column else "\r")
        return shown, f"{cursor}{colours}", down + 1

    def _print(self, text: str) -> None:
        """Write text that only moves the cursor forward, whole lines where there is nothing yet."""
        first, *lines = text.split("\n")
        self._put(first)
        for n, line in enumerate(lines):
            if self._row == len(self._rows) - 1 and not self._colours:
                self._rows.extend(lines[n:])
                self._row = len(self._rows) - 1
                self._column = len(lines[-1])
                return
            self._row += 1
            self._column = 0
            if self._row == len(self._rows):
                self._rows.append("")
            self._put(line)

    def _put(self, text: str) -> None:
        if not text:
            return
        if not self._column and not self._colours and not self._rows[self._row]:
            self._rows[self._row], self._column = text, len(text)
            self._blanks.pop(self._row, None)
            return
        row = self._cells()
        if self._column > len(row):
            row.extend(" " * (self._column - len(row)))
        cells = list(text)
        cells[0] = "".join(self._colours) + cells[0]
        self._colours = []
        row[self._column : self._column + len(cells)] = cells
        if self._column < self._blanks.get(self._row, 0):
            self._blanks[self._row] = self._column
        self._column += len(cells)

    def _cells(self) -> list[str]:
        """The cursor's row, as cells that can be changed."""
        row = self._rows[self._row]
        if isinstance(row, str):
            row = self._rows[self._row] = list(row)
        return row

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
                for row in range(self._row + 1, len(self._rows)):
                    self._blanks.pop(row, None)
                del self._rows[self._row + 1 :]
            case _:
                pass  # absolute positions, or the whole screen, which a notebook does not have
        if kind in "EF":
            self._column = 0

    def _erase(self, which: str) -> None:
        row = self._cells()
        if which in "02":
            del row[self._column :]
        if which in "12":
            # Only what was written since the last time: a bar erases its line repeatedly.
            before = min(self._column, len(row))
            blank = min(self._blanks.get(self._row, 0), before)
            row[blank:before] = " " * (before - blank)
            self._blanks[self._row] = max(before, self._blanks.get(self._row, 0))
