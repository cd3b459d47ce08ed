"""What a query finds in lines, and which files it need not read for that."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp_ext.errors import InvalidArgument
from jupyter_mcp_ext.outputs import search
from jupyter_mcp_ext.search.needle import Needle, required
from jupyter_mcp_ext.search.query import Match, Query


@pytest.fixture(scope="module", autouse=True)
def patient() -> Iterator[None]:
    """On a busy machine the process of an expression that fits may need more than its time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "DEADLINE", 100.0)
        yield


@pytest.fixture
def made() -> Iterator[list[Query]]:
    """Queries that are closed after the test."""
    queries: list[Query] = []
    yield queries
    for query in queries:
        query.close()


def found(words: str, *texts: Sequence[str], is_regex: bool = False) -> list[tuple[int, Match]]:
    query = Query(words, is_regex=is_regex)
    try:
        return list(query.matches(texts))
    finally:
        query.close()


def test_a_text_is_found_once_in_each_line_of_each_text() -> None:
    assert found("a", ["a a", "b"], [], ["b", "xa"]) == [
        (0, Match(0, 0)),
        (2, Match(1, 1)),
    ]


@pytest.mark.parametrize("is_regex", [False, True])
def test_case_counts_only_if_the_query_has_upper_case(is_regex: bool) -> None:
    lines = ["Größe", "GRÖSSE", "größe"]

    assert [m.line for _, m in found("größe", lines, is_regex=is_regex)] == [0, 2]
    assert [m.line for _, m in found("größ", lines, is_regex=is_regex)] == [0, 2]
    assert [m.line for _, m in found("Größe", lines, is_regex=is_regex)] == [0]


def test_upper_case_of_a_class_is_none_of_the_text() -> None:
    assert len(found(r"\Sb(?P<Name>c)", ["ABC"], is_regex=True)) == 0  # Name has upper case
    assert len(found(r"\Sb(?P<name>c)", ["ABC"], is_regex=True)) == 1


def test_what_means_something_in_an_expression_is_plain_in_a_text() -> None:
    assert [m.line for _, m in found("f(x)[0]?", ["f(x)[0]", "f(x)[0]?", "fx0"])] == [1]


def test_a_text_with_several_lines_is_found_across_them() -> None:
    lines = ["x", "for a:", "    b", "for a:", "    b", "y"]

    assert found("a:\r\n    b", lines) == [(0, Match(1, 4, 2)), (0, Match(3, 4, 2))]


def test_an_expression_fits_within_a_line_of_any_text() -> None:
    texts = [["ab", "b"], [], ["", "aab"], ["c"]]

    assert found("a+b$", *texts, is_regex=True) == [(0, Match(0, 0)), (2, Match(1, 0))]
    assert found("^$", *texts, is_regex=True) == [(2, Match(0, 0))]


def test_a_long_line_is_searched_to_its_end() -> None:
    line = "x" * 350_000 + "Needle"

    assert found("needle", [line]) == [(0, Match(0, 350_000))]
    assert found("Needle", [line]) == [(0, Match(0, 350_000))]
    assert found("xneedle", [line]) == [(0, Match(0, 349_999))]


def test_an_expression_that_would_take_for_ever_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "DEADLINE", 2.0)

    with pytest.raises(InvalidArgument, match="takes too long"):
        found("(a+)+b", ["a" * 40], is_regex=True)


def test_the_time_is_for_each_call_anew(made: list[Query]) -> None:
    query = Query("x+y", is_regex=True)
    made.append(query)

    assert [len(list(query.matches([["xy"]]))) for _ in range(3)] == [1, 1, 1]


@pytest.mark.parametrize(
    ("words", "is_regex", "message"),
    [
        ("", False, "empty"),
        ("", True, "empty"),
        ("x" * 1_001, False, "over 1000 characters"),
        (
            "f(",
            True,
            r"not a regular expression \(missing \), unterminated subpattern at position 1",
        ),
    ],
)
def test_a_query_that_cannot_be_searched_for_is_refused(
    words: str, is_regex: bool, message: str
) -> None:
    with pytest.raises(InvalidArgument, match=message):
        Query(words, is_regex=is_regex)


@pytest.mark.parametrize("is_ascii", [False, True])
@pytest.mark.parametrize(
    "words",
    [
        'say "hi"',
        "a\nb",
        "back\\slash",
        "größe",
        "Größe",
        "a/b",
        "\t",
        "'",
        "数据",
        "<b>&amp;",
        "€",
    ],
)
def test_a_notebook_with_the_text_may_have_it_however_it_is_escaped(
    words: str, is_ascii: bool
) -> None:
    sources = [words, f"before {words} behind".splitlines(keepends=True)]
    query = Query(words, is_regex=False)
    for source in sources:
        data = json.dumps({"source": source}, ensure_ascii=is_ascii).encode()
        escaped = data.replace(b"/", b"\\/").replace(b"<", b"\\u003c").replace(b"&", b"\\u0026")

        assert query.needle.may_be_in(data, is_json=True)
        assert query.needle.may_be_in(escaped, is_json=True)


def test_a_character_of_ascii_that_was_escaped_all_the_same_may_be_there() -> None:
    needle = Query("needle", is_regex=False).needle

    assert needle.may_be_in(b'{"source": "n\\u0065edle"}', is_json=True)
    assert not needle.may_be_in(b'{"text": "\\u001b[0m needl"}', is_json=True)


def test_what_a_needle_is_split_between_is_found() -> None:
    needle = Query("needle", is_regex=False).needle

    for place in range(999_990, 1_000_001):
        assert needle.may_be_in(b"x" * place + b"NEEDLE", is_json=False)
    assert not needle.may_be_in(b"x" * 2_000_000, is_json=False)


def test_a_file_in_another_encoding_may_have_what_is_not_ascii() -> None:
    assert Query("Größe", is_regex=False).needle.may_be_in(
        "die Größe".encode("latin-1"), is_json=False
    )


@pytest.mark.parametrize(
    ("pattern", "texts"),
    [
        ("abc", ["abc"]),
        (r"def \w+\(self", ["def ", "(self"]),
        ("ab+c", ["ab", "c"]),
        ("ab*c?d{0,2}e", ["a", "e"]),
        (r"a\x41b\u0042c\N{DIGIT ONE}d\101e", ["a", "b", "c", "d", "e"]),
        ("[]x]a[^]b\\]]c", ["a", "c"]),
        ("(abc)d", ["abc", "d"]),
        ("x{2}yz", ["yz"]),
        ("(abc)*d", []),
        ("a|b", []),
        ("(?i)a", []),
        (r"^\s*$", []),
    ],
)
def test_texts_that_an_expression_needs_are_seen(pattern: str, texts: list[str]) -> None:
    assert [run for run in required(pattern) if run] == texts


@given(
    st.lists(st.sampled_from(["a", "b", "B", "é", ".", "a?", "b*", "(ab)", "[ab]", r"\w", "a{2}"])),
    st.text("abABé", max_size=12),
)
def test_a_file_that_is_passed_over_has_no_match(parts: list[str], text: str) -> None:
    pattern = "x" + "".join(parts)
    query = Query(pattern, is_regex=True)

    if re.search(pattern, f"x{text}", re.IGNORECASE if query.ignores_case else 0):
        assert query.needle.may_be_in(f"x{text}".encode(), is_json=False)
        assert query.needle.may_be_in(json.dumps(f"x{text}").encode(), is_json=True)


def test_without_a_run_that_tells_every_file_may_have_it() -> None:
    assert Needle.of(["\n"], ignores_case=True).may_be_in(b"", is_json=True)
