"""Counts, sizes and times as words."""

from __future__ import annotations

import pytest

from jupyter_mcp_ext.wording import ago, counted, seconds, size


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 cells"), (1, "1 cell"), (2, "2 cells"), (1_200, "1,200 cells")]
)
def test_a_count_has_the_noun_that_fits(number: int, words: str) -> None:
    assert counted(number, "cell") == words


def test_a_noun_may_have_a_plural_of_its_own() -> None:
    assert counted(2, "entry", "entries") == "2 entries"


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1 kB"),
        (30_400, "30 kB"),
        (999_600, "1000 kB"),
        (1_234_567, "1.2 MB"),
        (5 * 10**9, "5 GB"),
        (5 * 10**12, "5000 GB"),
    ],
)
def test_a_size_is_short(count: int, words: str) -> None:
    assert size(count) == words


def test_a_size_may_have_more_digits() -> None:
    assert size(1_234_567, digits=3) == "1.23 MB"
    assert size(999_900, digits=3) == "1000 kB"


@pytest.mark.parametrize(
    ("count", "words"),
    [(512, "512 B"), (230 * 1024**2, "230 MB"), (1024**3, "1 GB"), (14_925_000_000, "13.9 GB")],
)
def test_a_size_may_be_in_the_units_in_which_memory_limits_are_set(count: int, words: str) -> None:
    assert size(count, digits=3, base=1024) == words


@pytest.mark.parametrize(
    ("value", "words"), [(0.844, "0.84 s"), (50, "50 s"), (119, "119 s"), (1_860, "31 min")]
)
def test_a_duration_is_in_seconds_or_minutes(value: float, words: str) -> None:
    assert seconds(value) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "just now"),
        (50, "50 s ago"),
        (1_860, "31 min ago"),
        (7_200, "2 h ago"),
        (3 * 86_400, "3 d ago"),
    ],
)
def test_a_time_ago_has_one_unit(value: float, words: str) -> None:
    assert ago(value) == words
