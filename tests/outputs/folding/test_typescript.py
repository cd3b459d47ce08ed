"""Text written piece by piece: the cost and the result of writes that move the cursor."""

from __future__ import annotations

import random

import pytest

from jupyter_mcp_ext.outputs.folding.typescript import Typescript
from jupyter_mcp_ext.outputs.terminal import fold


def written(*texts: str) -> Typescript:
    script = Typescript()
    for text in texts:
        if script.overwrites(text):
            script.overwrite(text)
        else:
            script.append(text)
    return script


@pytest.mark.parametrize("size", [10, 70_000, 200_000, 3_000_000])
@pytest.mark.parametrize("ups", [1, 5, 99])
@pytest.mark.parametrize("end", ["", "\n"])
def test_a_movement_goes_back_over_a_bounded_number_of_characters(
    size: int, ups: int, end: str
) -> None:
    line = "x" * size
    script = written(*[line + "\n"] * (6_000_000 // size if size > 10 else 300), line + end)
    length = len(script.rope)

    for _ in range(5):
        last = script.overwrite(f"\x1b[{ups}Ay\r")

        assert len(last.old.text) + len(last.old.cursor) <= 200_000
    assert abs(length - len(script.rope)) <= 10


def test_bars_within_a_terminals_size_are_followed_whatever_stands_before() -> None:
    before = "".join(f"{n} {'x' * (n % 90)}\n" for n in range(30_000))
    bars = [f"\x1b[3A\rfirst {n}\nsecond {n}\nthird {n}\n" for n in range(50)]

    script = written(before, "\n\n\n", *bars)

    assert str(script.rope).endswith("\nfirst 49\nsecond 49\nthird 49\n")
    assert str(script.rope).startswith(before)


def test_writes_bit_by_bit_show_what_a_write_at_once_does() -> None:
    chance = random.Random(4)
    pieces = ["a", "bc\n", "\r", "\b", "\x1b[2A", "\x1b[K", "\x1b[1B", "d" * 30, "\n"]
    for _ in range(300):
        texts = chance.choices(pieces, k=chance.randint(1, 40))

        assert str(written(*texts).rope) == fold("".join(texts))


def test_a_write_that_is_taken_back_leaves_what_stood_before() -> None:
    for before in ("", "a\nb", "x" * 300_000 + "\n" + "y" * 50):
        script = written(before)
        last = script.overwrite("\x1b[1A" + "z" * 400_000 + "\r")

        script.undo(last)

        assert str(script.rope) == before
        assert script.newlines == before.count("\n")


def test_a_write_of_much_is_kept_in_pieces_so_that_cutting_its_end_is_cheap() -> None:
    script = written("line\n" * 1_000_000, "\x1b[2A\rtwo")

    pieces = script.rope.pieces

    assert max(map(len, pieces)) <= 200_000
    assert str(script.rope) == "line\n" * 999_998 + "twoe\nline\n"
