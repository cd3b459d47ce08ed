from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest

from jupyter_mcp_ext.outputs.tables import Table, html_to_text, is_table, parse_table
from tests.outputs.frames import html_of

# As polars 1.35 writes it.
_POLARS = (
    "<div><style>\n.dataframe > thead > tr {\n  text-align: right;\n}\n</style>\n"
    '<small>shape: (1_000, 2)</small><table border="1" class="dataframe"><thead>'
    "<tr><th>a</th><th>b</th></tr><tr><td>i64</td><td>str</td></tr></thead><tbody>"
    "<tr><td>1</td><td>&quot;x|y&quot;</td></tr><tr><td>&hellip;</td><td>&hellip;</td></tr>"
    "<tr><td>2</td><td>&quot;z\nw&quot;</td></tr></tbody></table></div>"
)


def parsed(html: str) -> Table:
    table = parse_table(html)
    assert table is not None
    return table


def multi_indexed() -> pd.DataFrame:
    return pd.DataFrame(
        np.arange(8).reshape(4, 2),
        index=pd.MultiIndex.from_product([["x", "y"], [1, 2]], names=["k", "n"]),
        columns=pd.MultiIndex.from_product([["A"], ["p", "q"]]),
    )


@pytest.mark.parametrize("html", [html_of(multi_indexed()), html_of(multi_indexed().style)])
def test_levels_of_headers_are_joined_and_those_of_rows_repeated(html: str) -> None:
    table = parsed(html)

    assert table.markdown() == [
        "| k | n | A / p | A / q |",
        "|---|---|---|---|",
        "| x | 1 | 0 | 1 |",
        "| x | 2 | 2 | 3 |",
        "| y | 1 | 4 | 5 |",
        "| y | 2 | 6 | 7 |",
    ]
    assert table.shape == (4, 2)
    assert table.index_width == 2


def test_the_shape_is_that_of_the_frame_where_pandas_shows_less() -> None:
    table = parsed(html_of(pd.DataFrame(np.zeros((1_000, 30)))))

    assert table.caption == "[1000 rows x 30 columns]"


def test_polars_says_types_and_shape() -> None:
    table = parsed(_POLARS)

    assert table.markdown() == [
        "| a (i64) | b (str) |",
        "|---|---|",
        '| 1 | "x\\|y" |',
        "| … | … |",
        '| 2 | "z\\nw" |',
    ]
    assert table.shape == (1_000, 2)


def test_the_middle_of_a_wide_and_long_table_is_left_out() -> None:
    with pd.option_context("display.max_rows", None, "display.max_columns", None):
        html = html_of(pd.DataFrame({f"c{n}": range(40) for n in range(20)}))

    lines = parsed(html).markdown(rows=4, columns=3)

    assert lines == [
        "|  | c0 | c1 | … | c19 |",
        "|---|---|---|---|---|",
        "| 0 | 0 | 0 | … | 0 |",
        "| 1 | 1 | 1 | … | 1 |",
        "| … | … | … | … | … |",
        "| 38 | 38 | 38 | … | 38 |",
        "| 39 | 39 | 39 | … | 39 |",
    ]


@pytest.mark.parametrize("budget", [30, 80, 150, 400, 2_000])
def test_a_table_fits_its_budget(budget: int) -> None:
    html = html_of(pd.DataFrame({f"c{n}": ["word " * 5] * 40 for n in range(20)}))

    excerpt = parsed(html).fit(budget, lambda offset: f"more({offset})", rows=20, columns=12)

    assert len(excerpt.text) <= budget
    assert excerpt.truncated


def test_hostile_spans_do_not_grow_the_table_without_end() -> None:
    row = '<tr><td colspan="999999999" rowspan="999999999">x</td></tr>' * 3
    html = f'<table class="dataframe"><tbody>{row}</tbody></table>'

    start = time.perf_counter()
    table = parse_table(html)

    assert table is None or len(table.header) <= 3_000
    assert time.perf_counter() - start < 5


def test_other_tables_are_no_data_frames() -> None:
    assert not is_table("<table><tr><td>1</td></tr></table>")
    assert parse_table("<p>dataframe</p>") is None
    assert parse_table('<table class="dataframe"></table>') is None


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>a <b>b</b>\n c<br>d</p>", "a b c\nd"),
        ("<script>evil()</script><style>p {}</style>x<!-- no -->", "x"),
        ("<ul><li>one</li><li>two</li></ul>", "one\ntwo"),
        (
            "<table><tr><td>1</td><td>2</td></tr><tr><td>3</td><td>4</td></tr></table>",
            "1 | 2\n3 | 4",
        ),
        ('<img src="data:image/png;base64,AAAA" alt="A plot">', "[image A plot]"),
        ("&lt;tag&gt; &amp; text", "<tag> & text"),
        ("<script>never ended", ""),
        ("", ""),
    ],
)
def test_html_reads_as(html: str, text: str) -> None:
    assert html_to_text(html) == text


@pytest.mark.parametrize("html", ["<div>" * 50_000, "<script" * 200_000, "<" * 300_000])
def test_hostile_html_is_read_in_time(html: str) -> None:
    start = time.perf_counter()

    html_to_text(html, 2_000)

    assert time.perf_counter() - start < 10


def test_megabytes_of_script_do_not_hide_the_words() -> None:
    html = f"<script>{'x' * 5_000_000}</script><p>words</p>"

    assert html_to_text(html, 2_000) == "words"
