"""Long text in pieces answers like one string."""

from __future__ import annotations

import random
import tracemalloc

import pytest

from jupyter_mcp_ext.outputs.finds import find
from jupyter_mcp_ext.outputs.lines import SECTION
from jupyter_mcp_ext.outputs.model import Stream
from jupyter_mcp_ext.outputs.pages import PageLine, merged_lines, page, text_lines
from jupyter_mcp_ext.outputs.rope import Rope
from jupyter_mcp_ext.outputs.search import Search
from jupyter_mcp_ext.outputs.text import Passage, clean, split


def test_a_rope_answers_as_its_text_does() -> None:
    chance = random.Random(11)
    for _ in range(500):
        pieces = ["".join(chance.choices("ab\n", k=chance.randint(0, 5))) for _ in range(6)]
        rope, text = Rope(pieces), "".join(pieces)
        start, end = sorted((chance.randint(0, len(text)), chance.randint(0, len(text))))

        assert (str(rope), len(rope)) == (text, len(text))
        assert rope.slice(start, end) == text[start:end]
        assert rope.find("\n", start) == text.find("\n", start)
        assert rope.rfind("\n", end) == text.rfind("\n", 0, end)
        assert rope.count("\n", start, end) == text.count("\n", start, end)


@pytest.mark.parametrize("seed", range(6))
def test_lines_of_long_text_are_those_of_the_whole(seed: int) -> None:
    chance = random.Random(seed)
    widths, ends = chance.choice([[5], [0, 60, 3_000], [90_000, 250_000]]), ["\n", "", "\x1b[0m"]
    text = "\n".join("é\x1b[1mx" * chance.choice(widths) for _ in range(12)) + ends[seed % 3]
    text = text if len(text) > 3 * SECTION else text * (3 * SECTION // len(text) + 1)
    cuts = sorted(chance.choices(range(len(text)), k=20))
    rope = Rope(text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True))
    expected = split(clean(text))

    lines = text_lines(Stream(name="stdout", text=rope))

    assert list(lines) == expected
    assert [lines[n] for n in range(-len(lines), 0)] == expected
    assert lines[-3:] == expected[-3:]
    with pytest.raises(IndexError):
        lines[len(lines)]
    assert Passage.of_text(rope) == Passage.of_text(text)


def test_a_page_of_a_flood_takes_little_memory() -> None:
    flood = Stream(
        name="stdout", text=Rope("".join(f"{n}\n" for n in range(10_000)) for _ in range(100))
    )
    tracemalloc.start()
    try:
        lines = merged_lines([flood], str)
        middle = page(lines, offset=500_000, limit=2, budget=1_000, more=str)
        with Search("^77$") as search:
            found = find(lines, search, limit=2, budget=1_000, more=str)
        passage = Passage.of_text(flood.rope).fit(1_000, lambda offset: f"from {offset}")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert middle.lines == (PageLine(number=500_000, text="0"), PageLine(number=500_001, text="1"))
    assert (found.lines[1], found.matches) == (PageLine(number=10_077, text="77"), 100)
    assert passage.text.endswith("\n9999")
    assert peak < 15_000_000, "a list of all lines takes 60 MB"
