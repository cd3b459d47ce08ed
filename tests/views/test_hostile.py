"""Outputs that are hostile, broken or too much: shown, or a sentence that says why not."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.views.hosts import Host
from tests.views.test_views import FRAME, SAID

NETWORK = r"Parts of this output are at example\.com, and a view reaches no network\."
PIXEL = (
    "'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='"
)
FIGURE = "import plotly.graph_objects as go\ngo.Figure("
LITE = "'data': {'values': [{'a': 1, 'b': 2}]}, 'mark': 'bar', 'encoding': {'x': {'field': 'a'}}"
NEVER = "test(regexp('(a+)+$'), 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab') ? 1 : 2"


def said(**data: str) -> str:
    """Code that displays data, by names for types, written in Python."""
    types = {
        "plotly": "application/vnd.plotly.v1+json",
        "html": "text/html",
        "png": "image/png",
        "lite4": "application/vnd.vegalite.v4+json",
        "lite5": "application/vnd.vegalite.v5+json",
        "lite6": "application/vnd.vegalite.v6.json",
        "vega": "application/vnd.vega.v5+json",
        "bokeh": "application/vnd.bokehjs_exec.v0+json",
        "widget": "application/vnd.jupyter.widget-view+json",
    }
    pairs = ", ".join(f"{types[name]!r}: {value}" for name, value in data.items())
    return (
        "from IPython.display import display\n"
        f"display({{'text/plain': 'x', {pairs}}}, raw=True, include=[])"
    )


def lite(more: str, name: str = "lite5") -> str:
    return said(**{name: f"{{{LITE}, {more}}}"})


SHOWN = {
    "column names that are HTML": (
        "import pandas as pd\n"
        "pd.DataFrame({'<img src=x onerror=parent.x()>': ['<script>1</script>']})",
        "thead button:text-is('<img src=x onerror=parent.x()>')",
    ),
    "many columns": (
        "import pandas as pd\npd.set_option('display.max_columns', None)\n"
        "pd.DataFrame([range(1000)] * 30)",
        ".note:text-is('30 rows \u00d7 1000 columns')",
    ),
    "many rows": (
        "import pandas as pd\npd.DataFrame({'n': range(10**6)})",
        ".note:text-is('10 of 1000000 rows \u00d7 1 columns')",
    ),
    "many rows of HTML": (
        said(html="'<table>' + '<tr><td>1</td><td>2</td></tr>' * 100_000 + '</table>'"),
        ".note:text-is('5000 of 100000 rows \u00d7 2 columns')",
    ),
    "no rows": (
        "import pandas as pd\npd.DataFrame({'n': []})",
        ".note:text-is('0 rows \u00d7 1 columns')",
    ),
    "deep headings": (
        "import pandas as pd\n"
        "deep = pd.MultiIndex.from_tuples([tuple('abcdefgh'), tuple('abcdefgi')])\n"
        "pd.DataFrame([[1, 2], [3, 4]], index=deep, columns=deep)",
        "thead button:text-is('a / b / c / d / e / f / g / i')",
    ),
    "text from right to left": (
        "import pandas as pd\npd.DataFrame({'שלום': ['مرحبا']})",
        "td[dir=auto]:text-is('مرحبا')",
    ),
    "numbers that JSON does not have": (
        f"{FIGURE}go.Scatter(y=[1, float('nan'), float('inf'), 2]))",
        ".scatterlayer .trace",
    ),
    "points that were for WebGL": (
        f"{FIGURE}go.Scattergl(x=list(range(3000)), y=list(range(3000))))",
        ".plotly .scatterlayer .trace",
    ),
    "Vega-Lite 4": (
        lite("'$schema': 'https://vega.github.io/schema/vega-lite/v4.json'", "lite4"),
        "svg.marks path",
    ),
    "Vega-Lite 6": (
        lite("'$schema': 'https://vega.github.io/schema/vega-lite/v6.json'", "lite6"),
        "svg.marks path",
    ),
    "expressions": (
        lite(
            "'transform': [{'calculate': 'datum.a * 2', 'as': 'c'}],"
            " 'params': [{'name': 'p', 'expr': '5 * 5'}]"
        ),
        "svg.marks path",
    ),
    "Vega": (
        said(
            vega="{'width': 50, 'height': 50, 'signals': [{'name': 's', 'update': '5 * 5'}],"
            " 'marks': [{'type': 'rect', 'encode': {'enter': {'width': {'signal': 's'}, 'height':"
            " {'value': 9}, 'fill': {'value': 'red'}}}}]}"
        ),
        "svg.marks .mark-rect path",
    ),
    "styled HTML": (
        "import pandas as pd\npd.DataFrame({'a': [1, 2]}).style.background_gradient()",
        "section iframe",
    ),
}
SENTENCES = {
    "a remote image in a figure": (
        f"{FIGURE}layout={{'images': [{{'source': 'https://example.com/a.png', 'x': 0, 'y': 1,"
        " 'sizex': 1, 'sizey': 1, 'xref': 'paper', 'yref': 'paper'}]})",
        NETWORK,
    ),
    "remote data": (lite("'data': {'url': 'https://example.com/x.csv'}"), NETWORK),
    "remote images of Vega": (
        lite("'mark': {'type': 'image', 'url': 'https://example.com/x.png'}"),
        NETWORK,
    ),
    "a map": (
        f"{FIGURE}go.Scattermap(lat=[1], lon=[2]))",
        "the tiles of its map are on the network",
    ),
    "outlines of a map": (
        f"{FIGURE}go.Scattergeo(lat=[1], lon=[2]))",
        "the outlines of its map are on the network",
    ),
    "WebGL": (
        f"{FIGURE}go.Scatter3d(x=[1], y=[2], z=[3]))",
        "scatter3d needs WebGL, which this client does not allow",
    ),
    "many points for WebGL": (
        f"{FIGURE}go.Scattergl(x=list(range(60000)), y=list(range(60000))))",
        "scattergl with 60,000 points needs WebGL",
    ),
    "a syntax error": (lite("'transform': [{'calculate': 'f(1', 'as': 'z'}]"), "cannot be drawn: "),
    "an expression that fails": (
        lite("'transform': [{'calculate': 'datum.y.z.w', 'as': 'z'}]"),
        "cannot be drawn: TypeError",
    ),
    "a sequence without an end": (
        said(lite5="{'data': {'sequence': {'start': 0, 'stop': 1e12}}, 'mark': 'bar'}"),
        "it makes over a million rows itself",
    ),
    "cells that span all": (
        said(
            html="'<table>' + ('<tr>' + '<td colspan=99 rowspan=999>1</td>' * 99 + '</tr>') * 999"
        ),
        "the table has over a million cells",
    ),
    "more than is kept": (
        f"{FIGURE}go.Scatter(y=['x' * 1000] * 52_000))",
        "bytes of output are missing",
    ),
    "more than can be read": (
        f"{FIGURE}go.Scatter(y=['x' * 1000] * 6_000))",
        r"The outputs cannot be shown here: The output of \S+ is larger than the 5 MB",
    ),
    "many outputs": (
        f"{SAID}\nfor n in range(60): said('<table><tr><td>1</td></tr></table>')",
        "Shown are the first 50 of 60 outputs",
    ),
    "a page with scripts": (said(html="'<div></div><script>1</script>'"), "runs none of them"),
    "bokeh": (said(bokeh="''", html="'<div></div>'"), "a page with scripts"),
    "folium": (said(html="'<iframe srcdoc=\"x\"></iframe>'"), "such as a map"),
    "a widget": (said(widget="{'model_id': 'x'}", html="'x'"), "This is a widget"),
    "no image": (said(png="'bm8gaW1hZ2U='"), "The image of this output cannot be read"),
}


@pytest.mark.parametrize(("code", "there"), SHOWN.values(), ids=SHOWN)
def test_odd_outputs_are_shown(host: Host, code: str, there: str) -> None:
    before = len(host.asked)

    host.run(code, theme="dark")

    expect(host.view.locator(there).first).to_be_visible()
    expect(host.view.locator("main img, main script")).to_have_count(0)
    assert host.height > 40
    assert len(host.asked) == before


@pytest.mark.parametrize(("code", "sentence"), SENTENCES.values(), ids=SENTENCES)
def test_what_cannot_be_shown_is_said(host: Host, code: str, sentence: str) -> None:
    host.run(code, theme="dark")

    expect(host.view.locator("main")).to_contain_text(re.compile(sentence))
    assert host.height > 10
    assert host.elsewhere == []


def test_a_chart_that_fails_leaves_its_image(host: Host) -> None:
    host.run(said(plotly="{'data': [{'type': 'scatter3d', 'x': [1]}]}", png=PIXEL))

    expect(host.view.locator("main img")).to_be_visible()
    expect(host.view.locator(".note")).to_contain_text("This chart cannot be drawn: scatter3d")
    expect(host.view.locator(".chart")).to_have_count(0)


def test_a_chart_that_is_never_drawn_leaves_the_host_as_it_is(host: Host) -> None:
    host.run(lite(f"'transform': [{{'calculate': {NEVER!r}, 'as': 'z'}}]"), ends=False)

    assert host.page.evaluate("() => 6 * 7") == 42
    assert host.height > 10
    assert "timed out" in str(host.leave(within=5_000))
    host.run(FRAME)
    expect(host.view.locator("tbody tr")).to_have_count(3)


def test_links_are_opened_by_the_host_and_only_by_a_click(host: Host) -> None:
    link = '<a href="https://example.com/x">there</a>'
    bad = '<a href="javascript:document.title=1">bad</a>'
    titles = f"layout={{'title': {{'text': {link!r}}}, 'xaxis': {{'title': {{'text': {bad!r}}}}}}}"
    before = len(host.asked)
    host.run(f"{FIGURE}go.Bar(x=['a'], y=[1]), {titles})")
    assert len(host.asked) == before

    host.view.locator(".gtitle a").press("Enter")
    host.page.wait_for_function("n => window.asked.length > n", arg=before)

    assert host.asked[before:] == [["openlink", {"url": "https://example.com/x"}]]
    assert host.view.locator("html").evaluate("() => document.title") == "Jupyter output"


def test_a_link_in_vega_is_opened_by_the_host(host: Host) -> None:
    before = len(host.asked)
    host.run(lite("'encoding': {'x': {'field': 'a'}, 'href': {'value': 'https://example.com/y'}}"))

    host.view.locator("svg.marks .mark-rect path").first.click(force=True)
    host.page.wait_for_function("n => window.asked.length > n", arg=before)

    assert host.asked[before:] == [["openlink", {"url": "https://example.com/y"}]]


def test_scripts_of_a_page_do_not_run_and_it_reaches_nothing(host: Host) -> None:
    source = (
        "<style>p { color: red }</style><p onclick='top.x()'>Hello <b>you</b></p>"
        "<img src=x onerror='parent.postMessage({height: 9}, `*`)'>"
        "<svg onload='parent.postMessage({height: 9}, `*`)'></svg>"
        "<meta http-equiv=refresh content='0;url=https://example.com/'>"
        "<a href='https://example.com/'>link</a><form action='https://example.com/'></form>"
    )
    before = len(host.asked)
    host.run(said(html=repr(source)))
    inside = host.view.frame_locator("section iframe")

    expect(inside.locator("p")).to_have_css("color", "rgb(255, 0, 0)")
    inside.get_by_text("link").click()
    inside.locator("p").click()

    expect(inside.locator("p")).to_have_text("Hello you")
    expect(inside.locator("meta[http-equiv=refresh], form")).to_have_count(0)
    assert len(host.asked) == before
    assert host.elsewhere == []
    assert host.height > 40
