from __future__ import annotations

import pytest

from jupyter_mcp_ext.errors import InvalidArgument
from jupyter_mcp_ext.notebooks.grep import compile_grep, matches


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        ("import", "import os"),
        (r"import\s+pandas", "import  pandas"),
        (r"def \w+\(.*\)", "def f(x):"),
        (r"\.plot\(|\.hist\(", "df.hist()"),
        (r"(foo|bar)_\d+", "bar_12"),
        (r"[(+*]+", "a ** b"),
        (r"(?i)todo", "# TODO"),
        (r"\d{4}-\d{2}-\d{2}", "2024-05-01"),
        (r"(?P<name>x)=", "x=1"),
        (r"(?<!_)x", "x"),
    ],
)
def test_patterns_that_people_write_are_accepted(pattern: str, line: str) -> None:
    assert matches(compile_grep(pattern), line)


@pytest.mark.parametrize("pattern", ["(", "[a", "*a", "a{2,1}", "(?P<1>a)", "\\", "(?<=a+)b"])
def test_an_invalid_pattern_is_refused_in_words(pattern: str) -> None:
    with pytest.raises(InvalidArgument, match="not a valid regular expression"):
        compile_grep(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        r"(a+)+$",
        r"(a|aa)+$",
        r"((a+))+$",
        r"(?:a*)*$",
        r"(a?){20,}$",
        r"(a+){30}$",
        r"(?P<x>a+)+$",
        r"(?=(a+)+)b",
        r"([a-z]+)*$",
        r"(\w|\d)*$",
        r".*.*.*.*x",
        "a" * 501,
    ],
)
def test_a_pattern_that_could_halt_the_server_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidArgument):
        compile_grep(pattern)
