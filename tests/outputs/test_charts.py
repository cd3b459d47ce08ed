from __future__ import annotations

import base64

from jupyter_mcp_ext.outputs.charts import chart_type, describe
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
        'axes: x "month", y "EUR"',
    ]


def test_vega_says_mark_fields_and_points() -> None:
    spec: Json = {
        "mark": {"type": "point"},
        "encoding": {"x": {"field": "hp"}, "y": {"aggregate": "mean", "field": "mpg"}, "size": 3},
        "data": {"name": "d"},
        "datasets": {"d": [{"hp": 1}, {"hp": 2}]},
    }

    assert (
        describe({_VEGA: spec}, _VEGA) == "vegalite chart point: 2 points\naxes: x hp, y mean(mpg)"
    )


def test_layers_of_vega_are_named() -> None:
    spec: Json = {"layer": [{"mark": "line", "encoding": {"x": {"field": "t"}}}, {"mark": "rule"}]}

    assert describe({_VEGA: spec}, _VEGA).split("\n")[1:] == ["- layer line x t", "- layer rule"]


def test_bokeh_says_what_is_drawn() -> None:
    script = 'const docs_json = {"glyph":{"type":"object","name":"Line"},"n":{"name":"Line"}};'
    data: dict[str, Json] = {
        "application/javascript": script,
        "application/vnd.bokehjs_exec.v0+json": "",
    }

    mime_type = chart_type(data)

    assert mime_type == "application/vnd.bokehjs_exec.v0+json"
    assert describe(data, mime_type) == "bokeh chart: Line"


def test_the_script_that_loads_bokeh_is_no_chart() -> None:
    assert chart_type({"application/vnd.bokehjs_load.v0+json": ""}) is None


def test_a_chart_that_is_none_is_named_all_the_same() -> None:
    specs: list[Json] = [None, [], "x", {}, {"data": 3, "layout": []}, {"data": {"values": {}}}]
    for spec in specs:
        assert describe({_PLOTLY: spec}, _PLOTLY).startswith("plotly chart")
        assert describe({_VEGA: spec}, _VEGA).startswith("vegalite chart")
