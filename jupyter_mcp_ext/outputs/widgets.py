"""What a kernel's interactive widgets show, followed through their state messages.

A widget's output holds only its model's id; what it shows comes over comms
(https://github.com/jupyter-widgets/ipywidgets/blob/main/packages/schema/messages.md). Widgets live
as long as their kernel: one execution may display what another one changes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from jupyter_mcp_ext.outputs.area import Area, Message
from jupyter_mcp_ext.outputs.model import Json
from jupyter_mcp_ext.outputs.widget_words import is_secret, kind_of, title_of, words_of

VIEW = "application/vnd.jupyter.widget-view+json"

MAX_WIDGETS = 2_000
"""Widgets of a kernel that are followed, the latest; others are shown as they were displayed."""

MAX_TEXT = 10_000
"""Characters of one text of a widget that are kept."""

MAX_ITEMS = 500
"""Items of one list of a widget that are kept."""

MAX_STATE = 40_000
"""Characters about of one widget's state that are kept."""

MAX_PARTS = 20_000
"""Widgets, and outputs in them, that are shown of one execution."""

MAX_AREAS = 8_000_000
"""Bytes of all that Output widgets of a kernel hold."""

MAX_ENDING = 50
"""Output widgets that keep the end of a flood beyond that, the earliest."""

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
"""The outputs that the kernel has said it holds, in what we write down: they are shown already."""

_MAX_DEPTH = 8
_PREFIX = "IPY_MODEL_"


@dataclass
class _Widget:
    state: dict[str, Json] = field(default_factory=dict)
    area: Area | None = None
    """What it holds, of an Output widget."""
    said: list[Json] = field(default_factory=list)
    """The outputs that the kernel has said it holds."""
    parent: str = ""
    shown_by: str = ""
    """The execution that displays it."""

    @property
    def children(self) -> list[str]:
        children = self.state.get("children")
        found = children if isinstance(children, list) else []
        return [str(child).removeprefix(_PREFIX) for child in found]


