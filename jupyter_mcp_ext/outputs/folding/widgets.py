"""What a kernel's interactive widgets show, followed through their state messages.

A widget's output holds only its model's id; what it shows comes over comms
(https://github.com/jupyter-widgets/ipywidgets/blob/main/packages/schema/messages.md). Widgets live
as long as their kernel: one execution may display what another one changes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping

from jupyter_mcp_ext.outputs.folding.area import Area
from jupyter_mcp_ext.outputs.folding.output_widgets import OutputWidgets
from jupyter_mcp_ext.outputs.folding.widget import Widget, capture, close, opening, said
from jupyter_mcp_ext.outputs.folding.widget_tree import MAX_DEPTH, Room, Showing, inner_first
from jupyter_mcp_ext.outputs.folding.writing import Message
from jupyter_mcp_ext.outputs.model import Json

MAX_WIDGETS = 2_000
"""Widgets of a kernel that are followed, the latest; others are shown as they were displayed."""


class Widgets:
    """The widgets of one kernel, as far as they can be told in words."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Widget] = OrderedDict()
        """The least recently used first."""
        self._closed: OrderedDict[str, tuple[str, str]] = OrderedDict()
        """By which execution each was displayed, and in which widget."""
        self.held = OutputWidgets()
        self.version = 0
        """Counts the changes of what is shown."""

    def __contains__(self, comm_id: object) -> bool:
        return comm_id in self._known or comm_id in self._closed

    def feed(self, msg_type: str, content: Mapping[str, Json]) -> Message | None:
        """Take in a message of a comm; what is kept of it, None when it changes nothing here."""
        comm_id, data = content.get("comm_id"), content.get("data")
        if not isinstance(comm_id, str):
            return None
        if msg_type == "comm_close":
            return self._close(comm_id)
        new = data.get("state") if isinstance(data, dict) else None
        if not isinstance(new, dict):
            return None
        if msg_type == "comm_open":
            return self._open(comm_id, new)
        widget = self._known.get(comm_id)
        if widget is None:
            return None
        kept = self._update(comm_id, widget, new)
        return ("comm_msg", {"comm_id": comm_id, "data": {"state": kept}}) if kept else None

    def take(self, comm_id: str, msg_type: str, content: Mapping[str, Json]) -> bool:
        """Give a message to an Output widget; true if that changed what it shows."""
        self.area(comm_id)
        changed = self.held.take(comm_id, msg_type, content)
        self._touch(comm_id)
        self.version += changed
        return changed

    def area(self, comm_id: str) -> Area:
        """Where an Output widget shows what it holds."""
        if comm_id not in self._known:  # its beginning was not seen
            self._add(comm_id, Widget({"_model_name": "OutputModel"}))
        return self.held.area(comm_id)

    def is_closed(self, comm_id: str) -> bool:
        """Whether a widget has ended."""
        return comm_id in self._closed

    def update_displays(self, content: Mapping[str, Json]) -> bool:
        """Take in an ``update_display_data`` for what Output widgets hold."""
        changed = self.held.update_displays(content)
        self.version += changed
        return changed

    def parts(self, model_id: str, room: Room | None = None) -> list[str | Area] | None:
        """What the widget of a view shows, in order; None when nothing better is known of it.

        Nothing is left of one that was closed. ``room`` is what may be looked at yet.
        """
        if model_id in self._closed:
            return []
        if model_id not in self._known:
            return None
        found = Showing(self._known, self.held.areas, room or Room())
        found.add(model_id)
        return found.parts if found.tells else None

    def bare(self, model_id: str) -> str:
        """The name of a widget's kind, the least that can be said of it."""
        widget = self._known.get(model_id)
        return widget.kind if widget is not None else ""

    def words(self, model_id: str) -> str:
        """What a widget shows, in words; empty for one that shows outputs."""
        parts = self.parts(model_id) or []
        return " ".join(part for part in parts if isinstance(part, str) and part)

    def introduced(
        self, model_id: str, told: set[str], *, whole: bool = False
    ) -> Iterator[Message]:
        """The messages that tell of a widget and those in it, except those in ``told``.

        They are added to it. For ``whole`` see `Area.messages`.
        """
        for each in inner_first(self._known, model_id):
            if each not in told:
                told.add(each)
                yield from self._messages(each, whole=whole)

    def _messages(self, model_id: str, *, whole: bool) -> Iterator[Message]:
        """The messages that make a widget known to others, without those in it."""
        widget = self._known[model_id]
        yield opening(model_id, widget)
        if self.held.holds(model_id):
            yield capture(model_id, begins=True)
            yield from self.held.area(model_id).messages(whole=whole)
            yield capture(model_id, begins=False)
        if widget.said:
            yield said(model_id, widget)

    def display(self, model_id: str, by: str, inside: str) -> None:
        """An execution displays a widget, ``inside`` an Output widget if that is not empty."""
        widget = self._known.get(model_id)
        if widget is not None:
            widget.display(by, inside)

    def shown_by(self, comm_id: str) -> tuple[str, str]:
        """The execution that displays a widget or what it is in, and which of them that is."""
        for _ in range(MAX_DEPTH):
            widget = self._known.get(comm_id)
            if widget is None:
                return self._closed.get(comm_id, ("", ""))
            if widget.shown_by:
                return widget.shown_by, comm_id
            comm_id = widget.parent
        return "", ""

    def _open(self, comm_id: str, new: Mapping[str, Json]) -> Message | None:
        name = str(new.get("_model_name", ""))
        if name == "LayoutModel" or name.endswith("StyleModel"):
            return None
        widget = Widget()
        self._add(comm_id, widget)
        kept = self._update(comm_id, widget, new)
        return ("comm_open", {"comm_id": comm_id, "data": {"state": kept}}) if kept else None

    def _close(self, comm_id: str) -> Message | None:
        if comm_id not in self._known:
            return None
        shown_by = self.shown_by(comm_id)
        self._forget(comm_id)
        self._closed[comm_id] = shown_by
        if len(self._closed) > MAX_WIDGETS:
            self._closed.popitem(last=False)
        self.version += 1
        return close(comm_id)

    def _add(self, comm_id: str, widget: Widget) -> None:
        if comm_id in self._known:
            self._forget(comm_id)
        self._known[comm_id] = widget
        self._closed.pop(comm_id, None)
        if len(self._known) > MAX_WIDGETS:
            self._forget(next(iter(self._known)))

    def _forget(self, comm_id: str) -> None:
        del self._known[comm_id]
        self.held.forget(comm_id)

    def _update(self, comm_id: str, widget: Widget, new: Mapping[str, Json]) -> dict[str, Json]:
        """Take in a state; what is kept of it."""
        kept = widget.update(new)
        if "children" in kept:
            for child in widget.children:
                if child in self._known:
                    self._known[child].put_into(comm_id)
        outputs = new.get("outputs")
        if isinstance(outputs, list) and widget.kind == "Output":
            new_outputs, replaces = widget.hold(outputs)
            if replaces:
                self.take(comm_id, "clear_output", {})
            for node in new_outputs:
                if isinstance(node, dict):
                    self.take(comm_id, str(node.get("output_type")), node)
            kept["outputs"] = outputs
        if kept:
            self._touch(comm_id)
            self.version += 1
        return kept

    def _touch(self, comm_id: str) -> None:
        """Mark a widget and its parents as used."""
        for _ in range(MAX_DEPTH):
            if comm_id not in self._known:
                return
            self._known.move_to_end(comm_id)
            comm_id = self._known[comm_id].parent
