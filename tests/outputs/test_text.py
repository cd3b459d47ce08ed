from __future__ import annotations

import re

import pytest

from jupyter_mcp_ext.outputs.numbered import collapse, cut_line, number
from jupyter_mcp_ext.outputs.text import Passage, clean, split


def more(offset: int, column: int = 0) -> str:
    return f"more({offset}, {column})" if column else f"more({offset})"


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]8;;https://example.org\x1b\\link\x1b]8;;\x07", "link"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b(Btext\x1b=", "text"),
        ("bell\x07 null\x00 tab\tkept", "bell null tab\tkept"),
        ("8-bit \x9bcontrol\x7f", "8-bit control"),
        ("lone \ud83d surrogate", "lone  surrogate"),
        ("emoji 🙂 é ü", "emoji 🙂 é ü"),
        ("\u202eevil\u202c \u2066x\u2069", "evil x"),
        ("zero\u200b\u2060\ufeff width", "zero width"),
        ("tags\U000e0001\U000e0041\U000e007f \U000e0100", "tags "),
        ("o\u200dk, \u200dok\u200c", "ok, ok"),
        ("\u06cc\u200c\u062e 👩\u200d💻 ❤\ufe0f", "\u06cc\u200c\u062e 👩\u200d💻 ❤\ufe0f"),
        ("❤\ufe0f\ufe01\ufe02\ufe03", "❤\ufe0f"),
        ("one\u2028two\u2029three", "one two three"),
        ("a\x1b[", "a"),
    ],
)
def test_only_what_can_be_read_is_left(raw: str, cleaned: str) -> None:
    assert clean(raw) == cleaned


def test_an_unended_title_takes_no_other_line_with_it() -> None:
    assert clean("\x1b]0;title\nnext") == "\nnext"


def test_the_end_of_the_last_line_begins_no_other() -> None:
    assert split("a\n\nb\n") == ["a", "", "b"]
    assert split("") == []


def test_runs_of_equal_lines_are_counted() -> None:
    lines = number(["a", *["waiting"] * 1204, "b", "b"])

    assert [(line.number, line.text) for line in collapse(lines)] == [
        (0, "a"),
        (1, "waiting (x 1204)"),
        (1205, "b"),
        (1206, "b"),
    ]


def test_a_run_that_its_count_would_not_shorten_stays() -> None:
    assert collapse(number(["a", "a", "a"])) == number(["a", "a", "a"])


def test_a_long_line_says_how_much_of_it_is_cut() -> None:
    line = cut_line("x" * 5_000)

    shown = len(line) - len(line.lstrip("x"))
    assert len(line) <= 2_000
    assert line.endswith(f" … ({5_000 - shown:,} characters cut)")


def test_a_short_text_is_whole() -> None:
    excerpt = Passage.of_text("a\nb\n").fit(3, more)

    assert (excerpt.text, excerpt.truncated) == ("a\nb", False)


def test_a_long_text_is_head_and_tail_and_the_call_for_the_rest() -> None:
    text = "".join(f"line {n}\n" for n in range(1_000))

    excerpt = Passage.of_text(text).fit(1_000, more)

    match = re.search(
        r"^… (\d+) lines left out: more\((\d+)\); grep=.*$", excerpt.text, re.MULTILINE
    )
    assert match is not None
    head, tail = excerpt.text[: match.start()], excerpt.text[match.end() + 1 :]
    first = int(match[2])
    assert split(head) == [f"line {n}" for n in range(first)]
    assert split(tail) == [f"line {n}" for n in range(first + int(match[1]), 1_000)]
    assert 0.35 < len(head) / (len(head) + len(tail)) < 0.45
    assert 900 < len(excerpt.text) <= 1_000


def test_the_numbers_of_collapsed_lines_are_those_before_collapsing() -> None:
    text = "".join(f"{'same' if n < 500 else n}\n" for n in range(1_000))

    excerpt = Passage.of_text(text, collapsed=True).fit(300, more)

    match = re.search(
        r"^… (\d+) lines left out: more\((\d+)\); grep=.*$", excerpt.text, re.MULTILINE
    )
    assert excerpt.text.startswith("same (x 500)\n500\n")
    assert match is not None
    assert split(excerpt.text[: match.start()])[-1] == str(int(match[2]) - 1)
    assert split(excerpt.text)[-1] == "999"
    shown_after = len(split(excerpt.text[match.end() + 1 :]))
    assert int(match[1]) + int(match[2]) + shown_after == 1_000


@pytest.mark.parametrize("blank", ["", "\n\n\n"])
def test_of_a_text_of_megabytes_the_ends_are_numbered_as_in_the_whole(blank: str) -> None:
    text = blank + "".join(f"\x1b[32mline\x1b[0m {n}\n" for n in range(200_000)) + blank

    excerpt = Passage.of_text(text, collapsed=True).fit(2_000, more)

    match = re.search(
        r"^… ([\d,]+) lines left out: more\((\d+)\); grep=.*$", excerpt.text, re.MULTILINE
    )
    lines = split(clean(text))
    assert match is not None
    first, count = int(match[2]), int(match[1].replace(",", ""))
    assert excerpt.text[: match.start()].rstrip("\n").endswith(lines[first - 1])
    assert split(excerpt.text[match.end() + 1 :])[0] == lines[first + count]


def test_equal_lines_of_megabytes_are_said_to_be_left_out() -> None:
    passage = Passage.of_text("same line\n" * 1_000_000, collapsed=True)

    excerpt = passage.fit(passage.size, more)

    head, notice, tail = split(excerpt.text)
    counted = [int(re.sub(r"\D", "", re.sub("more.*", "", part))) for part in (head, notice, tail)]
    assert sum(counted) == 1_000_000
    assert f"more({counted[0]})" in notice


def test_one_line_of_megabytes_is_cut() -> None:
    excerpt = Passage.of_text("x" * 3_000_000 + "\nend").fit(10_000, more)

    line, note, end = split(excerpt.text)
    assert (
        note
        == f"… {3_000_000 - len(line):,} characters of this line left out: more(0, {len(line)})"
    )
    assert end == "end"
    assert excerpt.truncated
    assert len(excerpt.text) < 2_100


def test_lines_too_long_for_the_budget_are_cut_rather_than_only_counted() -> None:
    excerpt = Passage.of_text("x" * 1_500 + "\n" + "y" * 1_500).fit(300, more)

    assert excerpt.text.startswith("xxxxx")
    first, note, left_out = split(excerpt.text)
    assert note.endswith(f"left out: more(0, {len(first)})")
    assert left_out.startswith("… 1 line left out: more(1)")
    assert len(excerpt.text) <= 300


@pytest.mark.parametrize("budget", [0, 1, 20, 60, 61, 80, 100])
def test_no_budget_is_too_small(budget: int) -> None:
    assert len(Passage.of_text("some words\n" * 100).fit(budget, more).text) <= budget
