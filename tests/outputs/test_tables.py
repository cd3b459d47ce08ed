from __future__ import annotations

import re
import time
from collections.abc import Iterator

import numpy as np
import pandas as pd
import polars as pl
import pytest

from jupyter_mcp_ext.outputs.html.markup import read
from jupyter_mcp_ext.outputs.tables import Table
from tests.outputs.frames import html_of

# As polars 1.35 writes it.
_POLARS = (
    "<div><style>\n.dataframe > thead > tr {\n  text-align: right;\n}\n</style>\n"
    '<small>shape: (1_000, 2)</small><table border="1" class="dataframe"><thead>'
    "<tr><th>a</th><th>b</th></tr><tr><td>i64</td><td>str</td></tr></thead><tbody>"
    "<tr><td>1</td><td>&quot;x|y&quot;</td></tr><tr><td>&hellip;</td><td>&hellip;</td></tr>"
    "<tr><td>2</td><td>&quot;z\nw&quot;</td></tr></tbody></table></div>"
)


@pytest.fixture
def kernels_options() -> Iterator[None]:
    """What pandas shows in a kernel; its options depend on the terminal."""
    with pd.option_context("display.max_columns", 20, "display.max_rows", 60):
        yield


def parsed(html: str) -> Table:
    (table,) = (block for block in read(html).blocks if isinstance(block, Table))
    return table


def shown(html: str, budget: int = 10_000) -> str:
    return parsed(html).fit(budget, lambda offset: f"more({offset})", rows=20, columns=12).text


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


@pytest.mark.usefixtures("kernels_options")
def test_the_shape_is_that_of_the_frame_where_pandas_shows_less() -> None:
    table = parsed(html_of(pd.DataFrame(np.zeros((1_000, 30)))))

    assert table.shape == (1000, 30)
    assert table.lines()[-2].startswith("[1000 rows x 30 columns;")


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

    start = time.process_time()
    read(html)

    assert time.process_time() - start < 5


def test_a_table_that_spans_too_much_is_read_as_lines() -> None:
    html = '<table class="dataframe">' + '<tr><td colspan="1000" rowspan="1000">x' * 3_000

    assert read(html).lines() == ["x"] * 3_000


@pytest.mark.parametrize(
    ("frame", "shape"),
    [
        (pd.DataFrame(), (0, 0)),
        (pd.DataFrame({"a": [], "b": []}), (0, 2)),
        (pd.DataFrame(index=[1, 2, 3]), (3, 0)),
        (pd.DataFrame({"a": [], "b": []}).set_index("a"), (0, 1)),
        (pd.DataFrame({"a": [], "b": [], "c": []}).set_index(["a", "b"]), (0, 1)),
        (pd.DataFrame(columns=pd.Index(["x", "y"], name="level")), (0, 2)),
        (pd.DataFrame().style, (0, 0)),
        (pd.DataFrame({"a": [1]}).style.hide(axis="index"), (1, 1)),
    ],
)
def test_the_shape_of_an_empty_frame_is_the_frames(frame: object, shape: tuple[int, int]) -> None:
    assert parsed(html_of(frame)).shape == shape


@pytest.mark.parametrize("columns", [0, 1, 3])
def test_the_shape_of_an_empty_polars_frame_is_the_frames(columns: int) -> None:
    frame = pl.DataFrame({f"c{n}": [] for n in range(columns)})

    assert read(frame._repr_html_()).lines()[-1] == f"[0 rows x {columns} columns]"


@pytest.mark.usefixtures("kernels_options")
def test_columns_that_are_left_out_are_counted_and_named_with_ways_to_see_them() -> None:
    frame = pd.DataFrame(np.zeros((3, 61)), columns=[f"c{n}" for n in range(61)])

    rows, note, names = shown(html_of(frame)).rsplit("\n", 2)

    assert "c5 | … | c55" in rows
    assert note == (
        "[3 rows x 61 columns; 49 columns left out: more(0) has 8 columns of them, "
        "the others: .iloc[:, 10:51] in code]"
    )
    assert names == (
        "[columns left out: c6, c7, c8, c9, c51, c52, c53, c54, "
        "and those that .columns[10:51] names]"
    )
    assert list(frame.columns[10:51]) == [f"c{n}" for n in range(10, 51)]


