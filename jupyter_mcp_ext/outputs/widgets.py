"""What interactive widgets show, followed through their state messages.

A widget's output holds only its model's id; what it shows comes over comms
(https://github.com/jupyter-widgets/ipywidgets/blob/main/packages/schema/messages.md).
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping

from jupyter_mcp_ext.outputs.model import Json

VIEW = "application/vnd.jupyter.widget-view+json"

MAX_WIDGETS = 1_000
"""Widgets of one execution that are followed; more are shown as they were displayed."""

MAX_TEXT = 2_000
"""Characters of one widget's text that are kept."""

_KEPT = ("_model_name", "children", "description", "value", "max")
_MAX_DEPTH = 8


class Widgets:
    """The state of an execution's widgets, as far as it can be told in words."""

    def __init__(self) -> None:
        self._states: dict[str, dict[str, Json]] = {}

    def feed(self, msg_type: str, content: Mapping[str, Json]) -> bool:
        """Take a ``comm_open`` or ``comm_msg``; true if a widget changed."""
        comm_id, data = content.get("comm_id"), content.get("data")
        if not isinstance(comm_id, str) or not isinstance(data, dict):
            return False
        new = data.get("state")
        if not isinstance(new, dict):
            return False
        if msg_type == "comm_open" and len(self._states) < MAX_WIDGETS:
            self._states.setdefault(comm_id, {})
        state = self._states.get(comm_id)
        if state is None:
            return False
        kept = {name: _cut(value) for name, value in new.items() if name in _KEPT}
        state.update(kept)
        return bool(kept)

    def words(self, view: Json) -> str | None:
        """What the widget of a `VIEW` shows; None when nothing is known of it."""
        model_id = view.get("model_id") if isinstance(view, dict) else None
        if not isinstance(model_id, str) or model_id not in self._states:
            return None
        return self._words(model_id, _MAX_DEPTH)

    def _words(self, model_id: str, depth: int) -> str:
        state = self._states.get(model_id, {})
        name = str(state.get("_model_name", "")).removesuffix("Model")
        description = _plain(state.get("description"))
        children = state.get("children")
        if isinstance(children, list) and depth:
            ids = [str(child).removeprefix("IPY_MODEL_") for child in children]
            words = [self._words(child, depth - 1) for child in ids]
            return " ".join(filter(None, words)) or name
        value, most = state.get("value"), state.get("max")
        if name in ("HTML", "HTMLMath", "Label"):
            return f"{description} {_plain(value)}".strip()
        if name.endswith("Progress") and isinstance(value, int | float):
            shown = f"{value:g}/{most:g}" if isinstance(most, int | float) else f"{value:g}"
            return f"{description} [{shown}]".strip()
        shown = "" if value is None or isinstance(value, list | dict) else _plain(str(value))
        return " ".join(filter(None, [name, description, shown]))


def _plain(value: Json) -> str:
    """Text without its tags: the whole of HTML is not needed for a label."""
    if not isinstance(value, str):
        return ""
    return html.unescape(re.sub(r"<[^>]*>", "", value)).replace("\xa0", " ").strip()


def _cut(value: Json) -> Json:
    return value[:MAX_TEXT] if isinstance(value, str) else value
