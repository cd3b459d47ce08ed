from __future__ import annotations

import re
from contextlib import ExitStack

import pandas as pd

from jupyter_mcp_ext.outputs.limits import Limits
from jupyter_mcp_ext.outputs.model import Display, Error, Output, Stream
from jupyter_mcp_ext.outputs.pages import Page, merged_lines, page, text_lines
from jupyter_mcp_ext.outputs.presentation import TextBlock, present
from jupyter_mcp_ext.outputs.search import Search
from tests.outputs.frames import html_of

_LINES = [f"line {n}" for n in range(1_000)]


def numbers(shown: Page) -> list[int]:
    return [n for n, _ in shown.lines]


def get(
    *,
    offset: int | None = None,
    limit: int = 200,
    grep: str | None = None,
    budget: int = 10_000,
) -> Page:
    with ExitStack() as stack:
        search = stack.enter_context(Search(grep)) if grep is not None else None
        return page(_LINES, offset=offset, limit=limit, grep=search, budget=budget)


def test_without_an_offset_the_tail_is_shown() -> None:
    shown = get(limit=3)

    assert shown == Page(
        lines=((997, "line 997"), (998, "line 998"), (999, "line 999")),
        total=1_000,
        matches=None,
        next_offset=None,
    )


def test_pages_follow_each_other_without_gap() -> None:
    seen: list[int] = []
    offset: int | None = 0

    while offset is not None:
        shown = get(offset=offset, budget=500)
        assert sum(len(line) + 1 for _, line in shown.lines) <= 500
        seen += numbers(shown)
        offset = shown.next_offset

    assert seen == [*range(1_000)]


def test_a_negative_offset_counts_from_the_end() -> None:
    assert numbers(get(offset=-2)) == [998, 999]
    assert numbers(get(offset=-2_000, limit=2)) == [0, 1]


def test_beyond_the_end_there_is_nothing() -> None:
    assert get(offset=1_000) == Page(lines=(), total=1_000, matches=None, next_offset=None)
    assert page([], offset=None, limit=5, grep=None, budget=10).lines == ()


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
    shown = page(["x" * 10_000, "end"], offset=0, limit=10, grep=None, budget=100)

    assert len(shown.lines) == 1
    assert len(shown.lines[0][1]) < 100
    assert shown.next_offset == 1


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
