"""The expressions that Python kernels evaluate leave the session as it was."""

from __future__ import annotations

import ast
from typing import Any

import pandas as pd
import pytest

from jupyter_mcp_ext.in_kernel.expressions import FIGURES, beside, call, whitespace

ECHO = "def echo(given):\n    return given"


def evaluated(expression: str, session: dict[str, Any]) -> str:
    """The value as text; the session has the same names afterwards."""
    before = {**session, "__builtins__": None}
    value = repr(eval(expression, session))  # noqa: S307  # as in a kernel
    assert {**session, "__builtins__": None} == before
    return value


def test_a_call_answers_with_the_value() -> None:
    expression = call(ECHO, "echo", {"given": "ä'\"\\\n{}"}, None)

    assert ast.literal_eval(evaluated(expression, {})) == {"value": "ä'\"\\\n{}"}


@pytest.mark.parametrize(
    "session",
    [
        {"exec": 3, "compile": 3, "json": 3, "builtins": 3, "space": 3, "__import__": 3},
        {"__builtins__": {}},
    ],
)
def test_a_call_needs_no_name_of_the_session(session: dict[str, Any]) -> None:
    assert evaluated(call(ECHO, "echo", {"given": 1}, None), session) == '{"value": 1}'


def test_the_code_beside_others_is_a_coroutine() -> None:
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT

    assert compile(beside(), "cell", "exec", flags).co_flags & 0x80


def test_white_space_is_found_in_what_was_shown_and_in_what_is_named() -> None:
    session = {"_ih": ["", "a"], "_oh": {1: pd.Series([" a"], dtype=object)}}
    named = {**session, "more": pd.Series(["b "], dtype=object)}

    assert evaluated(whitespace([]), session) == repr("values ' a'")
    assert evaluated(whitespace(["more"]), named) == repr("values ' a'; values 'b '")
    assert evaluated(whitespace([]), {"_ih": ["", "1"], "_oh": {1: 1}}) == "False"


def test_figures_are_counted() -> None:
    from matplotlib import pyplot as plt

    plt.switch_backend("agg")
    plt.figure()
    try:
        assert evaluated(FIGURES, {}) == f"'agg {len(plt.get_fignums())}'"
    finally:
        plt.close("all")
