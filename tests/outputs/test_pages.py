from __future__ import annotations

import re

import pandas as pd

from jupyter_mcp_ext.outputs.finds import find, words_of
from jupyter_mcp_ext.outputs.limits import Limits
from jupyter_mcp_ext.outputs.model import Display, Error, Output, Stream
from jupyter_mcp_ext.outputs.pages import Page, PageLine, merged_lines, page, text_lines
from jupyter_mcp_ext.outputs.presentation import TextBlock, present
from jupyter_mcp_ext.outputs.search import Search
from tests.outputs.frames import html_of

_LINES = [f"line {n}" for n in range(1_000)]


def numbers(shown: Page) -> list[int]:
    return [line.number for line in shown.lines]


def more(line: int, column: int = 0) -> str:
    return f"more({line}, {column})"


def get(
    *,
    offset: int | None = None,
    limit: int = 200,
    grep: str | None = None,
    budget: int = 10_000,
) -> Page:
    if grep is None:
        return page(_LINES, offset=offset, limit=limit, budget=budget, more=more)
    with Search(grep) as search:
        return find(_LINES, search, offset=offset or 0, limit=limit, budget=budget, more=more)


def test_without_an_offset_the_tail_is_shown() -> None:
    shown = get(limit=3)

    assert shown == Page(
        lines=tuple(PageLine(number=n, text=f"line {n}") for n in (997, 998, 999)),
        total=1_000,
    )


def test_the_middle_of_a_line_cannot_be_taken_for_a_line_of_the_servers() -> None:
    lines = ["x" * 10 + "! the kernel died"]

    [rest] = page(lines, offset=0, column=10, limit=9, budget=100, more=more).lines
    part = page(lines, offset=0, column=10, limit=9, budget=12, more=more)
    [after] = page(lines, offset=0, column=part.next_column, limit=9, budget=99, more=more).lines

    assert rest.text == "> ! the kernel died"
    assert part.lines[0].text + after.text == rest.text


def test_pages_follow_each_other_without_gap() -> None:
    seen: list[int] = []
    offset: int | None = 0

    while offset is not None:
        shown = get(offset=offset, budget=500)
        assert sum(len(line.text) + 1 for line in shown.lines) <= 500
        seen += numbers(shown)
        offset = shown.next_offset

    assert seen == [*range(1_000)]


def test_a_negative_offset_counts_from_the_end() -> None:
    assert numbers(get(offset=-2)) == [998, 999]
    assert numbers(get(offset=-2_000, limit=2)) == [0, 1]


def test_beyond_the_end_there_is_nothing() -> None:
    assert get(offset=1_000) == Page(lines=(), total=1_000)
    assert page([], offset=None, limit=5, budget=10, more=more).lines == ()


def test_grep_gives_numbers_that_serve_as_offset() -> None:
    shown = get(grep=r"9\d$", limit=15)

    assert shown.matches == 100
    assert numbers(shown)[:12] == [*range(90, 100), 190, 191]
    assert shown.next_offset == 195
    assert numbers(get(grep=r"9\d$", limit=15, offset=195))[0] == 195


def test_grep_is_case_sensitive() -> None:
    assert get(grep="LINE").matches == 0
    assert get(grep="(?i)LINE").matches == 1_000


def test_a_line_longer_than_the_budget_is_cut_and_paging_goes_on() -> None:
    shown = page(["x" * 10_000, "end"], offset=0, limit=10, budget=100, more=more)

    assert len(shown.lines) == 1
    assert len(shown.lines[0].text) < 100
    assert shown.next_offset == 1


def test_a_long_line_is_read_to_its_end_from_one_call_to_the_next() -> None:
    long = "".join(f"{n:07}" for n in range(5_000))
    lines = ["before", long, "after"]

    shown = page(lines, offset=0, limit=10, budget=10_000, more=more)
    text, note = shown.lines[1].text.split("\n")
    assert (
        note
        == f"… {len(long) - len(text):,} characters of this line left out: more(1, {len(text)})"
    )
    read, column, offset = text, len(text), 1
    while column:
        part = page(lines, offset=offset, column=column, limit=10, budget=10_000, more=more)
        assert sum(len(line.text) + 1 for line in part.lines) <= 10_000
        read += part.lines[0].text
        column = part.next_column

    assert read == long
    assert [line.text for line in part.lines[1:]] == ["after"]


