"""Widgets are told in words: the progress bar's last line, a slider's value."""

from __future__ import annotations

from typing import Any

from jupyter_mcp_ext.outputs.fold import OutputFold
from jupyter_mcp_ext.outputs.model import Display
from jupyter_mcp_ext.outputs.widgets import MAX_WIDGETS, VIEW, Widgets


def opened(fold: OutputFold, comm_id: str, **state: Any) -> None:
    fold.feed("comm_open", {"comm_id": comm_id, "data": {"state": state}})


def updated(fold: OutputFold, comm_id: str, **state: Any) -> bool:
    return fold.feed("comm_msg", {"comm_id": comm_id, "data": {"method": "update", "state": state}})


def shown(fold: OutputFold) -> Any:
    [output] = fold.outputs
    assert isinstance(output, Display)
    return output.data["text/plain"]


def displayed(fold: OutputFold, model_id: str) -> None:
    view = {"version_major": 2, "version_minor": 0, "model_id": model_id}
    fold.feed("display_data", {"data": {"text/plain": "  0%| | 0/10", VIEW: view}, "metadata": {}})


def test_a_notebook_progress_bar_is_its_last_state() -> None:
    fold = OutputFold()
    opened(fold, "left", _model_name="HTMLModel", value="  0%")
    opened(fold, "bar", _model_name="FloatProgressModel", value=0.0, max=10.0)
    opened(fold, "right", _model_name="HTMLModel", value=" 0/10 [00:00&lt;?, ?it/s]")
    children = ["IPY_MODEL_left", "IPY_MODEL_bar", "IPY_MODEL_right"]
    opened(fold, "box", _model_name="HBoxModel", children=children)
    displayed(fold, "box")

    assert updated(fold, "left", value="100%")
    assert updated(fold, "bar", value=10.0)
    assert updated(fold, "right", value=" 10/10 [00:01&lt;00:00,  9.97it/s]")

    assert shown(fold) == "100% [10/10] 10/10 [00:01<00:00,  9.97it/s]"


def test_a_slider_says_its_kind_name_and_value() -> None:
    fold = OutputFold()
    opened(fold, "s", _model_name="IntSliderModel", description="x", value=5)
    displayed(fold, "s")

    assert shown(fold) == "IntSlider x 5"


def test_a_widget_of_an_unknown_model_keeps_its_plain_text() -> None:
    fold = OutputFold()
    displayed(fold, "never-opened")

    assert shown(fold) == "  0%| | 0/10"


def test_widgets_that_contain_each_other_end() -> None:
    fold = OutputFold()
    opened(fold, "a", _model_name="VBoxModel", children=["IPY_MODEL_a", "IPY_MODEL_a"])
    displayed(fold, "a")

    assert "VBox" in shown(fold)


def test_only_so_many_widgets_are_followed() -> None:
    widgets = Widgets()
    for number in range(MAX_WIDGETS + 1):
        content: Any = {"comm_id": str(number), "data": {"state": {"value": "x"}}}
        widgets.feed("comm_open", content)

    assert widgets.words({"model_id": "0"}) is not None
    assert widgets.words({"model_id": str(MAX_WIDGETS)}) is None


def test_hostile_messages_change_nothing() -> None:
    fold = OutputFold()
    hostile: list[Any] = [
        {},
        {"comm_id": 1},
        {"comm_id": "a", "data": []},
        {"comm_id": "a", "data": {"state": 7}},
    ]

    assert not any(fold.feed("comm_open", content) for content in hostile)
    assert not fold.feed("comm_msg", {"comm_id": "a", "data": {"state": {"value": 1}}})