@pytest.mark.usefixtures("kernels_options")
def test_what_more_shows_has_the_columns_that_are_said_to_be_there() -> None:
    frame = pd.DataFrame(np.zeros((3, 61)), columns=[f"c{n}" for n in range(61)])

    header, *_, note, _ = parsed(html_of(frame)).lines()

    assert all(f"| {name} |" in header for name in ("c6", "c9", "c51", "c54"))
    assert note == "[3 rows x 61 columns; 41 columns left out: .iloc[:, 10:51] in code]"


def test_of_a_frame_whose_shape_is_not_known_none_is_said() -> None:
    with pd.option_context("display.show_dimensions", False, "display.max_columns", 20):
        long, wide, both = (
            html_of(pd.DataFrame(np.zeros(shape))) for shape in ((100, 2), (2, 61), (100, 61))
        )

    assert parsed(long).lines()[-1] == "| 99 | 0.0 | 0.0 |"
    assert "[8 columns left out: more(0)]" in shown(wide).splitlines()
    assert "[8 columns left out: more(0)]" in shown(both).splitlines()


@pytest.mark.usefixtures("kernels_options")
def test_rows_that_pandas_left_out_are_counted_with_a_way_to_see_them() -> None:
    text = shown(html_of(pd.DataFrame({"a": range(100)})))

    assert text.endswith("[100 rows x 1 columns; 90 rows left out: .iloc[5:95] in code]")


def test_polars_has_its_own_way_to_see_what_it_left_out() -> None:
    wide = {f"c{n}": range(1_000) for n in range(100)}

    html = pl.DataFrame(wide)._repr_html_()

    match = re.search(r"the others: \[(\d+):(\d+), (\d+):(\d+)\] in code", shown(html))
    assert match is not None
    first, last, left, right = map(int, match.groups())
    frame = pl.DataFrame(wide)[first:last, left:right]
    assert frame.height == 1_000 - (len(parsed(html).rows) - 1)
    assert not {*frame.columns} & {name.split()[0] for name in parsed(html).header}


def test_names_of_very_many_columns_are_cut() -> None:
    with pd.option_context("display.max_columns", None):
        html = html_of(
            pd.DataFrame(np.zeros((2, 900)), columns=[f"column {n}" for n in range(900)])
        )

    names = shown(html).splitlines()[-1]

    assert names.startswith("[columns left out: column 6, column 7, ")
    assert re.search(r", (\d+) more\]$", names)
    assert len(names) < 1_200


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (" x", '" x"'),
        ("x  ", '"x  "'),
        (" ", '" "'),
        ("a  b", "a  b"),
        ("a\tb", "a\\tb"),
        ("a\nb", "a\\nb"),
        ("a\xa0b", "a\\xa0b"),
        ("a\u200bb", "a\\u200bb"),
        ("x\x1b[31m", "x\\x1b[31m"),
        ("a<b>", "a<b>"),
        ("", ""),
    ],
)
def test_white_space_in_cells_is_shown(value: str, cell: str) -> None:
    html = pd.DataFrame({"a": [value]}).style.format(escape="html").to_html()

    assert parsed(html).rows == [["0", cell]]


def test_white_space_of_the_layout_is_not_that_of_a_cell() -> None:
    html = (
        '<table class="dataframe"><tr>\n <th>\n  a\n </th>\n</tr><tr><td>\n  1\n</td></tr></table>'
    )

    assert [*parsed(html).header, *parsed(html).rows] == ["a", ["1"]]


def test_polars_shows_white_space_within_its_quotes() -> None:
    html = pl.DataFrame({"a": [" x ", "a  b\tc\nd"]})._repr_html_()

    assert parsed(html).rows == [['" x "'], ['"a  b\\tc\\nd"']]


def test_a_long_cell_is_cut_where_the_table_is_and_whole_where_it_is_paged() -> None:
    with pd.option_context("display.max_colwidth", None):
        html = html_of(pd.DataFrame({"a": ["x" * 500]}))

    assert "x" * 199 + "… |" in shown(html)
    assert f"| {'x' * 500} |" in parsed(html).lines()[2]
