from __future__ import annotations

import base64
import json

import pytest

from jupyter_mcp_ext.outputs.charts.charts import chart_type, describe
from jupyter_mcp_ext.outputs.model import Json

_PLOTLY = "application/vnd.plotly.v1+json"
_VEGA = "application/vnd.vegalite.v5+json"


def test_plotly_says_traces_axes_and_points() -> None:
    packed = base64.b64encode(bytes(8 * 500)).decode()
    spec: Json = {
        "data": [
            {"type": "scatter", "name": "sales", "x": [1, 2, 3], "y": [1, 2, 3]},
            {"type": "bar", "x": {"dtype": "f8", "bdata": packed}, "y": None},
            "broken",
        ],
        "layout": {
            "title": {"text": "Year"},
            "xaxis": {"title": {"text": "month"}},
            "yaxis": {"title": "EUR"},
            "template": {"data": {}},
        },
    }

    assert describe({_PLOTLY: spec}, _PLOTLY).split("\n") == [
        'plotly chart "Year": 3 traces',
        '- scatter "sales": 3 points (x y)',
        "- bar: 500 points (x)",
        'axes: x "month" (0 to 3), y "EUR" (1 to 3)',
        'as an image: fig.show("png") (needs the package kaleido)',
    ]


def test_vega_says_mark_fields_and_points() -> None:
    spec: Json = {
        "mark": {"type": "point"},
        "encoding": {"x": {"field": "hp"}, "y": {"aggregate": "mean", "field": "mpg"}, "size": 3},
        "data": {"name": "d"},
        "datasets": {"d": [{"hp": 1}, {"hp": 2}]},
    }

    assert describe({_VEGA: spec}, _VEGA).split("\n") == [
        "vegalite chart point: 2 points",
        "axes: x hp (1 to 2), y mean(mpg)",
        'as an image: alt.renderers.enable("png") (needs the package vl-convert-python)',
    ]


def test_layers_of_vega_are_named() -> None:
    spec: Json = {"layer": [{"mark": "line", "encoding": {"x": {"field": "t"}}}, {"mark": "rule"}]}

    assert describe({_VEGA: spec}, _VEGA).split("\n")[1:] == ["- layer line x t", "- layer rule"]


def test_bokeh_says_what_is_drawn_over_which_axes() -> None:
    source: Json = {"id": "s", "attributes": {"data": {"entries": [["x", [1, 5]], ["y", [2, 3]]]}}}
    line: Json = {"type": "object", "name": "Line", "attributes": {"x": {"field": "x"}}}
    drawn: Json = {"attributes": {"glyph": line, "data_source": source}}
    again: Json = {"attributes": {"glyph": line, "data_source": {"id": "s"}}}
    parts: Json = {
        "title": {"attributes": {"text": "Year"}},
        "renderers": [drawn, again, 3, None],
        "left": [{"attributes": {"axis_label": "EUR"}}],
        "below": [{"attributes": {"axis_label": "month"}}, {}],
    }
    figure: Json = {"type": "object", "name": "Figure", "id": "f", "attributes": parts}
    data: dict[str, Json] = {
        "application/javascript": f"const docs_json = {json.dumps({'d': {'roots': [figure]}})};",
        "application/vnd.bokehjs_exec.v0+json": "",
    }

    mime_type = chart_type(data)

    assert mime_type == "application/vnd.bokehjs_exec.v0+json"
    assert describe(data, mime_type).split("\n") == [
        'bokeh chart "Year"',
        "- Line: 2 points (x 1 to 5)",
        "- Line: 2 points (x 1 to 5)",
        'axes: x "month", y "EUR"',
    ]


@pytest.mark.parametrize(
    ("traces", "layout", "axes"),
    [
        ([{"y": [3, None, 1.5]}], {}, "y (1.5 to 3)"),
        ([{"x": ["a", "b", "a"], "y": [1, 2, 3]}], {}, "x (a, b), y (1 to 3)"),
        ([{"x": [*"abcdefg"]}], {}, "x (7 categories)"),
        ([{"x": ["2024-01-31", "2024-01-01"]}], {}, "x (2024-01-01 to 2024-01-31)"),
        (
            [{"x": ["2024-01-01T00:00:00.000", "2024-01-02 12:00"]}],
            {},
            "x (2024-01-01 to 2024-01-02 12:00)",
        ),
        ([{"x": [1, 2]}, {"x": [9, 5], "xaxis": "x2"}], {}, "x (1 to 2), x2 (5 to 9)"),
        ([{"x": [1, 2]}, {"x": [9, 5]}], {}, "x (1 to 9)"),
        ([{"x": [1, 2]}], {"xaxis": {"range": [0, 10]}}, "x (0 to 10)"),
        ([{"x": [1, 2]}], {"xaxis": {"range": [0, 2], "type": "log"}}, "x (1 to 100)"),
        ([{"z": [[1, 2], [3, float("nan")]]}], {}, "z (1 to 3)"),
        ([{"y": {"dtype": "i2", "bdata": "AQD+/w=="}}], {}, "y (-2 to 1)"),
        ([{"y": {"dtype": "f8", "bdata": "broken"}}], {"yaxis": {"title": "EUR"}}, 'y "EUR"'),
    ],
)
def test_plotly_names_the_ranges_of_its_axes(traces: Json, layout: Json, axes: str) -> None:
    words = describe({_PLOTLY: {"data": traces, "layout": layout}}, _PLOTLY)

    assert f"axes: {axes}" in words.split("\n")


def test_the_script_that_loads_bokeh_is_not_a_chart() -> None:
    assert chart_type({"application/vnd.bokehjs_load.v0+json": ""}) is None


def test_a_malformed_chart_is_still_named() -> None:
    specs: list[Json] = [None, [], "x", {}, {"data": 3, "layout": []}, {"data": {"values": {}}}]
    for spec in specs:
        assert describe({_PLOTLY: spec}, _PLOTLY).startswith("plotly chart")
        assert describe({_VEGA: spec}, _VEGA).startswith("vegalite chart")
