"""Charts and maps whose HTML is a program, described from the program's text."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

from jupyter_mcp_ext.outputs import trees
from jupyter_mcp_ext.outputs.charts import bokeh, echarts, lets_plot, maps, plotly, vega
from jupyter_mcp_ext.outputs.model import Json

MAX_CODE = 5_000_000
"""Characters up to which a program is read; of a longer one only its library is named."""

_MOST = 5  # places in a program that are tried
_PLOTLY = re.compile(r'Plotly\.(?:newPlot|react)\(\s{0,99}"[^"]{1,100}",\s{0,99}(?=\[)')
_VEGA = re.compile(r"(?:\}\)\(|\bspec\s{0,9}=\s{0,9})(?=\{)")
_BOKEH = re.compile(r"\bdocs_json\s{0,9}=\s{0,9}(?=\{)")
_ECHARTS = re.compile(r"\boption_\w{1,64}\s{0,9}=\s{0,9}(?=\{)")
_LETS_PLOT = re.compile(r"\bplotSpec\s{0,9}=\s{0,9}(?=\{)")
_COMMA = re.compile(r"\s{0,99},\s{0,99}")
_NAMED = {
    "echarts.init(": "echarts chart",
    "mpld3.draw_figure(": "mpld3 chart",
    "Highcharts.chart(": "Highcharts chart",
    "new vis.Network(": "vis.js network",
    "new Chart(": "Chart.js chart",
}
"""Libraries whose charts are only named, by the call that draws them."""

_DECODER = json.JSONDecoder()


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A description of a chart, and its specification, if a model can use that.

    ``spec`` is JSON.
    """

    words: str
    spec: str = ""

    def lines(self, *, specs: bool) -> list[str]:
        """The description, with the specification if that is wanted."""
        lines = self.words.split("\n")
        if specs and self.spec:
            with suppress(RecursionError):  # nested deeper than any chart
                lines += trees.pretty_lines(json.loads(self.spec))
        return lines


@dataclass(frozen=True, kw_only=True)
class _Library:
    """How programs of a library are recognised, and the function that reads their JSON."""

    name: str
    sign: str
    place: re.Pattern[str]
    read: Callable[[str, int], Chart | None]


def draws(html: str) -> bool:
    """Whether programs in this HTML may draw a chart or a map; a quick check."""
    if maps.SIGN in html or any(sign in html for sign in _NAMED):
        return True
    return any(
        library.sign in html and (len(html) > MAX_CODE or library.place.search(html))
        for library in _LIBRARIES
    )


def find(code: str) -> Chart | None:
    """The chart or the map that a program draws."""
    for library in _LIBRARIES:
        if library.sign not in code:
            continue
        for match in islice(library.place.finditer(code), _MOST):
            if len(code) > MAX_CODE:
                return Chart(words=f"{library.name} chart, drawn by {len(code):,} characters")
            with suppress(RecursionError):
                if chart := library.read(code, match.end()):
                    return chart
    if maps.SIGN in code:
        return Chart(words=maps.words(code) if len(code) <= MAX_CODE else "leaflet map")
    name = next((name for sign, name in _NAMED.items() if sign in code), "")
    return Chart(words=name) if name else None


def _vega(code: str, at: int) -> Chart | None:
    for spec in _values(code, at):
        if isinstance(spec, dict) and "$schema" in spec:
            library = "vegalite" if "lite" in str(spec["$schema"]) else "vega"
            return Chart(words=vega.words(spec, library), spec=json.dumps(spec))
        break
    return None


def _plotly(code: str, at: int) -> Chart | None:
    parts = [*islice(_values(code, at), 2)]
    spec: dict[str, Json] = dict(zip(("data", "layout"), parts, strict=False))
    return Chart(words=plotly.words(spec), spec=json.dumps(spec)) if parts else None


def _bokeh(code: str, at: int) -> Chart | None:
    words = "".join(bokeh.words(value) for value in islice(_values(code, at), 1))
    return Chart(words=words) if words else None


def _echarts(code: str, at: int) -> Chart | None:
    for option in islice(_values(code, at), 1):
        if isinstance(option, dict):
            return Chart(words=echarts.words(option), spec=json.dumps(option))
    return None


def _lets_plot(code: str, at: int) -> Chart | None:
    for spec in islice(_values(code, at), 1):
        if isinstance(spec, dict):
            return Chart(words=lets_plot.words(spec), spec=json.dumps(spec))
    return None


def _values(code: str, at: int) -> Iterator[Json]:
    """The JSON values in a program from a position on, separated by commas."""
    while True:
        try:
            value, at = _DECODER.raw_decode(code, at)
        except (ValueError, RecursionError):
            return
        yield value
        comma = _COMMA.match(code, at)
        if comma is None:
            return
        at = comma.end()


_LIBRARIES = (
    _Library(
        name="plotly",
        sign="Plotly.",
        place=_PLOTLY,
        read=_plotly,
    ),
    _Library(
        name="vega",
        sign="vegaEmbed",
        place=_VEGA,
        read=_vega,
    ),
    _Library(
        name="bokeh",
        sign='"Figure"',
        place=_BOKEH,
        read=_bokeh,
    ),
    _Library(
        name="echarts",
        sign="echarts.init(",
        place=_ECHARTS,
        read=_echarts,
    ),
    _Library(
        name="lets-plot",
        sign="letsPlotCall",
        place=_LETS_PLOT,
        read=_lets_plot,
    ),
)
