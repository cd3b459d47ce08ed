"""The text that is read from HTML."""

from __future__ import annotations

import time

import pandas as pd
import pytest

from jupyter_mcp_ext.outputs.html.markup import MAX_HTML, height_of, is_table, read
from tests.outputs.frames import html_of

_FRAME = pd.DataFrame({"city": ["Rome", "Oslo"], "n": [1, 2]})

_SHAPE = ["[2 rows x 2 columns]"]
_ONE = "[1 rows x 1 columns]"
_ABSENT = "[9 rows x 1 columns; 8 rows left out: not in this output]"


def text(html: str) -> str:
    return "\n".join(read(html).lines())


def test_everything_around_and_between_tables_is_read_in_its_order() -> None:
    html = (
        f"<h2>First</h2><p>The cities:</p>{html_of(_FRAME)}<h2>Second</h2>"
        f"{html_of(_FRAME.head(1))}<p>The <b>end</b></p>"
    )

    assert text(html).splitlines() == [
        "First",
        "The cities:",
        "|  | city | n |",
        "|---|---|---|",
        "| 0 | Rome | 1 |",
        "| 1 | Oslo | 2 |",
        "[2 rows x 2 columns]",
        "Second",
        "|  | city | n |",
        "|---|---|---|",
        "| 0 | Rome | 1 |",
        "[1 rows x 2 columns]",
        "The end",
    ]


@pytest.mark.parametrize(
    ("html", "read_as"),
    [
        ("<p>a <b>b</b>\n c<br>d</p>", "a b c\nd"),
        ("<p>one<p>two", "one\ntwo"),
        ("<b>a</b><i>b</i> c", "ab c"),
        ("<script>evil()</script><style>p {}</style>x<!-- no -->", "x"),
        ("<ul><li>one</li><li>two</li></ul>", "- one\n- two"),
        ("<ol start=3><li>one<li>two</ol>", "3. one\n4. two"),
        ("<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>d", "- a\n  - b\n- c\nd"),
        ("<ul><li><p>a</p><p>b</p></li></ul>", "- a\n  b"),
        ("<dl><dt>term<dd>what it means</dl>", "term\nwhat it means"),
        ("<details><summary>More</summary>hidden words</details>", "More\nhidden words"),
        (
            "<table><tr><td>1</td><td>2</td></tr><tr><td>3</td><td>4</td></tr></table>",
            "1 | 2\n3 | 4",
        ),
        ('<img src="data:image/png;base64,AAAA" alt="A plot">', "[image A plot]"),
        ('<img src="https://example.org/a.png">', "[image https://example.org/a.png]"),
        ("&lt;tag&gt; &amp; text", "<tag> & text"),
        ("a < b and c > d", "a < b and c > d"),
        ("see <a href='https://example.org'>the page</a>.", "see the page."),
        ("x<sup>2</sup> H<sub>2</sub>O", "x^2 H_2O"),
        ("<head><title>no</title></head><body>yes", "yes"),
        ("<head><title>no</title><body>yes", "yes"),
        ("<div hidden>no<div>no</div></div>yes", "yes"),
        ("<img hidden src='a.png'><input hidden>yes", "[image a.png] yes"),
        ("<head><meta charset=utf-8><title>no</title><p>yes", "yes"),
        ("<template>no</template><template shadowrootmode=open>yes</template>", "yes"),
        ("<textarea>a <b></textarea>", "a <b>"),
        ("<select><option>a<option>b</select>", "a\nb"),
        (
            '<iframe src="https://example.org/a?b&amp;c"></iframe>',
            "[page https://example.org/a?b&c in a frame]",
        ),
        ('<iframe srcdoc="&lt;p&gt;within&lt;/p&gt;">old browser</iframe>after', "within\nafter"),
        ("<P CLASS='a\"b' data-x=<y>Case</P>", "Case"),
        ("<p>2 rows × 2 columns</p>", "2 rows × 2 columns"),  # noqa: RUF001
        ("<p>before</p><audio controls src='x.wav'>no sound</audio>after", "before\n[audio] after"),
        ("<script>never ended", ""),
        ("<!-- never ended", ""),
        ("<p title='never ended", ""),
        ("", ""),
    ],
)
def test_html_reads_as(html: str, read_as: str) -> None:
    assert text(html) == read_as


@pytest.mark.parametrize(
    "html",
    [
        "<p>Code:</p><pre><code>def f(x):\n    if x:\n\n        return 1\n</code></pre>",
        "<p>Code:<pre>\ndef f(x):\n    if x:\n\n        return 1</pre>",
        "<div>Code:<br><code>def f(x):\n    if x:\n\n        return 1</code></div>",
    ],
)
def test_code_keeps_its_lines_and_its_indentation(html: str) -> None:
    assert text(html) == "Code:\ndef f(x):\n    if x:\n\n        return 1"


def test_code_within_a_line_stays_in_it() -> None:
    assert text("<p>Call <code>f(x,  y)</code> then\n stop.</p>") == "Call f(x,  y) then stop."


