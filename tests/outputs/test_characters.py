"""Invisible characters are removed from text, however long it is."""

from __future__ import annotations

import random

import pytest

from jupyter_mcp_ext.outputs import characters
from jupyter_mcp_ext.outputs.characters import visible

ALPHABET = "ab字\u200c\u200d\ufe0f\ufe01\u202e\xad\u2028\x01é\U000e0001😀"


def test_text_that_is_cleaned_part_by_part_is_what_it_is_as_a_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chance = random.Random(1)  # no secret
    texts = ["".join(chance.choices(ALPHABET, k=chance.randrange(90))) for _ in range(2_000)]
    whole = [visible(text) for text in texts]
    monkeypatch.setattr(characters, "_PART", 5)
    monkeypatch.setattr(characters, "_REACH", 40)

    assert [visible(text) for text in texts] == whole


def test_long_text_without_a_place_to_be_cut_is_cleaned() -> None:
    assert visible("\u200d" * 100_000) == ""
    assert visible("字" * 100_000 + "\x00\u202e") == "字" * 100_000
