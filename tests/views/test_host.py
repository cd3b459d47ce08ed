"""How the view lives in a host: its start and end, themes, sizes, the keyboard."""

from __future__ import annotations

import json

import mcp_types as types
import pytest
from playwright.sync_api import expect

from jupyter_mcp_ext.protocol.server import listed
from jupyter_mcp_ext.protocol.views import with_view
from jupyter_mcp_ext.tools.registry import TOOLS
from tests.tools.test_registry import LIST_BUDGET
from tests.views.hosts import Host
from tests.views.test_views import ALTAIR, CHART, FRAME, IMAGE, SHOWN

MOST = 1_200
"""Characters that views may add to the list of tools; no model reads them."""
WITHOUT_BACKGROUND = """
import plotly.graph_objects as go
layout = dict(paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)", font_color="{}")
go.Figure(go.Bar(x=["a"], y=[1]), layout=layout)
"""
LONG = "import pandas as pd\npd.set_option('display.max_rows', 100)\npd.DataFrame({'n': range(60)})"
RESIZED = """
(_, width) => new Promise(done => {
    const look = () => innerWidth === width ? done() : requestAnimationFrame(look);
    look();
})
"""
HIGHER = "least => document.querySelector('.rows, .plotly').offsetHeight > least"
FOCUSED = (
    "() => { const one = document.activeElement;"
    " return one === document.body ? '' : one.ariaLabel ?? one.textContent; }"
)


def test_views_add_little_to_the_list_of_tools() -> None:
    plain = [listed(tool) for tool in TOOLS]
    more = [with_view(tool) for tool in plain]

    def sent(tools: list[types.Tool]) -> str:
        dumped = [t.model_dump(by_alias=True, exclude_none=True, mode="json") for t in tools]
        return json.dumps(dumped, separators=(",", ":"), ensure_ascii=False)

    assert len(sent(more)) - len(sent(plain)) < MOST
    assert len(sent(more)) < LIST_BUDGET + MOST
    for one, other in zip(plain, more, strict=True):
        assert one == other.model_copy(update={"meta": one.meta})
        assert ("resourceUri" in json.dumps(other.meta)) == (other.name in SHOWN)


@pytest.mark.parametrize("is_written", [False, True], ids=["strict", "as the reference host"])
def test_all_is_shown_in_either_kind_of_sandbox(host: Host, is_written: bool) -> None:
    for code, drawn in (
        (FRAME, "tbody tr"),
        (CHART, ".bars .point"),
        (f"{ALTAIR}\nchart", "svg.marks .mark-rect path"),
        (IMAGE, "img"),
    ):
        host.run(code, is_written=is_written)
        expect(host.view.locator(drawn).first).to_be_visible()
        expect(host.view.locator(".note").filter(has_text="cannot")).to_have_count(0)


def test_the_view_ends_when_the_host_asks_and_asks_for_no_permission(host: Host) -> None:
    host.run(FRAME)
    sandbox = host.page.frame_locator("iframe")

    assert sandbox.locator("iframe").get_attribute("allow") == ""
    assert sandbox.locator("iframe").get_attribute("sandbox") == "allow-scripts"
    assert host.leave() == {}
    expect(host.page.locator("iframe")).to_have_count(0)


def test_the_view_follows_the_theme_of_its_host(host: Host) -> None:
    host.run(FRAME, theme="dark")
    colours = (
        "() => [getComputedStyle(document.body).color,"
        " getComputedStyle(document.documentElement).backgroundColor]"
    )
    dark = host.frame.evaluate(colours)
    host.change(theme="light")
    expect(host.view.locator("html[data-theme=light]")).to_have_count(1)
    light = host.frame.evaluate(colours)

    assert dark == ["rgb(238, 238, 238)", "rgb(26, 26, 26)"]
    assert light == ["rgb(17, 17, 17)", "rgb(255, 255, 255)"]


@pytest.mark.parametrize(("font", "behind"), [("#333", "255, 255, 255"), ("#ddd", "17, 17, 17")])
def test_a_figure_without_a_background_can_be_read_in_both_themes(
    host: Host, font: str, behind: str
) -> None:
    for theme in ("dark", "light"):
        host.run(WITHOUT_BACKGROUND.format(font), theme=theme)

        chart = host.view.locator(".chart")
        expect(chart).to_have_css("background-color", f"rgb({behind})")
        expect(chart.locator(".bars .point")).to_have_count(1)


def test_a_table_is_used_by_the_keyboard_alone(host: Host) -> None:
    host.run(LONG)
    host.page.locator("body").evaluate("() => document.activeElement.blur()")
    host.page.keyboard.press("Tab")
    host.frame.wait_for_function(FOCUSED)  # from one process of the browser to another
    reached = [host.frame.evaluate(FOCUSED)]
    while reached[-1] != "Full screen" and len(reached) < 12:
        host.page.keyboard.press("Tab")
        reached.append(host.frame.evaluate(FOCUSED))
    host.view.get_by_role("button", name="n", exact=True).focus()
    host.page.keyboard.press("Enter")
    host.page.keyboard.press("Space")

    assert reached == ["Filter rows", "Rows", "#", "n", "Full screen"]
    expect(host.view.get_by_role("columnheader", name="n")).to_have_attribute(
        "aria-sort", "descending"
    )
    expect(host.view.locator("tbody td").first).to_have_text("59")


@pytest.mark.parametrize("code", [LONG, CHART], ids=["a table", "a chart"])
def test_a_view_has_the_whole_window_and_its_place_again(host: Host, code: str) -> None:
    host.run(code)
    before = host.height
    inside = host.view.locator(".rows, .plotly").first
    lower = inside.evaluate("one => one.offsetHeight")

    host.view.get_by_role("button", name="Full screen").press("Enter")
    expect(host.view.get_by_role("button", name="Back to the conversation")).to_be_visible()

    assert host.page.locator("iframe").bounding_box() == {
        "x": 0,
        "y": 0,
        **(host.page.viewport_size or {}),
    }
    host.frame.wait_for_function(HIGHER, arg=lower + 200)
    host.view.get_by_role("button", name="Back to the conversation").press("Enter")
    expect(host.view.get_by_role("button", name="Full screen")).to_be_visible()
    expect(inside).to_have_js_property("offsetHeight", lower)
    expect(host.page.locator("iframe")).to_have_js_property("offsetHeight", before)


def test_a_host_without_a_full_screen_is_not_asked_for_it(host: Host) -> None:
    host.run(FRAME)
    host.change(availableDisplayModes=["inline"])

    expect(host.view.get_by_role("button", name="Full screen")).to_have_count(0)


@pytest.mark.parametrize(
    "code",
    [
        "import pandas as pd\npd.set_option('display.max_columns', 90)\npd.DataFrame([range(90)])",
        CHART,
        CHART.replace("layout={", "layout={'width': 1200, "),
        f"{ALTAIR}\nchart.properties(width=900)",
        IMAGE,
    ],
    ids=["frame", "plotly", "wide plotly", "wide altair", "image"],
)
def test_a_view_fits_its_width(host: Host, code: str) -> None:
    beyond = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
    host.run(code)
    for width in (280, 1600):
        host.change(width=width)
        host.view.locator("body").evaluate(RESIZED, width)

        assert host.frame.evaluate(beyond) == 0
        if code == CHART:
            expect(host.view.locator(".main-svg").first).to_have_css("width", f"{width}px")
