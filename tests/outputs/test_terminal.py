from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Mapping

import pytest

from jupyter_mcp_ext.outputs.folding.fold import OutputFold
from jupyter_mcp_ext.outputs.folding.typescript import Typescript
from jupyter_mcp_ext.outputs.terminal import fold
from jupyter_mcp_ext.outputs.text import strip

CHEAP = 5.0
"""Seconds: folding some megabytes takes far less, and with quadratic cost far more."""

SLOW: Mapping[str, Callable[[], str]] = {
    "backspaces": lambda: "a\b" * 4_000_000,
    "returns": lambda: "x\r" * 4_000_000,
    "returns on a long line": lambda: "y" * 1_000_000 + "x\r" * 1_000_000,
    "returns below a long line": lambda: "\n" + "y" * 1_000_000 + "\rx" * 15_000,
    "a return on each line": lambda: "a\rb\n" * 1_000_000,
    "Windows' line ends": lambda: "line\r\n" * 1_000_000,
    "a run of returns": lambda: "\r" * 4_000_000,
    "a run of returns and a line end": lambda: "a" + "\r" * 4_000_000 + "\nb",
    "rows up": lambda: "\x1b[A" * 1_000_000,
    "erased lines": lambda: "\x1b[2K" * 1_000_000,
    "erased long lines": lambda: "y" * 1_000_000 + "\x1b[1Kx" * 15_000,
    "lines erased and rewritten": lambda: "y\x1b[2K\r" * 500_000,
    "erased rows": lambda: "\n\x1b[2K" * 9_000 + "\x1b[J" * 9_000,
    "cells erased far to the right": lambda: "y\x1b[1999C\x1b[1K\r" * 200_000,
    "colours": lambda: "\x1b[31mred\x1b[0m\n" * 200_000 + "\r",
    "one backspace and much text": lambda: "\b" + ("x" * 79 + "\n") * 100_000,
    "one row up and much text": lambda: ("x" * 79 + "\n") * 100_000 + "\x1b[A",
    "half a sequence": lambda: "\x1b[" + "0" * 2_000_000 + "\b",
    "a mixture": lambda: "ab\x1b[A\b\x1b[Kc\n\rd\x1b[2C" * 200_000,
}


class Terminal:
    """The simplest screen: one character in each place, no colours."""

    def __init__(self) -> None:
        self.rows: list[list[str]] = [[]]
        self.row = self.column = 0

    def write(self, text: str) -> None:
        """Follow every character."""
        for piece in re.findall(r"\x1b\[\d*[A-Z]|.", text, re.DOTALL):
            if piece == "\n":
                self.row, self.column = self.row + 1, 0
                self.rows += [[]] if self.row == len(self.rows) else []
            elif piece == "\r":
                self.column = 0
            elif piece == "\b":
                self.column = max(self.column - 1, 0)
            elif piece.startswith("\x1b"):
                self.move(piece[-1], piece[2:-1])
            else:
                here = self.rows[self.row]
                here += " " * (self.column + 1 - len(here))
                here[self.column] = piece
                self.column += 1

    def move(self, kind: str, given: str) -> None:
        """Follow a movement or erase."""
        here, n = self.rows[self.row], int(given or 1)
        if kind in "AF":
            self.row = max(self.row - n, 0)
        if kind in "BE":
            self.row = min(self.row + n, len(self.rows) - 1)
        if kind in "EF":
            self.column = 0
        if kind == "C":
            self.column += n
        if kind == "D":
            self.column = max(self.column - n, 0)
        if kind == "G":
            self.column = n - 1
        if kind == "J":
            del self.rows[self.row + 1 :]
        if (kind in "JK" and given in {"", "0"}) or (kind == "K" and given == "2"):
            del here[self.column :]
        if kind == "K" and given in {"1", "2"}:
            for at in range(min(self.column, len(here))):
                here[at] = " "

    @property
    def shown(self) -> str:
        """Its text, without the blanks at the ends of lines."""
        return trimmed("\n".join("".join(row) for row in self.rows))


def trimmed(text: str) -> str:
    return "\n".join(line.rstrip(" ") for line in text.split("\n"))


PIECES = [
    *("a", "bc", "x y", "longer than most", "\n", "\n\n", "one\ntwo\n", "\r", "\r", "\b", "\b\b"),
    *(f"\x1b[{given}{kind}" for kind in "ABCDEFGK" for given in ("", "1", "2")),
    *("\x1b[J", "\r\n", "\x1b[3A", "\x1b[7C", "\x1b[2K\r", "\x1b[1K", "12345\r"),
]


def test_what_is_shown_is_what_a_terminal_shows() -> None:
    chance = random.Random(11)
    for _ in range(20_000):
        written = "".join(chance.choices(PIECES, k=chance.randint(1, 25)))
        terminal = Terminal()

        terminal.write(written)

        assert trimmed(strip(fold(written))) == terminal.shown, written


