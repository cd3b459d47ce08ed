"""Figures of matplotlib and plotly: titles, axes, what is drawn, and a picture within bounds."""

from __future__ import annotations

import base64
import io
from typing import Any

from .guard import can_run, guarded
from .libraries import cell, kind
from .numbers import number
from .plain import instance_dict, is_a, library
from .tables import table

MAX_EDGE = 1_000
"""Pixels of a picture's longer side."""

MAX_BYTES = 700_000

MAX_AXES = 30

MAX_POINTS = 100_000
"""Values of a list from which an axis' range is taken."""

AXES = ["title", "x", "x range", "y", "y range", "drawn", "legend"]

TRACES = ["trace", "type", "name", "points", "x range", "y range"]


def figure(value: Any, is_idle: bool) -> dict[str, Any] | None:
    """The description of a figure or its axes; None if it is described like any object."""
    if is_plotly(value):
        return plotly_figure(instance_dict(value) or {})
    if not is_idle or not can_run():
        return None
    found, why = guarded(lambda: matplotlib_figure(figure_of(value)))
    if why:
        return {"facts": [], "sections": [], "notes": ["drawing it " + why]}
    return dict(found)


def is_plotly(value: Any) -> bool:
    base = library("plotly.basedatatypes").get("BaseFigure")
    return base is not None and is_a(value, base)


def figure_of(value: Any) -> Any:
    return value if is_a(value, library("matplotlib.figure")["Figure"]) else value.figure


def matplotlib_figure(value: Any) -> dict[str, Any]:
    axes = list(value.axes)
    width, height = (float(side) for side in value.get_size_inches())
    facts = [["size", f"{width:g} x {height:g} inches"], ["axes", str(len(axes))]]
    # get_suptitle is new in 3.8: https://github.com/matplotlib/matplotlib/pull/25686
    title = getattr(value, "_suptitle", None)
    if title is not None:
        facts.append(["title", cell(title.get_text(), 200)])
    rows = [axes_row(one) for one in axes[:MAX_AXES]]
    sections = [table("axes", AXES, rows)] if rows else []
    picture = drawn(value, max(width, height))
    notes = [] if picture else ["its picture is too large to be shown"]
    return {"facts": facts, "sections": sections, "notes": notes, "picture": picture}


def axes_row(axes: Any) -> list[str]:
    parts = [
        (axes.lines, "line"),
        (axes.patches, "patch"),
        (axes.collections, "collection"),
        (axes.images, "image"),
        (axes.texts, "text"),
    ]
    drawing = [f"{len(held)} {word}" for held, word in parts if len(held)]
    legend = axes.get_legend()
    labels = [one.get_text() for one in legend.get_texts()] if legend is not None else []
    return [
        cell(axes.get_title(), 100),
        cell(axes.get_xlabel(), 60),
        axis_range(axes.xaxis, axes.get_xlim()),
        cell(axes.get_ylabel(), 60),
        axis_range(axes.yaxis, axes.get_ylim()),
        ", ".join(drawing),
        cell(", ".join(labels), 100),
    ]


def axis_range(axis: Any, limits: Any) -> str:
    if type(axis.get_major_locator()).__module__ == "matplotlib.dates":
        to_date = library("matplotlib.dates")["num2date"]
        return " to ".join(str(to_date(one))[:19] for one in limits)
    return " to ".join(number(float(one)) for one in limits)


def drawn(value: Any, inches: float) -> str:
    """A PNG as base64; empty if it is too large."""
    for edge in (MAX_EDGE, MAX_EDGE // 2):
        file = io.BytesIO()
        value.savefig(file, format="png", dpi=min(100.0, edge / max(inches, 0.1)))
        if file.tell() <= MAX_BYTES:
            return base64.b64encode(file.getvalue()).decode()
    return ""


def plotly_figure(held: dict[str, Any]) -> dict[str, Any]:
    """From its own attributes: no code of plotly is run."""
    layout = held.get("_layout") if type(held.get("_layout")) is dict else {}
    traces = held.get("_data") if type(held.get("_data")) is list else []
    facts = [["title", title_of(layout)]] if title_of(layout) else []
    for name, axis in list((layout or {}).items()):
        if type(name) is str and name[1:5] == "axis" and type(axis) is dict:
            words = [title_of(axis), span(axis.get("range"))]
            if any(words):
                facts.append([name, " ".join(word for word in words if word)])
    facts.append(["traces", str(len(traces or []))])
    rows = [trace_row(n, trace) for n, trace in enumerate(traces or []) if type(trace) is dict]
    sections = [table("traces", TRACES, rows[:MAX_AXES])] if rows else []
    note = "a picture: fig.write_image('figure.png') makes one where kaleido is installed"
    return {"facts": facts, "sections": sections, "notes": [note]}


def title_of(part: Any) -> str:
    title = part.get("title")
    title = title.get("text") if type(title) is dict else title
    return cell(title, 200) if type(title) is str else ""


def trace_row(place: int, trace: dict[str, Any]) -> list[str]:
    points = next((count(trace.get(n)) for n in ("y", "x", "values", "z") if n in trace), "")
    return [
        str(place),
        cell(trace.get("type", ""), 30),
        cell(trace.get("name", ""), 60),
        points,
        span(trace.get("x")),
        span(trace.get("y")),
    ]


def count(values: Any) -> str:
    known = kind(values) == "numpy.ndarray" or type(values) in (list, tuple)
    return f"{len(values):,}" if known else ""


def span(values: Any) -> str:
    """The range from the smallest to the largest value."""
    if kind(values) == "numpy.ndarray":
        is_fit = values.dtype.kind in "iufM" and 0 < values.size <= 10 * MAX_POINTS
        ends = [values.min(), values.max()] if is_fit else []
    else:
        some = list(values)[:MAX_POINTS] if type(values) in (list, tuple) else []
        numbers = [one for one in some if type(one) in (int, float)]
        texts = [one for one in some if type(one) is str]
        fit = numbers if len(numbers) == len(some) else texts if len(texts) == len(some) else []
        ends = [min(fit), max(fit)] if fit else []
    return " to ".join(
        str(one)[:19]
        if getattr(one, "dtype", None) is not None and one.dtype.kind == "M"
        else number(one)
        for one in ends
    )