class Widgets:
    """The widgets of one kernel, as far as they can be told in words."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, _Widget] = OrderedDict()
        """The least recently used first."""
        self._closed: OrderedDict[str, tuple[str, str]] = OrderedDict()
        """By which execution each was displayed, and in which widget."""
        self._outputs: dict[str, Area] = {}
        """What Output widgets hold."""
        self._held = 0
        """Bytes of that."""
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
        area = self.area(comm_id)
        before = area.bytes
        area.max_bytes = max(before + MAX_AREAS - self._held, 1)
        changed = area.feed(msg_type, content)
        self._held += area.bytes - before
        self._touch(comm_id)
        self.version += changed
        return changed

    def area(self, comm_id: str) -> Area:
        """Where an Output widget shows what it holds."""
        widget = self._known.get(comm_id)
        if widget is None:  # its beginning was not seen
            self._add(comm_id, widget := _Widget(state={"_model_name": "OutputModel"}))
        if widget.area is None:
            widget.area = Area(MAX_AREAS, keeps_ends=len(self._outputs) < MAX_ENDING)
            self._outputs[comm_id] = widget.area
        return widget.area

    def is_output(self, comm_id: str) -> bool:
        """Whether it is an Output widget, as far as is known."""
        widget = self._known.get(comm_id)
        return widget is None or kind_of(widget.state) in ("Output", "")

    def is_closed(self, comm_id: str) -> bool:
        """Whether a widget has ended."""
        return comm_id in self._closed

    def update_displays(self, content: Mapping[str, Json]) -> bool:
        """Take in an ``update_display_data`` for what Output widgets hold."""
        changed = False
        for area in self._outputs.values():
            before = area.bytes
            changed |= area.update(content)
            self._held += area.bytes - before
        self.version += changed
        return changed

    def dropped(self, comm_id: str) -> int:
        """Bytes that an Output widget has not kept since it was last cleared."""
        area = self._outputs.get(comm_id)
        return area.dropped if area is not None else 0

    def ends(self, comm_id: str, *, but_last: bool = False) -> Iterator[Message]:
        """What is to be written down of floods in an Output widget, as `Area.ends` says."""
        area = self._outputs.get(comm_id)
        if area is not None:
            yield from area.ends(but_last=but_last)

    def holds(self, comm_id: str) -> bool:
        """Whether it is an Output widget with something in it."""
        area = self._outputs.get(comm_id)
        return area is not None and bool(area.entries)

    def parts(self, model_id: str, room: Room | None = None) -> list[str | Area] | None:
        """What the widget of a view shows, in order; None when nothing better is known of it.

        Nothing is left of one that was closed. ``room`` is what may be looked at yet.
        """
        if model_id in self._closed:
            return []
        if model_id not in self._known:
            return None
        found = _Collection(room=room or Room())
        self._collect(model_id, found, _MAX_DEPTH)
        return found.parts if found.tells else None

    def bare(self, model_id: str) -> str:
        """The name of a widget's kind, the least that can be said of it."""
        widget = self._known.get(model_id)
        return kind_of(widget.state) if widget is not None else ""

    def tree(self, model_id: str) -> list[str]:
        """A widget and those in it, as far as they are known: what is in another comes first."""
        found: dict[str, None] = {}
        self._walk(model_id, found, set(), _MAX_DEPTH)
        return list(found)

    def _walk(self, model_id: str, found: dict[str, None], seen: set[str], depth: int) -> None:
        widget = self._known.get(model_id)
        if widget is None or model_id in seen or not depth:
            return
        seen.add(model_id)
        for child in widget.children:
            self._walk(child, found, seen, depth - 1)
        found[model_id] = None

    def messages(self, model_id: str, *, whole: bool = False) -> Iterator[Message]:
        """The messages that make a widget known to others, without those in it.

        For ``whole`` see `Area.messages`.
        """
        widget = self._known[model_id]
        yield "comm_open", {"comm_id": model_id, "data": {"state": dict(widget.state)}}
        if widget.area is not None and widget.area.entries:
            yield capture(model_id, begins=True)
            yield from widget.area.messages(whole=whole)
            yield capture(model_id, begins=False)
        if widget.said:
            state: dict[str, Json] = {SAID: widget.said}
            yield "comm_msg", {"comm_id": model_id, "data": {"state": state}}

    def display(self, model_id: str, by: str, inside: str) -> None:
        """An execution displays a widget, ``inside`` an Output widget if that is not empty."""
        widget = self._known.get(model_id)
        if widget is not None and inside:
            widget.parent = widget.parent or inside
        elif widget is not None:
            widget.shown_by = by

    def shown_by(self, comm_id: str) -> tuple[str, str]:
        """The execution that displays a widget or what it is in, and which of them that is."""
        for _ in range(_MAX_DEPTH):
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
        widget = _Widget()
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

    def _add(self, comm_id: str, widget: _Widget) -> None:
        if comm_id in self._known:
            self._forget(comm_id)
        self._known[comm_id] = widget
        self._closed.pop(comm_id, None)
        if len(self._known) > MAX_WIDGETS:
            self._forget(next(iter(self._known)))

    def _forget(self, comm_id: str) -> None:
        del self._known[comm_id]
        area = self._outputs.pop(comm_id, None)
        self._held -= area.bytes if area is not None else 0

    def _update(self, comm_id: str, widget: _Widget, new: Mapping[str, Json]) -> dict[str, Json]:
        """Take in a state; what is kept of it."""
        kept = {name: _cut(new[name]) for name in _KEPT if name in new}
        if is_secret({**widget.state, **kept}):
            kept.pop("value", None)
            widget.state.pop("value", None)
        if len(str(kept)) > MAX_STATE:
            kept = {name: kept[name] for name in ("_model_name", "description") if name in kept}
        widget.state.update(kept)
        if "children" in kept:
            for child in widget.children:
                if child in self._known:
                    self._known[child].parent = comm_id
        if isinstance(said := new.get(SAID), list):
            widget.said = said
        outputs = new.get("outputs")
        if isinstance(outputs, list) and kind_of(widget.state) == "Output":
            self._hold(comm_id, widget, outputs)
            kept["outputs"] = outputs
        if kept:
            self._touch(comm_id)
            self.version += 1
        return kept

    def _hold(self, comm_id: str, widget: _Widget, outputs: list[Json]) -> None:
        """Show the outputs that the kernel says an Output widget has.

        What it captured the kernel does not know of, since only a frontend tells it: so outputs
        that come after those it knew are added, and only others take the place of all.
        """
        known = len(widget.said)
        if outputs[:known] != widget.said:
            self.take(comm_id, "clear_output", {})
            known = 0
        widget.said = outputs
        for node in outputs[known:]:
            if isinstance(node, dict):
                self.take(comm_id, str(node.get("output_type")), node)

    def _touch(self, comm_id: str) -> None:
        """It is used, and so is what it is in."""
        for _ in range(_MAX_DEPTH):
            if comm_id not in self._known:
                return
            self._known.move_to_end(comm_id)
            comm_id = self._known[comm_id].parent

    def _collect(self, model_id: str, found: _Collection, depth: int) -> None:
        """Add what a widget shows."""
        widget = self._known.get(model_id)
        if widget is None or not found.room.take(1):
            return
        if kind_of(widget.state) == "Output":
            found.add(widget.area or Area(), tells=True)
            return
        children = widget.children if depth else []
        if not children:
            words, tells = words_of(widget.state)
            found.add(words, tells=tells)
        for number, child in enumerate(children):
            if title := title_of(widget.state, number):
                is_open = widget.state.get("selected_index") == number
                found.add(f"[{title}, open]" if is_open else f"[{title}]", tells=True)
            self._collect(child, found, depth - 1)


@dataclass
class Room:
    """Widgets and outputs in them that may be shown yet: they can contain each other."""

    left: int = MAX_PARTS

    def take(self, count: int) -> bool:
        """Whether there is room for so many; then it is taken."""
        self.left -= count
        return self.left >= 0


@dataclass
class _Collection:
    """What a widget shows, while it is put together."""

    room: Room
    parts: list[str | Area] = field(default_factory=list)
    tells: bool = False
    """Whether it is more than names of kinds."""

    def add(self, part: str | Area, *, tells: bool) -> None:
        self.parts.append(part)
        self.tells |= tells


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
