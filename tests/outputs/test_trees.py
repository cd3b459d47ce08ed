from __future__ import annotations

import json

import pytest

from jupyter_mcp_ext.outputs.model import Json
from jupyter_mcp_ext.outputs.trees import Tree, pretty_lines


def more(offset: int) -> str:
    return f"more({offset})"


def deep(levels: int) -> Json:
    value: Json = 1
    for _ in range(levels):
        value = [value]
    return value


def test_what_fits_is_whole_and_compact() -> None:
    excerpt = Tree.of({"a": [1, "é"]}, 1_000).fit(1_000, more)

    assert (excerpt.text, excerpt.truncated) == ('{"a":[1,"é"]}', False)


@pytest.mark.parametrize("budget", [0, 10, 100, 1_000])
@pytest.mark.parametrize("value", [[*range(10_000)], "x" * 10_000, {"a" * 5_000: 1}, deep(500)])
def test_what_does_not_fit_is_cut(value: Json, budget: int) -> None:
    excerpt = Tree.of(value, 10_000).fit(budget, more)

    assert len(excerpt.text) <= budget
    assert excerpt.truncated


def test_what_is_cut_is_counted() -> None:
    value: Json = {"list": [*range(5_000)], "text": "x" * 5_000}

    shown, note = Tree.of(value, 400).fit(400, more).text.split("\n")

    assert json.loads(shown)["list"][-1].endswith(" more")
    assert json.loads(shown)["text"].endswith("(5,000 characters)")
    assert note == "… cut, in full: more(0)"


def test_deep_values_are_paged_without_failing() -> None:
    assert len(pretty_lines(deep(900))) > 100
