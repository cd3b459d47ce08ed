"""Views of outputs, in the reference implementation of a host in Chromium."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.extra_tools.packages import with_packages
from tests.mcp_client import ERAS, McpClient
from tests.servers import JupyterServer
from tests.views.hosts import Host, running_host

UI = {"extensions": {"io.modelcontextprotocol/ui": {"mimeTypes": ["text/html;profile=mcp-app"]}}}
SHOWN = {"execute_code", "get_output", "run_cells"}
FRAME = """
import pandas as pd
pd.DataFrame({"name": ["b", "a", "c"], "price": [10.5, 9.0, 100.0]})
"""
CHART = """
import plotly.graph_objects as go
go.Figure(go.Bar(x=["a", "b"], y=[1, 3]), layout={"title": {"text": "Sales"}})
"""
ALTAIR = """
import altair as alt
rows = alt.Data(values=[{"name": "a", "amount": 1}, {"name": "b", "amount": 3}])
chart = alt.Chart(rows).mark_bar().encode(x="name:N", y="amount:Q")
"""
IMAGE = "import matplotlib.pyplot as plt\nplt.plot([1, 2]);"
SAID = """
def said(html, **more):
    from IPython.display import display
    display({"text/plain": "x", "text/html": html, **more}, raw=True)
"""
HOSTILE = [
    "<table><tr><td><img src=x onerror='document.title=1'>cell</td></tr></table>",
    "<table><tr><td>cell<script>document.title = 'pwned'</script></td></tr></table>",
    "<table><tr><td>cell</td></tr></table><iframe src='https://example.com'></iframe>",
    "<table><tr><td><a href='javascript:alert(1)'>cell</a></td></tr></table>",
]


@pytest.mark.parametrize("version", ERAS)
def test_a_client_that_shows_views_is_told_of_them(server: JupyterServer, version: str) -> None:
    client = McpClient(server, version, capabilities=UI)

    tools = {tool["name"]: tool for tool in client.request("tools/list")["tools"]}

    views = {name: tool["_meta"]["ui"].get("resourceUri") for name, tool in tools.items()}
    assert {name for name, view in views.items() if view} == SHOWN
    assert {views[name] for name in SHOWN} == {"ui://jupyter/output"}
    assert all(tool["_meta"]["ui"]["visibility"] == ["model"] for tool in tools.values())
    assert tools["execute_code"]["_meta"]["anthropic/alwaysLoad"]


@pytest.mark.parametrize("version", ERAS)
@pytest.mark.parametrize(
    "declared",
    [
        {},
        {"extensions": {}},
        {"extensions": {"io.modelcontextprotocol/ui": {"mimeTypes": ["x/y"]}}},
    ],
)
def test_a_client_that_shows_none_gets_not_a_byte_of_them(
    server: JupyterServer, version: str, declared: dict[str, object]
) -> None:
    plain = McpClient(server, version, name="plain", capabilities=declared)
    other = McpClient(server, version, name="plain", capabilities=UI)

    tools = json.dumps(plain.request("tools/list"))
    results = [client.run("'x' * 10") for client in (plain, other)]
    listed = [json.dumps(client.request("resources/list")) for client in (plain, other)]

    assert "ui://" not in tools
    assert '"ui"' not in tools
    assert "ui://" not in listed[0]
    assert listed[0] == listed[1]
    shapes = [(len(r.content), sorted(r.meta), sorted(r.keys)) for r in results]
    assert shapes[0] == shapes[1]
    assert not any("ui" in str(key).split("/") for key in results[1].meta)


def test_the_view_declares_that_it_reaches_nothing(host: Host) -> None:
    view = host.read("ui://jupyter/output")

    assert view["mimeType"] == "text/html;profile=mcp-app"
    ui = view["_meta"]["ui"]
    assert ui["csp"] == {"connectDomains": [], "resourceDomains": []}
    assert "permissions" not in ui
    assert "http://" not in view["text"]
    assert "https://" not in view["text"]
    assert "<script src" not in view["text"]


def test_a_data_frame_is_a_table_that_sorts_and_filters(host: Host) -> None:
    result = host.run(FRAME)

    view = host.view
    assert "| name | price |" in result["content"][0]["text"].replace("  ", " ") or (
        "price" in result["content"][0]["text"]
    )
    cells = view.locator("tbody tr td:nth-child(2)")
    expect(cells).to_have_text(["b", "a", "c"])
    expect(view.locator(".bar")).to_contain_text("3 rows \u00d7 2 columns")
    view.get_by_role("button", name="price").click()
    expect(cells).to_have_text(["a", "b", "c"])
    view.get_by_role("button", name="price").click()
    expect(cells).to_have_text(["c", "b", "a"])
    view.get_by_role("button", name="name").click()
    expect(cells).to_have_text(["a", "b", "c"])
    assert host.height > 80


def test_rows_are_filtered(host: Host) -> None:
    host.run("import pandas as pd\npd.DataFrame({'n': range(30), 'word': ['odd', 'even'] * 15})")

    host.view.get_by_label("Filter rows").fill("even")

    expect(host.view.locator("tbody tr")).to_have_count(15)
    expect(host.view.locator(".bar")).to_contain_text("15 found in 30 rows \u00d7 2 columns")


def test_columns_and_rows_of_several_levels_have_their_names(host: Host) -> None:
    host.run(
        "import pandas as pd\n"
        "f = pd.DataFrame({'k': list('aab'), 'j': [1, 2, 1], 'v': [1., 2, 3]})\n"
        "f.groupby(['k', 'j']).agg({'v': ['min', 'max']})"
    )

    heads = host.view.locator("thead button")
    expect(heads).to_have_text(["k", "j", "v / min", "v / max"])
    expect(host.view.locator("tbody tr").nth(1).locator("th, td")).to_have_text(
        ["a", "2", "2.0", "2.0"]
    )


def test_a_chart_of_plotly_is_drawn_as_what_it_is(host: Host) -> None:
    result = host.run(CHART)

    expect(host.view.locator(".gtitle")).to_have_text("Sales")
    expect(host.view.locator(".bars .point")).to_have_count(2)
    assert "bar" in result["content"][0]["text"].lower()
    host.view.locator(".bars .point").first.hover(force=True)
    expect(host.view.locator(".hoverlayer")).to_contain_text("1")


def test_a_chart_of_altair_is_drawn_as_what_it_is(host: Host) -> None:
    for renderer in ("default", "mimetype"):
        host.run(f"{ALTAIR}\nalt.renderers.enable({renderer!r})\nchart")

        expect(host.view.locator("svg.marks .mark-rect path")).to_have_count(2)
        expect(host.view.locator("svg.marks")).to_contain_text("amount")


@pytest.mark.parametrize(
    "spec",
    [
        7,
        {"mark": "nonsense"},
        {"mark": "bar", "data": {"url": "https://example.com/x.csv"}, "encoding": {}},
        {
            "usermeta": {"embedOptions": {"ast": False, "actions": True}},
            "data": {"values": [{"a": 1}]},
            "mark": "point",
            "transform": [{"calculate": "toString(constructor)", "as": "b"}],
            "encoding": {"x": {"field": "a"}, "href": {"value": "javascript:document.title=1"}},
        },
    ],
    ids=["a number", "no mark", "a URL", "options"],
)
def test_an_odd_specification_of_vega_harms_nothing(host: Host, spec: object) -> None:
    before = len(host.asked)
    bundle = json.dumps({"application/vnd.vegalite.v5+json": spec})

    host.run(f"import json\n{SAID}\nsaid('x', **json.loads({bundle!r}))")

    expect(host.view.locator("details, summary, main a[target]")).to_have_count(0)
    assert host.view.locator("html").evaluate("() => document.title") == "Jupyter output"
    assert len(host.asked) == before


def test_an_image_is_shown(host: Host) -> None:
    result = host.run(IMAGE)

    expect(host.view.locator("img")).to_have_count(1)
    assert [block["type"] for block in result["content"]] == ["text", "image"]
    wide = host.view.locator("img").evaluate("image => image.naturalWidth")
    assert wide > 100


def test_text_leaves_no_room_open(host: Host) -> None:
    host.run("print('hello')")

    assert host.height == 0


def test_a_host_that_reads_no_resources_shows_the_images_of_the_result(host: Host) -> None:
    host.run(IMAGE, reads=False)
    expect(host.view.locator("img")).to_have_count(1)

    host.run(FRAME, reads=False)
    expect(host.view.locator("table")).to_have_count(0)


def test_an_output_of_an_earlier_execution_is_shown_again(host: Host) -> None:
    ran = host.run(FRAME)
    execution = ran["_meta"]["jupyter-mcp-ext/execution"]["execution_id"]

    host.show("get_output", output_id=execution)

    expect(host.view.locator("tbody tr")).to_have_count(3)


@pytest.mark.parametrize("html", HOSTILE)
def test_html_of_a_kernel_is_data_and_no_page(host: Host, html: str) -> None:
    before = len(host.asked)

    host.run(f"{SAID}\nsaid({html!r})")

    body = host.view.locator("body")
    expect(body).to_contain_text("cell")
    for unwanted in ("main img", "main script", "iframe", "a", "[onerror]"):
        expect(body.locator(unwanted)).to_have_count(0)
    assert host.view.locator("html").evaluate("() => document.title") == "Jupyter output"
    assert len(host.asked) == before


@pytest.mark.parametrize(
    "spec",
    [
        {"data": "x"},
        {"data": [{"type": "bar", "x": ["<img src=x onerror=parent.postMessage(1)>"], "y": [1]}]},
        {"data": [{"type": "nonsense"}], "layout": {"width": 1e9, "height": -4}},
        [],
        None,
        7,
    ],
    ids=str,
)
def test_an_odd_chart_harms_nothing(host: Host, spec: object) -> None:
    before = len(host.asked)
    more = json.dumps({"application/vnd.plotly.v1+json": spec})

    host.run(f"import json\n{SAID}\nsaid('x', **json.loads({more!r}))")

    expect(host.view.locator("img")).to_have_count(0)
    host.run(FRAME)
    expect(host.view.locator("tbody tr")).to_have_count(3)
    assert len(host.asked) == before


def test_a_view_reaches_no_network_and_calls_no_tool(host: Host) -> None:
    """What would be, if a script of a kernel came to run in the view after all."""
    host.run(FRAME)
    frame = host.frame

    fetched = frame.evaluate(
        "() => fetch('https://example.com').then(() => 'got', () => 'refused')"
    )
    drawn = frame.evaluate(
        "() => new Promise(done => { const i = new Image(); i.onload = () => done('got');"
        "i.onerror = () => done('refused'); i.src = 'https://example.com/x.png'; })"
    )

    assert (fetched, drawn) == ("refused", "refused")
    assert frame.evaluate("() => origin") == "null"


@pytest.mark.parametrize("uri", ["ui://jupyter/", "ui://jupyter/output/../x", "ui://other/output"])
def test_there_is_no_other_view(server: JupyterServer, uri: str) -> None:
    assert McpClient(server).error("resources/read", uri=uri)["code"] == -32602


def test_without_plotly_on_the_server_the_person_is_told(
    browser: Browser, start_server: Callable[..., JupyterServer], tmp_path: Path
) -> None:
    (tmp_path / "plotly.py").touch()  # are found before the packages, and have no library
    (tmp_path / "vl_convert.py").touch()
    server = start_server(env=with_packages(tmp_path))
    chart = json.dumps({"application/vnd.plotly.v1+json": {"data": [], "layout": {}}})
    with running_host(browser, server) as host:
        host.connect()
        host.run(f"import json\n{SAID}\nsaid('x', **json.loads({chart!r}))")

        expect(host.view.locator("main")).to_contain_text("where plotly is installed")
        error = McpClient(server).error("resources/read", uri="ui://jupyter/plotly.js")
        assert "plotly is not installed" in error["message"]
        error = McpClient(server).error("resources/read", uri="ui://jupyter/vega.js")
        assert "could not be put together" in error["message"]
