"""Widgets described in words: a progress bar's last line, a slider's value."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_mcp_ext.outputs.folding.fold import OutputFold
from jupyter_mcp_ext.outputs.folding.output_widgets import MAX_AREAS
from jupyter_mcp_ext.outputs.folding.widget import VIEW, capture
from jupyter_mcp_ext.outputs.folding.widget_tree import MAX_PARTS
from jupyter_mcp_ext.outputs.folding.widgets import MAX_WIDGETS, Widgets
from jupyter_mcp_ext.outputs.folding.writing import BETWEEN
from jupyter_mcp_ext.outputs.model import Display, Output, Stream


def opened(fold: OutputFold, comm_id: str, **state: Any) -> None:
    fold.feed("comm_open", {"comm_id": comm_id, "data": {"state": state}})


def updated(fold: OutputFold, comm_id: str, **state: Any) -> bool:
    return fold.feed("comm_msg", {"comm_id": comm_id, "data": {"method": "update", "state": state}})


def shown(fold: OutputFold) -> Any:
    [output] = fold.outputs
    assert isinstance(output, Display)
    return output.data["text/plain"]


def closed(fold: OutputFold, comm_id: str) -> None:
    fold.feed("comm_close", {"comm_id": comm_id, "data": {}})


def write(fold: OutputFold, text: str) -> None:
    fold.feed("stream", {"name": "stdout", "text": text})


def captured(fold: OutputFold, comm_id: str, *texts: str) -> None:
    """The messages that ``with out:`` sends around prints."""
    fold.feed(*capture(comm_id, begins=True))
    for text in texts:
        write(fold, text)
    fold.feed(*capture(comm_id, begins=False))


def texts(fold: OutputFold) -> list[Any]:
    return [_text(output) for output in fold.outputs]


def _text(output: Output) -> Any:
    if isinstance(output, Stream):
        return output.text
    return output.data["text/plain"] if isinstance(output, Display) else output.ename


def replayed(messages: list[Any]) -> OutputFold:
    """Another fold with only these messages."""
    other = OutputFold()
    for msg_type, content in messages:
        other.feed(msg_type, content)
    return other


class Journal:
    """A fold, and what is stored of it."""

    def __init__(self, widgets: Widgets, by: str) -> None:
        self.fold = OutputFold()
        self.fold.share(widgets, by=by)
        self.lines: list[Any] = []

    def feed(self, msg_type: str, content: Any) -> bool:
        changed = self.fold.feed(msg_type, content)
        if changed or msg_type == "clear_output":
            self.lines += self.fold.kept(msg_type, content)
        return changed

    def end(self) -> None:
        """End the code."""
        self.fold.captures.release()
        self.lines += self.fold.ends()

    def replayed(self) -> OutputFold:
        return replayed(self.lines)


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

    assert shown(fold) == "  0%| | 0/10"


def test_only_so_many_widgets_are_followed_the_latest_used() -> None:
    fold = OutputFold()
    opened(fold, "first", _model_name="TextModel", value="x")
    opened(fold, "box", _model_name="VBoxModel", children=["IPY_MODEL_first"])
    opened(fold, "unused", _model_name="TextModel", value="x")
    for number in range(MAX_WIDGETS - 2):
        updated(fold, "first", value=str(number))
        opened(fold, str(number), _model_name="TextModel", value="x")

    assert fold.widgets.words("box") == f"Text {MAX_WIDGETS - 3}"
    assert fold.widgets.words("unused") == ""


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


# -- Output widgets ----------------------------------------------------------------------------


def test_what_an_output_widget_captures_and_clears_is_not_the_cells() -> None:
    fold = OutputFold()
    write(fold, "before\n")
    opened(fold, "out", _model_name="OutputModel", outputs=[], msg_id="")
    displayed(fold, "out")
    fold.feed(*capture("out", begins=True))
    fold.feed("clear_output", {"wait": True})
    write(fold, "in\n")
    fold.feed(*capture("out", begins=False))
    write(fold, "after\n")

    assert texts(fold) == ["before\n", "in\n", "after\n"]


def test_output_goes_to_the_innermost_widget_that_captures() -> None:
    fold = OutputFold()
    for name in ("outer", "inner"):
        opened(fold, name, _model_name="OutputModel")
        displayed(fold, name)
    fold.feed(*capture("outer", begins=True))
    write(fold, "1")
    captured(fold, "inner", "2")
    write(fold, "3")
    fold.feed(*capture("outer", begins=False))

    assert texts(fold) == ["13", "2"]


def test_outputs_that_the_kernel_adds_come_after_what_was_captured() -> None:
    fold = OutputFold()
    opened(fold, "out", _model_name="OutputModel", outputs=[])
    displayed(fold, "out")
    hello = {"output_type": "stream", "name": "stdout", "text": "hello\n"}
    more = {"output_type": "display_data", "data": {"text/plain": "more"}, "metadata": {}}

    updated(fold, "out", outputs=[hello])
    captured(fold, "out", "captured\n")
    updated(fold, "out", outputs=[hello, more])
    assert texts(fold) == ["hello\ncaptured\n", "more"]

    updated(fold, "out", outputs=[more])
    assert texts(fold) == ["more"]


def test_output_widgets_in_a_box_come_where_they_are_in_it() -> None:
    fold = OutputFold()
    opened(fold, "slider", _model_name="IntSliderModel", value=5)
    opened(fold, "out", _model_name="OutputModel")
    opened(fold, "label", _model_name="LabelModel", value="end")
    children = ["IPY_MODEL_slider", "IPY_MODEL_out", "IPY_MODEL_label"]
    opened(fold, "box", _model_name="VBoxModel", children=children)
    captured(fold, "out", "printed\n")
    displayed(fold, "box")

    assert texts(fold) == ["IntSlider 5", "printed\n", "end"]


def test_an_output_widget_in_itself_ends() -> None:
    fold = OutputFold()
    opened(fold, "out", _model_name="OutputModel")
    displayed(fold, "out")
    fold.feed(*capture("out", begins=True))
    displayed(fold, "out")

    assert len(fold.outputs) == 1


def test_a_display_in_an_output_widget_is_updated() -> None:
    fold = OutputFold()
    opened(fold, "out", _model_name="OutputModel")
    displayed(fold, "out")
    fold.feed(*capture("out", begins=True))
    bundle = {"metadata": {}, "transient": {"display_id": "d"}}
    fold.feed("display_data", {**bundle, "data": {"text/plain": "old"}})
    fold.feed(*capture("out", begins=False))

    assert fold.feed("update_display_data", {**bundle, "data": {"text/plain": "new"}})
    assert texts(fold) == ["new"]


def test_output_widgets_hold_only_so_much_and_what_is_gone_is_counted() -> None:
    fold = OutputFold()
    opened(fold, "out", _model_name="OutputModel")
    displayed(fold, "out")
    for _ in range(10):
        captured(fold, "out", "x" * 999_999 + "\n")

    beginning, end = texts(fold)
    assert len(beginning) == MAX_AREAS
    assert end.startswith(BETWEEN)
    assert fold.dropped_bytes == 10_000_000 - MAX_AREAS - len(end.removeprefix(BETWEEN)) > 0


# -- kinds, ends, secrets ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "state", "words"),
    [
        ("Dropdown", {"_options_labels": ["One", "Two"], "index": 1}, "Two"),
        ("Select", {"_options_labels": ["One"], "index": None}, "(nothing chosen)"),
        ("SelectMultiple", {"_options_labels": ["x", "y", "z"], "index": [0, 2]}, "x, z"),
        ("SelectionRangeSlider", {"_options_labels": ["s", "t"], "index": [0, 1]}, "s to t"),
        ("IntRangeSlider", {"value": [2, 7]}, "2 to 7"),
        ("DatePicker", {"value": {"year": 2024, "month": 0, "date": 5}}, "2024-01-05"),
        ("Time", {"value": {"hours": 6, "minutes": 7, "seconds": 0}}, "06:07"),
        ("TagsInput", {"value": ["a", "b", "c"]}, "a, b, c"),
        ("FileUpload", {"value": [{"name": "a.csv", "size": 3}]}, "a.csv"),
        ("Checkbox", {"value": True, "description": "agree"}, "agree True"),
    ],
)
def test_a_widget_says_what_is_chosen_in_it(model: str, state: dict[str, Any], words: str) -> None:
    fold = OutputFold()
    opened(fold, "w", _model_name=f"{model}Model", **state)

    assert fold.widgets.words("w") == f"{model} {words}"


def test_tabs_are_told_with_their_titles() -> None:
    fold = OutputFold()
    opened(fold, "a", _model_name="TextModel", value="1")
    opened(fold, "b", _model_name="TextModel", value="2")
    children = ["IPY_MODEL_a", "IPY_MODEL_b"]
    opened(
        fold, "tab", _model_name="TabModel", children=children, titles=["A", "B"], selected_index=1
    )

    assert fold.widgets.words("tab") == "[A] Text 1 [B, open] Text 2"


def test_a_closed_widget_shows_nothing_also_in_a_box() -> None:
    fold = OutputFold()
    opened(fold, "a", _model_name="LabelModel", value="one")
    opened(fold, "b", _model_name="LabelModel", value="two")
    opened(fold, "box", _model_name="VBoxModel", children=["IPY_MODEL_a", "IPY_MODEL_b"])
    displayed(fold, "box")

    closed(fold, "a")
    assert texts(fold) == ["two"]

    closed(fold, "box")
    assert texts(fold) == []


def test_a_password_is_not_kept() -> None:
    journal = Journal(Widgets(), "e-1")
    state = {"_model_name": "PasswordModel", "description": "key", "value": "hunter2"}
    journal.feed("comm_open", {"comm_id": "p", "data": {"state": state}})
    journal.feed("comm_msg", {"comm_id": "p", "data": {"state": {"value": "hunter3"}}})
    view = {"text/plain": "Password(description='key')", VIEW: {"model_id": "p"}}
    journal.feed("display_data", {"data": view, "metadata": {}})

    assert texts(journal.fold) == ["Password key (its value is not shown)"]
    assert "hunter" not in str(journal.lines)
    assert texts(journal.replayed()) == texts(journal.fold)


def test_the_state_of_a_widget_is_bounded() -> None:
    fold = OutputFold()
    labels = [str(n) * 100 for n in range(100_000)]
    opened(fold, "big", _model_name="DropdownModel", _options_labels=labels, index=0)
    opened(fold, "deep", _model_name="TextModel", value=[[["x" * 100_000]]] * 1_000)

    assert fold.widgets.words("big") == ""
    assert len(fold.widgets.words("deep")) < 1_000


@pytest.mark.parametrize("then", ["", "after"])
def test_of_a_flood_in_an_output_widget_the_end_is_kept_and_written_down(then: str) -> None:
    widgets = Widgets()
    first, second = Journal(widgets, "e-1"), Journal(widgets, "e-2")
    first.feed("comm_open", {"comm_id": "out", "data": {"state": {"_model_name": "OutputModel"}}})
    first.feed("display_data", {"data": {VIEW: {"model_id": "out"}}, "metadata": {}})
    for journal in (first, second):
        journal.feed(*capture("out", begins=True))
        for n in range(MAX_AREAS // 100_000):
            journal.feed("stream", {"name": "stdout", "text": f"line {n}\n" + "x" * 100_000})
        journal.feed("stream", {"name": "stdout", "text": "the last line\n"})
        if then:
            journal.feed("error", {"ename": "E", "evalue": then, "traceback": [then]})
        journal.feed(*capture("out", begins=False))
        journal.end()

    shown = texts(first.fold)
    again = texts(replayed([*first.lines, *second.fold.news("e-1")]))
    own = texts(first.replayed())

    last = -2 if then else -1
    assert all(each[last].endswith("the last line\n") for each in (shown, again, own))
    assert again[0] == own[0] == shown[0]
    if then:  # otherwise one end follows another, and both are read as one
        assert again == shown
    assert second.fold.dropped_bytes > 0


# -- across executions -------------------------------------------------------------------------


def test_what_is_written_down_leads_to_the_same_outputs() -> None:
    widgets = Widgets()
    first, second = Journal(widgets, "e-1"), Journal(widgets, "e-2")
    for name, model in (("bar", "IntProgressModel"), ("out", "OutputModel")):
        first.feed("comm_open", {"comm_id": name, "data": {"state": {"_model_name": model}}})
    first.feed("comm_msg", {"comm_id": "bar", "data": {"state": {"value": 1, "max": 9}}})
    first.feed(*capture("out", begins=True))
    first.feed("stream", {"name": "stdout", "text": "early\n"})
    first.feed(*capture("out", begins=False))
    for name in ("bar", "out"):
        second.feed("display_data", {"data": {VIEW: {"model_id": name}}, "metadata": {}})
    second.feed("comm_msg", {"comm_id": "bar", "data": {"state": {"value": 5}}})
    second.feed(*capture("out", begins=True))
    second.feed("stream", {"name": "stdout", "text": "late\n"})

    assert texts(second.fold) == ["[5/9]", "early\nlate\n"]
    assert texts(second.replayed()) == texts(second.fold)
    compact = replayed(list(second.fold.messages()))
    assert texts(compact) == texts(second.fold)
    for each in (second.fold, compact):
        write(each, "and on\n")
        assert texts(each) == ["[5/9]", "early\nlate\nand on\n"]


def test_a_widget_that_another_execution_displays_is_named_when_it_changes() -> None:
    widgets = Widgets()
    first, second = Journal(widgets, "e-1"), Journal(widgets, "e-2")
    state = {"_model_name": "IntProgressModel", "value": 1, "max": 9}
    first.feed("comm_open", {"comm_id": "bar", "data": {"state": state}})
    box = {"_model_name": "HBoxModel", "children": ["IPY_MODEL_bar"]}
    first.feed("comm_open", {"comm_id": "box", "data": {"state": box}})
    first.feed("display_data", {"data": {VIEW: {"model_id": "box"}}, "metadata": {}})
    before = first.fold.version
    second.feed("comm_msg", {"comm_id": "bar", "data": {"state": {"value": 8}}})

    assert list(first.fold.elsewhere()) == []
    assert list(second.fold.elsewhere()) == [("e-1", "box")]
    assert first.fold.version != before
    assert texts(first.fold) == ["[8/9]"]
    assert texts(replayed([*first.lines, *second.fold.news("e-1")])) == ["[8/9]"]


@pytest.mark.parametrize("closed", [["box"], ["bar"], ["bar", "box"]])
def test_what_a_later_execution_has_closed_stays_closed_where_it_was_displayed(
    closed: list[str],
) -> None:
    widgets = Widgets()
    first, second = Journal(widgets, "e-1"), Journal(widgets, "e-2")
    state = {"_model_name": "IntProgressModel", "value": 1, "max": 9}
    first.feed("comm_open", {"comm_id": "bar", "data": {"state": state}})
    box = {"_model_name": "HBoxModel", "children": ["IPY_MODEL_bar"]}
    first.feed("comm_open", {"comm_id": "box", "data": {"state": box}})
    first.feed("display_data", {"data": {VIEW: {"model_id": "box"}}, "metadata": {}})
    for comm_id in closed:
        second.feed("comm_close", {"comm_id": comm_id, "data": {}})

    assert list(second.fold.elsewhere()) == [("e-1", "box")]
    assert "[1/9]" not in str(texts(first.fold))
    again = replayed([*first.lines, *second.fold.news("e-1")])
    assert texts(again) == texts(first.fold)


def test_an_output_widget_of_an_earlier_execution_takes_what_is_put_out_in_a_later_one() -> None:
    widgets = Widgets()
    first, second = Journal(widgets, "e-1"), Journal(widgets, "e-2")
    first.feed("comm_open", {"comm_id": "out", "data": {"state": {"_model_name": "OutputModel"}}})
    captured(second.fold, "out", "late\n")

    assert texts(second.fold) == []
    assert list(second.fold.elsewhere()) == [("", "")]


def test_boxes_that_contain_each_other_many_times_cost_little() -> None:
    fold = OutputFold()
    for name in "abc":
        children = [f"IPY_MODEL_{child}" for child in "abc" * 100]
        opened(fold, name, _model_name="VBoxModel", children=children)
    displayed(fold, "a")

    assert len(fold.outputs) == 1
    assert len(list(fold.messages())) < 10


def test_output_widgets_that_show_each_other_many_times_cost_little() -> None:
    fold = OutputFold()
    for name in "abcdefgh":
        opened(fold, name, _model_name="OutputModel")
    for name, other in zip("abcdefgh", "bcdefgha", strict=True):
        fold.feed(*capture(name, begins=True))
        for _ in range(100):
            displayed(fold, other)
        fold.feed(*capture(name, begins=False))
    displayed(fold, "a")

    assert len(fold.outputs) <= MAX_PARTS


def test_outputs_that_the_kernel_adds_later_come_once_after_a_replay() -> None:
    widgets = Widgets()
    first, second = Journal(widgets, "e-1"), Journal(widgets, "e-2")
    nodes: list[Any] = [
        {"output_type": "stream", "name": "stdout", "text": f"{n}\n"} for n in range(3)
    ]
    state = {"_model_name": "OutputModel", "outputs": nodes[:1]}
    first.feed("comm_open", {"comm_id": "out", "data": {"state": state}})
    second.feed("display_data", {"data": {VIEW: {"model_id": "out"}}, "metadata": {}})
    second.feed("comm_msg", {"comm_id": "out", "data": {"state": {"outputs": nodes[:2]}}})
    compact = list(second.fold.messages())
    second.feed("comm_msg", {"comm_id": "out", "data": {"state": {"outputs": nodes}}})
    rest = second.fold.kept("comm_msg", {})

    assert texts(second.fold) == ["0\n1\n2\n"]
    assert texts(second.replayed()) == ["0\n1\n2\n"]
    assert texts(replayed([*compact, *rest])) == ["0\n1\n2\n"]