@pytest.mark.parametrize(
    ("html", "lines"),
    [
        (  # headings in the first row make it a table
            "<table><tr><th>a<th>b<tr><td>1<td>2</table>",
            ["| a | b |", "|---|---|", "| 1 | 2 |", "[1 rows x 2 columns]"],
        ),
        (  # titles, groups of rows and notes, as great_tables writes them
            "<table><caption>Cap</caption><thead><tr><td colspan=2>Title</td></tr>"
            "<tr><th>a</th><th>b</th></tr></thead><tbody><tr><th colspan=2>Group</th></tr>"
            "<tr><td>1</td><td>2</td></tr></tbody>"
            "<tfoot><tr><td colspan=2>Note</td></tr></tfoot></table>",
            [
                "Cap",
                "Title",
                "| a | b |",
                "|---|---|",
                "| Group |  |",
                "| 1 | 2 |",
                *_SHAPE,
                "Note",
            ],
        ),
        (  # a table within a table: the outer one is a layout
            "<table><tr><td>left<td><table><tr><th>a<th>b<tr><td>1<td>2</table>right</table>after",
            [
                "left",
                "| a | b |",
                "|---|---|",
                "| 1 | 2 |",
                "[1 rows x 2 columns]",
                "right",
                "after",
            ],
        ),
        (  # within a data frame, the inner one is text
            '<table class="dataframe"><tr><th>a<tr><td><table><tr><td>1<td>2</table></table>after',
            ["| a |", "|---|", "| 1\\n2 |", "[1 rows x 1 columns]", "after"],
        ),
        (  # text between rows comes before the table, as in a browser
            "<table><tr><th>a<th>b</tr>lost<tr><td>1<td>2</table>",
            ["lost", "| a | b |", "|---|---|", "| 1 | 2 |", "[1 rows x 2 columns]"],
        ),
        (  # several lines in a cell, and what ends a cell in Markdown
            "<table><thead><tr><th>a<th>b</thead><tr><td>x<br>y<td><p>1|2<ul><li>z</ul></table>",
            ["| a | b |", "|---|---|", "| x\\ny | 1\\|2\\n- z |", "[1 rows x 2 columns]"],
        ),
        (  # polars, two frames one after the other
            "<small>shape: (9, 1)</small><table class='dataframe'><thead><tr><th>a</th></tr>"
            "<tr><td>i64</td></tr></thead><tr><td>1</td></tr></table>"
            "<small>shape: (1,)</small><table class='dataframe'><thead><tr><th>b</th></tr>"
            "</thead><tr><td>1</td></tr></table>",
            ["| a (i64) |", "|---|", "| 1 |", _ABSENT, "| b |", "|---|", "| 1 |", _ONE],
        ),
    ],
)
def test_tables_read_as(html: str, lines: list[str]) -> None:
    assert text(html).splitlines() == lines


def test_a_caption_of_a_styler_is_read() -> None:
    assert text(html_of(_FRAME.style.set_caption("Weather"))).startswith("Weather\n|  | city | n |")


def test_a_piece_of_a_document_is_where_its_height_puts_it() -> None:
    html = f"<p>a<br>b</p>{html_of(pd.DataFrame())}<p>c</p>{html_of(_FRAME)}<p>d"

    document = read(html)

    lines = document.lines()
    assert [height_of(block) for block in document.blocks] == [2, 1, 1, 5, 1]
    assert sum(map(height_of, document.blocks)) == len(lines)


@pytest.mark.parametrize(
    ("html", "answer"),
    [
        (html_of(_FRAME), True),
        (html_of(_FRAME.style), True),
        ("<div><style>t {}</style><table><thead><tr><th>a", True),
        ("<p>words</p><table><thead><tr><th>a", False),
        ("<table><tr><td>1</td></tr></table>", False),
        ("<p>dataframe</p>", False),
        ("", False),
    ],
)
def test_html_that_is_a_table_is_known(html: str, answer: bool) -> None:
    assert is_table(html) is answer


HOSTILE = {
    "open tags": "<div>" * 60_000,
    "tags without end": "<a " * 100_000,
    "open quotes": '<a b="' * 60_001,
    "angles": "<" * 200_000,
    "equals signs": "<a " + "=" * 200_000,
    "spaces in a tag": "<a " + " " * 1_000_000 + "b",
    "scripts": "<script" * 60_000,
    "ends of nothing in a script": "<script>" + "</" * 200_000,
    "comments": "<!--" * 100_000,
    "digits": "&#" + "9" * 1_000_000 + ";",
    "tables in tables": "<table><tr><td>" * 20_000 + "deep",
    "text in tables in tables": "<table><tr><td>" * 10_000 + "<p>x" * 30_000,
    "spans": "<table class=dataframe>" + "<tr><td colspan=1000 rowspan=1000>x" * 5_000,
    "lists in lists": "<ul><li>" * 60_000 + "x",
    "frames": '<iframe srcdoc="&lt;p&gt;x"></iframe>' * 20_000,
    "blank lines": "<pre>" + "\n" * 1_000_000,
    "brackets": '<script>Plotly.newPlot("a", ' + "[" * 1_000_000,
    "charts": '<script>Plotly.newPlot("a", []' * 20_000,
    "specs": "<script>vegaEmbed" + "})({" * 100_000,
    "maps": "<script>L.map(" + "<div>x" * 100_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_html_is_read_in_time_that_grows_with_its_length(name: str) -> None:
    html = HOSTILE[name]

    start = time.process_time()
    read(html)
    is_table(html)

    assert time.process_time() - start < 10


def test_megabytes_of_script_do_not_hide_the_words() -> None:
    assert text(f"<script>{'x' * 5_000_000}</script><p>words</p>") == "words"


def test_of_too_much_html_the_first_part_is_read_and_the_rest_named() -> None:
    html = "<p>words and words</p>" * (MAX_HTML // 20)

    lines = read(html).lines()

    assert lines[0] == "words and words"
    assert len(lines) > 10_000
    assert lines[-1] == f"… the rest of {len(html):,} characters of HTML is not shown"
