"""Which of a display's representations a model gets."""

from __future__ import annotations

import pytest

from jupyter_mcp_ext.outputs.bundles import brief_lines, choose, full_lines
from jupyter_mcp_ext.outputs.model import Json

_SILENT = "<Something object at 0x7f3a>"
_SPEC = '{"$schema": "https://vega.github.io/schema/vega-lite/v5.json", "mark": "bar"}'


@pytest.mark.parametrize(
    ("data", "chosen"),
    [
        ({"text/csv": "a,b\n1,2\n", "text/plain": "Table(2)"}, "text/csv"),
        ({"text/tab-separated-values": "a\tb", "text/plain": _SILENT}, "text/tab-separated-values"),
        ({"text/latex": "$x$", "image/png": "AAAA", "text/plain": "x"}, "text/latex"),
        ({"text/latex": r"\(x\)", "text/plain": "x"}, "text/latex"),
        ({"text/latex": r"\begin{align} x \end{align}", "text/plain": "x"}, "text/latex"),
        ({"text/latex": r"\begin{tabular} x \end{tabular}", "text/plain": "x"}, "text/plain"),
        (
            {"text/latex": r"\begin{Verbatim} x", "text/html": "<p>x", "text/plain": _SILENT},
            "text/html",
        ),
        ({"text/latex": r"\begin{tabular} x \end{tabular}", "text/plain": _SILENT}, "text/latex"),
        ({"text/html": "<p>x", "text/plain": "<class 'a.B'>"}, "text/html"),
        ({"text/plain": "<class 'a.B'>"}, "text/plain"),
        ({"text/html": "<table><thead><tr><th>a", "text/plain": "T(a=3)"}, "text/html"),
        ({"text/html": "<p>x<table><thead><tr><th>a", "text/plain": "T(a=3)"}, "text/plain"),
        (
            {"text/html": f"<script>vegaEmbed('#v', x); var spec = {_SPEC}", "text/plain": "C()"},
            "text/html",
        ),
    ],
)
def test_the_representation_that_says_most_is_chosen(data: dict[str, Json], chosen: str) -> None:
    assert choose(data)[1] == chosen


@pytest.mark.parametrize(
    ("html", "lines"),
    [
        (
            "<audio><source src='data:audio/wav;base64,AAAA'></audio>",
            ["[file x-1/1 audio/wav 42 B]"],
        ),
        ("<p>Listen:</p><audio src='a.wav'></audio><p>Well?</p>", ["Listen:", "[audio]", "Well?"]),
        ("<audio src='a.wav'></audio><p>Well?</p>", ["[audio]", "Well?"]),
    ],
)
def test_a_player_hides_no_words_beside_it(html: str, lines: list[str]) -> None:
    assert brief_lines({"text/html": html, "text/plain": _SILENT}, "x-1/1")[: len(lines)] == lines


def test_the_specification_of_a_chart_in_html_is_where_it_is_shown_in_full() -> None:
    data: dict[str, Json] = {
        "text/html": f"<p>Before</p><script>var spec = {_SPEC}; vegaEmbed(spec)</script><p>After",
        "text/plain": "alt.Chart(...)",
    }

    assert brief_lines(data, "x-1/1") == ["Before", "vegalite chart bar: 0 points", "After"]
    assert full_lines(data)[1:3] == ["vegalite chart bar: 0 points", "{"]
    assert ' "mark": "bar"' in full_lines(data)


@pytest.mark.parametrize(
    "code",
    [
        "var spec = {broken",
        'var spec = {"a": 1}',
        "var spec = " + '{"a":' * 100_000,
        "var spec = [];",
    ],
)
def test_a_chart_that_cannot_be_read_is_not_shown_as_a_chart(code: str) -> None:
    data: dict[str, Json] = {"text/html": f"<p>Words</p><script>vegaEmbed(); {code}</script>"}

    assert full_lines(data) == ["Words"]


def test_a_chart_that_cannot_be_read_leaves_its_plain_text() -> None:
    html = "<script>vegaEmbed(); var spec = {broken</script>"

    assert full_lines({"text/html": html, "text/plain": "Chart of sales"}) == ["Chart of sales"]


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        ("new vis.Network(box, data, {})", ["vis.js network"]),
        ("echarts.init(e); var option_1 = {f: function() {}}", ["echarts chart"]),
        (
            'echarts.init(e); var option_1 = {"title": [{"text": "T"}], "series": {"type": "pie", '
            '"data": [{"value": 1}]}, "yAxis": {"name": "EUR", "data": [3, 1]}}',
            ['echarts chart "T"', "- pie: 1 points", 'axes: y "EUR" (1 to 3)'],
        ),
        ("console.log('echarts')", ["[text/html 39 B, no readable text]"]),
    ],
)
def test_a_chart_is_at_least_named_by_what_draws_it(code: str, lines: list[str]) -> None:
    html = f"<script>{code}</script>"

    assert brief_lines({"text/html": html, "text/plain": _SILENT}, "x-1/1") == lines


@pytest.mark.parametrize("depth", range(700, 1_100, 25))
def test_a_chart_nested_as_deep_as_the_interpreter_goes_breaks_nothing(depth: int) -> None:
    spec = f'{{"$schema": "vega-lite", "mark": "bar", "a": {"[" * depth}{"]" * depth}}}'
    html = f"<p>Words</p><script>vegaEmbed('#v', x); var spec = {spec}</script>"

    assert full_lines({"text/html": html})[0] == "Words"
