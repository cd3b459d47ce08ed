"""White space that pandas does not show."""

from __future__ import annotations

import pandas as pd

from jupyter_mcp_ext.in_kernel.whitespace import whitespace


def test_each_place_is_named_with_some_of_its_values() -> None:
    frame = pd.DataFrame(
        {"a": [f" {n}" for n in range(5)], "b": range(5), " c": ["x"] * 5},
        index=["i ", "j", "k", "l", "m"],
        dtype=object,
    ).astype({"b": int})

    assert whitespace(frame, frame) == ("index 'i '; columns ' c'; a ' 0', ' 1', ' 2' and 2 more")


def test_the_first_and_last_rows_are_looked_at() -> None:
    rows = ["x"] * 100
    rows[29], rows[50], rows[-30] = " first", " middle", " last"

    assert whitespace(pd.Series(rows, dtype=object)) == "values ' first', ' last'"


def test_long_values_are_cut() -> None:
    [said] = [whitespace(pd.Series(["a" * 50 + " "], dtype=object))]

    assert said == f"values '{'a' * 20}…{'a' * 17} '"


def test_other_values_have_none() -> None:
    assert whitespace(None, 1, " a ", pd.Series([1, 2]), pd.DataFrame()) == ""
