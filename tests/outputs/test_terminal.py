from __future__ import annotations

import random

import pytest

from jupyter_mcp_ext.outputs.terminal import Typescript, fold


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

        assert fold(script.text) == fold("".join(written)), written
        assert script.newlines == script.text.count("\n")


def test_a_refused_write_leaves_what_was_there() -> None:
    script = Typescript()
    script.append("a\nbc")
    script.overwrite("\r")
    before, displaced = script.text, script.displaced

    old, new = script.overwrite("xyz\n")
    script.undo(old, new, displaced)

    assert (script.text, script.displaced, script.newlines) == (before, displaced, 1)


def test_a_spinner_behind_a_very_long_line_stays_cheap() -> None:
    script = Typescript()
    script.append("." * 1_000_000)

    for _ in range(300):
        script.overwrite("|\b")

    assert script.text.startswith("." * 900_000)
    assert len(script.text) < 1_030_000
