"""A widget's state in words: its kind, its name, its value.

The models are those of ipywidgets
(https://github.com/jupyter-widgets/ipywidgets/blob/main/packages/schema/jupyterwidgetmodels.latest.md).
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence

from jupyter_mcp_ext.outputs.model import Json

State = Mapping[str, Json]

MAX_CHOSEN = 20
"""Labels of a selection, or items of a list, that are named."""

_TAG = re.compile(r"<[^<>]{0,2000}>")


def kind_of(state: State) -> str:
    """``IntSlider`` for ``IntSliderModel``; empty when it is not known."""
    return str(state.get("_model_name", "")).removesuffix("Model")


def is_secret(state: State) -> bool:
    """Whether its value is a secret."""
    return "password" in kind_of(state).lower()


def title_of(state: State, index: int) -> str:
    """The title of a tab or a part of an accordion; empty where there is none."""
    titles = state.get("titles") or state.get("_titles")  # the latter before ipywidgets 8
    if isinstance(titles, dict):
        return _plain(titles.get(str(index)))
    if isinstance(titles, list) and index < len(titles):
        return _plain(titles[index])
    return ""


def words_of(state: State) -> tuple[str, bool]:
    """Its description, and whether that is more than its kind."""
    kind, description = kind_of(state), _plain(state.get("description"))
    value, most = state.get("value"), state.get("max")
    if is_secret(state):
        return " ".join(filter(None, [kind, description, "(its value is not shown)"])), True
    if kind in ("HTML", "HTMLMath", "Label"):
        return f"{description} {_plain(value)}".strip(), True
    if kind.endswith("Progress") and isinstance(value, int | float):
        shown = f"{value:g}/{most:g}" if isinstance(most, int | float) else f"{value:g}"
        return f"{description} [{shown}]".strip(), True
    shown = _chosen(state) if "_options_labels" in state else _value(value)
    return " ".join(filter(None, [kind, description, shown])), bool(shown or description)


def _chosen(state: State) -> str:
    """The labels of the selected options."""
    labels, index = state.get("_options_labels"), state.get("index")
    chosen = index if isinstance(index, list) else [index]
    if not isinstance(labels, list) or not chosen or index is None:
        return "(nothing chosen)"
    names = [
        str(labels[n]) for n in chosen if isinstance(n, int) and -len(labels) <= n < len(labels)
    ]
    if kind_of(state).endswith("RangeSlider"):
        return " to ".join(names)
    return _listed(names)


def _value(value: Json) -> str:
    match value:
        case None:
            return ""
        case str() | bool() | int() | float():
            return _plain(str(value))
        case [int() | float() as low, int() | float() as high]:
            return f"{low:g} to {high:g}"
        case list():
            return _listed([_item(each) for each in value])
        case dict():
            return _moment(value)


def _item(value: Json) -> str:
    if isinstance(value, dict):  # an uploaded file
        return str(value.get("name", ""))
    return str(value)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MAX_CHOSEN} more" if len(names) > MAX_CHOSEN else ""
    return ", ".join(names[:MAX_CHOSEN]) + more


def _moment(value: State) -> str:
    """A date or a time, whose months are counted as in JavaScript: January is 0."""
    numbers = {name: number for name, number in value.items() if isinstance(number, int)}
    words = []
    if {"year", "month", "date"} <= numbers.keys():
        words.append(f"{numbers['year']:04}-{numbers['month'] + 1:02}-{numbers['date']:02}")
    if {"hours", "minutes"} <= numbers.keys():
        words.append(f"{numbers['hours']:02}:{numbers['minutes']:02}")
        words[-1] += f":{numbers['seconds']:02}" if numbers.get("seconds") else ""
    return " ".join(words)


def _plain(value: Json) -> str:
    """Text without its tags: a label does not need all of HTML."""
    if not isinstance(value, str):
        return ""
    return html.unescape(_TAG.sub("", value)).replace("\xa0", " ").strip()
