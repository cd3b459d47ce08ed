"""Names of variables, attributes and items; code is none."""

from __future__ import annotations

import pytest

from jupyter_mcp_ext.errors import InvalidArgument
from jupyter_mcp_ext.variables.names import Step, parse


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("df", [("name", "df")]),
        (" größe ", [("name", "größe")]),
        ("model.layers[0]", [("name", "model"), ("attribute", "layers"), ("item", 0)]),
        ("cfg['a'][\"b c\"]", [("name", "cfg"), ("item", "a"), ("item", "b c")]),
        ("x[-1].y", [("name", "x"), ("item", -1), ("attribute", "y")]),
    ],
)
def test_a_name_is_a_variable_with_attributes_and_items(name: str, steps: list[Step]) -> None:
    assert parse(name) == tuple(steps)


@pytest.mark.parametrize(
    "name",
    [
        '__import__("os").system("x")',
        "f()",
        "f().x",
        "x[f()]",
        "x[y]",
        "x[1:2]",
        "x[1, 2]",
        "x[True]",
        "x[-True]",
        "x[1.5]",
        "x[b'a']",
        "x[f'{y}']",
        "x + y",
        "-x",
        "[x for x in y]",
        "(lambda: x)",
        "(x := 1)",
        "await x",
        "'text'",
        "1",
        "(1).real",
        "x, y",
        "*x",
        "x; y",
        "x\ny",
        "x = 1",
        "import os",
        "%timeit x",
        "x\0",
        "x[",
        "a b",
        "df['a'].map(print)",
    ],
)
def test_code_is_refused_in_words(name: str) -> None:
    with pytest.raises(InvalidArgument, match="is code, not a name: nothing was run"):
        parse(name)


def test_no_name_and_names_without_end_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="empty"):
        parse("  ")
    with pytest.raises(InvalidArgument, match="more than 500"):
        parse("x" * 501)
    with pytest.raises(InvalidArgument, match="31 steps"):
        parse("x" + ".a" * 31)