def test_what_is_written_piece_by_piece_is_what_a_terminal_shows() -> None:
    chance = random.Random(12)
    for _ in range(3_000):
        written = chance.choices(PIECES, k=chance.randint(1, 14))
        terminal, outputs = Terminal(), OutputFold()

        for piece in written:
            terminal.write(piece)
            outputs.feed("stream", {"name": "stdout", "text": piece})

        shown = "".join(getattr(output, "text", "") for output in outputs.outputs)
        assert trimmed(strip(fold(shown))) == terminal.shown, written


@pytest.mark.parametrize("name", SLOW)
def test_no_text_takes_long(name: str) -> None:
    text = SLOW[name]()
    begun = time.process_time()

    outputs = OutputFold()
    outputs.feed("stream", {"name": "stdout", "text": text})
    fold(text)

    assert time.process_time() - begun < CHEAP


def test_of_very_many_movements_the_last_are_followed_and_the_text_stays() -> None:
    bar = "".join(f"{n} of 99999\r" for n in range(100_000))
    spinner = "\b|\b/\b-\b|" * 20_000

    assert fold(f"before\n{bar}") == "before\n99999 of 99999"
    assert fold(f"before\nworking |{spinner}\bdone") == "before\nworking done"
    assert fold("one\r\n" * 100_000 + "1\r2") == "one\n" * 100_000 + "2"
    assert fold("\x1b[31mred\x1b[0m\n" * 50_000 + "1\r2") == ("\x1b[31mred\x1b[0m\n" * 50_000 + "2")


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("plain\ntext\n", "plain\ntext\n"),
        ("10%\r20%", "20%"),
        ("Downloading\rok", "okwnloading"),
        ("50%\r", "50%"),
        ("a\r\nb\r\r\nc", "a\nb\nc"),
        ("abc\b\bX", "aXc"),
        ("\b\bx", "x"),
        ("working |\b/\b-", "working -"),
        ("100 items\r\x1b[Kdone", "done"),
        ("abcdef\x1b[3D\x1b[K", "abc"),
        ("old\x1b[2K\rnew", "new"),
        ("one\ntwo\x1b[1A\rONE", "ONE\ntwo"),
        ("one\ntwo\n\x1b[2Ax\n", "xne\ntwo\n"),
        ("x\x1b[5Cy", "x     y"),
        ("\x1b[31mred\x1b[0m\rx", "\x1b[0mxed"),
        ("\x1b[2J\x1b[Hhi", "hi"),
    ],
)
def test_a_terminal_shows(written: str, shown: str) -> None:
    assert fold(written) == shown


def test_colours_of_lines_without_movements_stay() -> None:
    assert fold("\x1b[31mred\x1b[0m\n1\r2") == "\x1b[31mred\x1b[0m\n2"


def test_writing_piece_by_piece_shows_what_writing_at_once_does() -> None:
    chance = random.Random(7)
    pieces = ["a", "bc", "\n", "\r", "\b", "\x1b[A", "\x1b[K", "\x1b[2D", "dé", "\r\n", "\x1b[B"]
    for _ in range(3_000):
        written = chance.choices(pieces, k=chance.randint(1, 14))
        script = Typescript()

        for piece in written:
            if script.overwrites(piece):
                script.overwrite(piece)
            else:
                script.append(piece)

        assert fold(str(script.rope)) == fold("".join(written)), written
        assert fold(script.raw) == fold("".join(written)), written
        assert script.newlines == script.rope.count("\n")


def test_a_refused_write_leaves_what_was_there() -> None:
    script = Typescript()
    script.append("a\nbc")
    script.overwrite("\r")
    before = script.raw

    script.undo(script.overwrite("xyz\n"))
    assert (script.raw, str(script.rope), script.newlines) == (before, "a\nbc", 1)

    script.overwrite("d")
    assert script.raw.startswith("a\ndc")


def test_a_spinner_behind_a_very_long_line_stays_cheap() -> None:
    script = Typescript()
    script.append("." * 1_000_000)

    for _ in range(300):
        script.overwrite("|\b")

    assert str(script.rope).startswith("." * 900_000)
    assert len(script.rope) < 1_030_000


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_very_many_small_writes_are_kept_in_few_pieces(end: str) -> None:
    script = Typescript()
    for n in range(100_000):
        if script.overwrites(f"{n}{end}"):
            script.overwrite(f"{n}{end}")
        else:
            script.append(f"{n}{end}")
        if n % 1_000 == 0:
            script.overwrite("\r50%\r100%\n")

    lines = str(script.rope).split("\n")

    assert len(script.rope.pieces) < 200
    assert [line for line in lines if line != "100%"] == [*map(str, range(100_000)), ""]
    assert script.newlines == 100_100