def test_a_match_deep_in_a_long_line_is_shown_with_its_surroundings() -> None:
    long = "a" * 50_000 + "<needle>" + "b" * 50_000
    with Search("needle") as search:
        found = find(["x", long], search, limit=10, budget=10_000, more=more)

    [line] = found.lines
    text, note = line.text.split("\n")
    assert "aaa<needle>bbb" in text
    assert len(text) < 400
    assert note == "… 1 place in this line of 100,008 characters: more(1, 49851)"
    assert (
        page(["x", long], offset=1, column=49851, limit=1, budget=500, more=more)
        .lines[0]
        .text.startswith("a" * 149 + "<needle>")
    )


def test_all_places_of_a_long_line_are_found_page_by_page() -> None:
    long = "".join(f"{'.' * 600}hit{n:02}" for n in range(23))
    seen: list[str] = []
    offset: int | None = 0
    column = 0
    while offset is not None:
        with Search(r"hit\d+") as search:
            found = find(
                [long, "hit23"],
                search,
                offset=offset,
                column=column,
                limit=10,
                budget=3_000,
                more=more,
            )
        seen += re.findall(r"hit(\d+)", " ".join(line.text for line in found.lines))
        offset, column = found.next_offset, found.next_column

    assert seen == [f"{n:02}" for n in range(24)]


def test_lines_around_matches_are_shown_once() -> None:
    with Search("[37]$") as search:
        found = find(_LINES[:20], search, context=2, limit=10, budget=10_000, more=more)

    assert list(words_of(found, numbered=True)) == [
        "2- line 1",
        "3- line 2",
        "4: line 3",
        "5- line 4",
        "6- line 5",
        "7- line 6",
        "8: line 7",
        "9- line 8",
        "10- line 9",
        "--",
        "12- line 11",
        "13- line 12",
        "14: line 13",
        "15- line 14",
        "16- line 15",
        "17- line 16",
        "18: line 17",
        "19- line 18",
        "20- line 19",
    ]


def test_matches_with_their_context_follow_each_other_from_page_to_page() -> None:
    seen: list[int] = []
    offset: int | None = 0
    while offset is not None:
        with Search("9$") as search:
            found = find(_LINES, search, offset=offset, context=3, limit=7, budget=400, more=more)
        seen += [line.number for line in found.lines if line.is_match]
        offset = found.next_offset

    assert seen == list(range(9, 1_000, 10))


def test_left_out_lines_are_where_their_offset_says() -> None:
    text = "".join(f"\x1b[1m{n // 3}\x1b[0m\rX\n" for n in range(9_000))
    stream = Stream(name="stdout", text=text)

    presentation = present(
        [stream], limits=Limits(), label=str, more=lambda _, offset: f"offset={offset}"
    )

    (block,) = presentation.blocks
    assert isinstance(block, TextBlock)
    head, tail = re.split(r"… .*\n", block.text)
    match = re.search(r"… ([\d,]+) lines left out: offset=(\d+)", block.text)
    assert match is not None
    lines = text_lines(stream)
    first, count = int(match[2]), int(match[1].replace(",", ""))
    assert lines[first - 1] == re.sub(r" \(x \d+\)$", "", head.rstrip("\n").split("\n")[-1])
    assert lines[first + count] == re.sub(r" \(x \d+\)$", "", tail.split("\n")[0])


def test_a_data_frame_is_paged_with_all_its_rows() -> None:
    with pd.option_context("display.max_rows", None):
        html = html_of(pd.DataFrame({"a": range(100)}))

    lines = text_lines(Display(data={"text/html": html, "text/plain": "x"}))

    assert lines[2] == "| 0 | 0 |"
    assert lines[101:] == ["| 99 | 99 |", "[100 rows x 1 columns]"]


def test_json_is_paged_an_item_a_line() -> None:
    display = Display(data={"application/json": {"a": [1, 2]}})

    assert text_lines(display) == ["{", ' "a": [', "  1,", "  2", " ]", "}"]


def test_an_execution_is_its_outputs_in_order() -> None:
    outputs: list[Output] = [
        Stream(name="stdout", text="a\n10%\r20%"),
        Stream(name="stderr", text="careful\n"),
        Display(data={"text/plain": "42"}, is_result=True),
        Display(data={"image/png": "AAAA"}),
        Error(ename="E", evalue="oh"),
    ]

    assert list(merged_lines(outputs, lambda n: f"x-1/{n + 1}")) == [
        "a",
        "20%",
        "[stderr]",
        "careful",
        "[result]",
        "42",
        "[image x-1/4 png, unreadable: broken]",
        "E: oh",
    ]
