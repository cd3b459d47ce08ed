"""Figures: what they show, and their picture."""

from __future__ import annotations

import base64
import datetime
import sys
import types
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest

from jupyter_mcp_ext.in_kernel.variables.inspecting import inspected
from jupyter_mcp_ext.outputs.images import whole_png

# pytest-timeout's default method uses the timer that stops drawing.
pytestmark = pytest.mark.timeout(60, method="thread")


@pytest.fixture
def pyplot(monkeypatch: pytest.MonkeyPatch) -> Any:
    """matplotlib without a screen, with unlimited time for drawing."""
    monkeypatch.setattr("jupyter_mcp_ext.in_kernel.variables.guard.SECONDS", 30)
    mpl.use("Agg")
    from matplotlib import pyplot as plt  # after the choice of a backend

    yield plt
    plt.close("all")


def look(value: Any, *, idle: bool = True) -> Any:
    return inspected({"x": value}, [["name", "x"]], "summary", is_idle=idle, seconds=1)


def rows(found: Any, title: str) -> list[dict[str, str]]:
    [one] = [section for section in found["sections"] if section["title"] == title]
    return [dict(zip(one["columns"], row, strict=True)) for row in one["rows"]]


def test_a_matplotlib_figure_shows_its_axes_and_its_picture(pyplot: Any) -> None:
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(30, 5))
    left.plot([1, 2], [3, 4], label="one")
    left.set(title="Left", xlabel="time", ylabel="price", xlim=(0, 5))
    left.legend()
    right.bar([datetime.date(2024, 1, 1), datetime.date(2024, 3, 1)], [1, 2])
    figure.suptitle("Both")
    dpi = figure.dpi

    found = look(figure)

    assert ["title", "Both"] in found["facts"]
    one, other = rows(found, "axes")
    assert (one["title"], one["x"], one["y"], one["legend"]) == ("Left", "time", "price", "one")
    assert (one["x range"], one["drawn"]) == ("0 to 5", "1 line")
    assert (other["x range"][:4], other["drawn"]) == ("2023", "2 patch")
    picture = base64.b64decode(found["picture"])
    assert whole_png(picture, 1_000) == (1_000, 166)
    assert figure.dpi == dpi
    assert look(left)["picture"] == found["picture"]


@pytest.mark.parametrize("name", ["Grid", "JointGrid"])
def test_a_grid_of_seaborn_is_its_figure(
    monkeypatch: pytest.MonkeyPatch, pyplot: Any, name: str
) -> None:
    class FacetGrid:  # what seaborn's grids have; nothing else is used
        def __init__(self) -> None:
            self.figure = pyplot.figure()

    grids = types.ModuleType("seaborn.axisgrid")
    setattr(grids, name, FacetGrid)
    monkeypatch.setitem(sys.modules, "seaborn.axisgrid", grids)
    grid = FacetGrid()
    grid.figure.subplots(1, 2)[0].set(title="Left")

    found = look(grid)

    assert [row["title"] for row in rows(found, "axes")] == ["Left", ""]
    assert base64.b64decode(found["picture"])


def test_a_figure_is_not_drawn_while_code_runs(pyplot: Any) -> None:
    found = look(pyplot.figure(), idle=False)

    assert "picture" not in found
    assert found["type"] == "matplotlib.Figure"


def test_a_figure_whose_drawing_fails_says_so(pyplot: Any) -> None:
    figure = pyplot.figure()
    figure.draw = lambda renderer: 1 / 0

    found = look(figure)

    assert found["notes"] == ["drawing it raised ZeroDivisionError: division by zero"]
    assert "picture" not in found


def test_a_plotly_figure_shows_traces_and_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    class BaseFigure:  # what plotly's figures keep; nothing else is used
        def __init__(self, data: Any, layout: Any) -> None:
            self._data = data
            self._layout = layout

    plotly = types.ModuleType("plotly.basedatatypes")
    plotly.BaseFigure = BaseFigure  # type: ignore[attr-defined]  # a module's names are free
    monkeypatch.setitem(sys.modules, "plotly.basedatatypes", plotly)
    data = [
        {"type": "scatter", "name": "a", "x": np.array([1.0, 3.0]), "y": [4, 5]},
        {"type": "bar", "x": ["u", "v"], "y": np.array(["2024-01-02", "2024-01-03"], "M8[D]")},
        {"type": "pie", "values": [1, 2, 3]},
    ]
    layout = {
        "title": {"text": "Prices"},
        "xaxis": {"title": {"text": "day"}, "range": [0, 10]},
        "yaxis2": {"title": "other"},
    }

    found = look(BaseFigure(data, layout), idle=False)

    assert found["facts"] == [
        ["title", "Prices"],
        ["xaxis", "day 0 to 10"],
        ["yaxis2", "other"],
        ["traces", "3"],
    ]
    scatter, bar, pie = rows(found, "traces")
    assert (scatter["name"], scatter["x range"], scatter["y range"]) == ("a", "1 to 3", "4 to 5")
    assert (bar["x range"], bar["y range"]) == ("u to v", "2024-01-02 to 2024-01-03")
    assert pie["points"] == "3"
