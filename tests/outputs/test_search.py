"""A caller's regular expression matches as in Python, or is stopped in time and says so."""

from __future__ import annotations

import re

import pytest

from jupyter_mcp_ext.errors import InvalidArgument
from jupyter_mcp_ext.outputs.search import BATCH, MAX_PATTERN, Match, Search

LINES = [f"line {n} of ten thousand, 10.0.0.{n}" for n in range(300)]


def found(pattern: str, lines: list[str]) -> list[int]:
    with Search(pattern) as search:
        return [match.line for match in search.matching(lines)]


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "9",
        "(?i)LINE 9",
        "[0-4]$",
        "a|b|9",
        r"(\d{1,3}\.){3}",
        "(?:1+0?)*",
        r"^line \d+5 ",
        ".*9.*",
    ],
)
def test_a_search_finds_what_pythons_own_would(pattern: str) -> None:
    assert found(pattern, LINES) == [n for n, line in enumerate(LINES) if re.search(pattern, line)]


def test_one_search_serves_several_texts() -> None:
    with Search("x+") as search:
        assert list(search.matching(["x", "y"])) == [Match(0, (0,))]
        assert list(search.matching(["y", "xx", "é x"])) == [Match(1, (0,)), Match(2, (2,))]


def test_more_lines_than_are_given_to_the_other_process_at_once() -> None:
    lines = [f"line {n}" for n in range(2 * BATCH + 1)]

    assert found(f"e ({BATCH}|{2 * BATCH}|7)$", lines) == [7, BATCH, 2 * BATCH]


@pytest.mark.parametrize("pattern", ["(", "[a", "*", "a{2,1}", "(?P<a>x)(?P<a>y)"])
def test_an_invalid_pattern_is_explained(pattern: str) -> None:
    with pytest.raises(InvalidArgument, match="not a regular expression"):
        Search(pattern)


def test_a_pattern_too_long_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="simpler"):
        Search("x" * (MAX_PATTERN + 1))


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*b", "a*a*a*a*a*b", "(?:a{0,50}){9}y"])
def test_a_pattern_that_takes_without_end_ends_and_says_so(pattern: str) -> None:
    with pytest.raises(InvalidArgument, match="takes too long"):
        found(pattern, ["a" * 1_900 + "!"] * 50)


@pytest.mark.parametrize("pattern", ["needle", "ne+dle", "needle$"])
@pytest.mark.parametrize("size", [3_000, 300_000, 9_000_000])
def test_a_long_line_is_searched_from_end_to_end(pattern: str, size: int) -> None:
    with Search(pattern) as search:
        matches = list(search.matching(["short", "é" * size + "needle", "needle", "x" * size]))

    assert matches == [Match(1, (size,)), Match(2, (0,))]


def test_places_apart_in_a_long_line_are_told() -> None:
    with Search(r"b\d?") as search:
        [match] = search.matching(["ab1" * 1_000])
        [later] = search.matching(["ab1" * 1_000], (0, 1_000))

    assert match.places == tuple(range(1, 3_000, 150))
    assert later.places[0] == 1_000


def test_lines_of_any_characters_are_searched() -> None:
    with Search("x+$") as search:
        assert list(search.matching(["\ud800 é 🙂 xx", "\r\u2028 x"])) == [
            Match(0, (6,)),
            Match(1, (3,)),
        ]
