"""One interactive widget: what is kept of its state, and the messages that say it."""

from __future__ import annotations

from collections.abc import Mapping

from jupyter_mcp_ext.outputs.folding.widget_words import is_secret, kind_of
from jupyter_mcp_ext.outputs.folding.writing import Message
from jupyter_mcp_ext.outputs.model import Json

VIEW = "application/vnd.jupyter.widget-view+json"

MAX_TEXT = 10_000
"""Characters of one text of a widget that are kept."""

MAX_ITEMS = 500
"""Items of one list of a widget that are kept."""

MAX_STATE = 40_000
"""Characters about of one widget's state that are kept."""

_KEPT = (
    "_model_name",
    "_options_labels",
    "_titles",
    "children",
    "description",
    "index",
    "max",
    "selected_index",
    "titles",
    "value",
)
SAID = "outputs_said"
"""Where messages that we write down have the outputs that the kernel has said it holds."""

_PREFIX = "IPY_MODEL_"


class Widget:
    """A widget that is open."""

    def __init__(self, state: dict[str, Json] | None = None) -> None:
        self.state = state or {}
        self.said: list[Json] = []
        """The outputs that the kernel has said it holds, of an Output widget."""
        self.parent = ""
        """The widget that it is in."""
        self.shown_by = ""
        """The execution that displays it."""

    @property
    def kind(self) -> str:
        """The name of its kind, without a package; empty when it is not known."""
        return kind_of(self.state)

    @property
    def children(self) -> list[str]:
        """The widgets in it."""
        children = self.state.get("children")
        found = children if isinstance(children, list) else []
        return [str(child).removeprefix(_PREFIX) for child in found]

    def update(self, new: Mapping[str, Json]) -> dict[str, Json]:
        """Take in a state; what is kept of it."""
        kept = {name: _cut(new[name]) for name in _KEPT if name in new}
        if is_secret({**self.state, **kept}):
            kept.pop("value", None)
            self.state.pop("value", None)
        if len(str(kept)) > MAX_STATE:
            kept = {name: kept[name] for name in ("_model_name", "description") if name in kept}
        self.state.update(kept)
        if isinstance(said := new.get(SAID), list):
            self.said = said
        return kept

    def hold(self, outputs: list[Json]) -> tuple[list[Json], bool]:
        """Take in the outputs that the kernel says it has: those that are new, and if only they.

        What it captured the kernel does not know of, since only a frontend tells it: so outputs
        that come after those it knew are added, and only others take the place of all.
        """
        known = len(self.said)
        replaces = outputs[:known] != self.said
        self.said = outputs
        return (outputs if replaces else outputs[known:]), replaces

    def display(self, by: str, inside: str) -> None:
        """An execution displays it, ``inside`` an Output widget if that is not empty."""
        if inside:
            self.parent = self.parent or inside
        else:
            self.shown_by = by

    def put_into(self, parent: str) -> None:
        """It is a child of another widget."""
        self.parent = parent


def opening(comm_id: str, widget: Widget) -> Message:
    """The message that says what a widget is."""
    return "comm_open", {"comm_id": comm_id, "data": {"state": dict(widget.state)}}


def said(comm_id: str, widget: Widget) -> Message:
    """The message that says which of its outputs come from the kernel."""
    state: dict[str, Json] = {SAID: widget.said}
    return "comm_msg", {"comm_id": comm_id, "data": {"state": state}}


def close(comm_id: str) -> Message:
    """The message by which a widget ends."""
    return "comm_close", {"comm_id": comm_id, "data": {}}


def capture(comm_id: str, *, begins: bool) -> Message:
    """The message by which an Output widget begins to capture what is put out, or ends it."""
    state: dict[str, Json] = {"msg_id": "here" if begins else ""}
    return "comm_msg", {"comm_id": comm_id, "data": {"state": state}}


def _cut(value: Json, depth: int = 2) -> Json:
    match value:
        case str():
            return value[:MAX_TEXT]
        case list():
            return [_cut(each, depth - 1) for each in value[:MAX_ITEMS]] if depth else None
        case dict():
            names = list(value)[:20]
            return {n[:100]: _cut(value[n], depth - 1) for n in names} if depth else None
        case _:
            return value
