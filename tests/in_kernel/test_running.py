"""A function of a text is run, and its value or exception is the answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jupyter_mcp_ext.in_kernel.running import Answer, run


def answered(source: str, **arguments: Any) -> Any:
    return json.loads(repr(run(source, "f", json.dumps(arguments), "null")))


def test_the_value_is_the_answer() -> None:
    assert answered("def f(a):\n return [a, None]", a="ä") == {"value": ["ä", None]}


@pytest.mark.parametrize(
    ("source", "raised"),
    [
        ("def f(): raise ValueError('no')", ["ValueError", "no"]),
        ("def f(): raise SystemExit", ["SystemExit", ""]),
        ("def f(): return {1j}", ["TypeError", "Object of type set is not JSON serializable"]),
        ("class f(Exception):\n def __str__(self): 1 / 0\nraise f", ["f", ""]),
        ("g = 1", ["KeyError", "'f'"]),
    ],
)
def test_an_exception_is_an_answer_too(source: str, raised: list[str]) -> None:
    assert answered(source) == {"raised": raised}


def test_an_answer_is_shown_as_it_is() -> None:
    answer = Answer("it's")

    assert repr(answer) == "it's"
    assert answer._repr_mimebundle_(include=None) == {"text/plain": "it's"}
