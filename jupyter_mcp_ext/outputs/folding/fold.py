"""The outputs that a notebook would show after a series of IOPub messages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from jupyter_mcp_ext.outputs.folding.area import Area
from jupyter_mcp_ext.outputs.folding.captures import Captures
from jupyter_mcp_ext.outputs.folding.elsewhere import Elsewhere
from jupyter_mcp_ext.outputs.folding.resolving import model_in, resolved
from jupyter_mcp_ext.outputs.folding.widget_tree import Room
from jupyter_mcp_ext.outputs.folding.widgets import Widgets
from jupyter_mcp_ext.outputs.folding.writing import Message
from jupyter_mcp_ext.outputs.model import Json, Output

COMMS = ("comm_open", "comm_msg", "comm_close")


class OutputFold:
    """The outputs that a notebook would show after the messages of one execution.

    With ``max_bytes``, output beyond that is dropped and counted; an error is always kept.
    """

    def __init__(self, max_bytes: int = 0) -> None:
        self._area = Area(max_bytes, keeps_ends=True)
        self.widgets = Widgets()
        """The kernel's widgets, once they are shared."""
        self.captures = Captures()
        self._by = ""
        self._told: set[str] = set()
        """Widgets that the messages so far describe, for example those of `kept`."""
        self._kept: list[Message] = []
        self._views: set[str] = set()
        self._elsewhere = Elsewhere()
        self._lost = 0
        """Bytes of messages that were dropped unread; clear_output does not reset them."""

    @property
    def bytes(self) -> int:
        """Bytes of the outputs."""
        return self._area.bytes

    @property
    def dropped_bytes(self) -> int:
        """Bytes that a notebook would show and ``outputs`` does not."""
        return self._lost + self._area.dropped

    @property
    def cost(self) -> int:
        """Approximate bytes of the outputs when they are stored, each with its frame."""
        return self.bytes + 200 * len(self._area.items)

    @property
    def outputs(self) -> tuple[Output, ...]:
        return tuple(resolved(self._area.items, self.widgets, room=Room()))

    @property
    def lines(self) -> int:
        """Finished lines of text so far, never more than ``pages.merged_lines`` would number."""
        return self._area.lines

    @property
    def last_line(self) -> str:
        """The last line of text that is not empty, as a terminal shows it without colours."""
        taking = self.captures.open
        if taking and (line := self.widgets.area(taking[-1]).last_line):
            return line
        return self._area.last_line

    @property
    def version(self) -> int:
        """A number that changes when another execution may have changed the outputs."""
        is_whole = self._views and all(view in self.widgets for view in self._views)
        return self.widgets.version if is_whole else 0

    def share(self, widgets: Widgets, by: str) -> None:
        """Use the kernel's widgets; ``by`` is the execution whose messages these are."""
        self.widgets, self._by = widgets, by

    def elsewhere(self) -> Iterator[tuple[str, str]]:
        """Widgets that these messages have changed and others display, and the execution."""
        return self._elsewhere.shown(self.widgets, self._by)

    def messages(self) -> Iterator[Message]:
        """The fewest messages that lead to the same outputs, display ids included.

        They replace all that were stored before.
        """
        told = self._told = set[str]()
        for msg_type, content in self._area.messages():
            yield from self.widgets.introduced(model_in(content.get("data")), told)
            yield msg_type, content
        yield from self.captures.begun()

    def news(self, by: str) -> Iterator[Message]:
        """The messages that bring another execution's widgets up to date."""
        return self._elsewhere.news(self.widgets, by)

    def kept(self, msg_type: str, content: object) -> Sequence[tuple[str, object]]:
        """The messages to store for the one that was fed last: they lead to the same outputs.

        They include what is known of other executions' widgets, and no secrets.
        """
        if msg_type in COMMS:
            return self._kept
        if self.captures.open:
            ends = self.widgets.held.ends(self.captures.open[-1], but_last=True)
        else:
            ends = self._area.ends(but_last=True)
        return [*self._kept, *ends, (msg_type, content)]

    def ends(self) -> Iterator[Message]:
        """The messages to store for the ends of floods, each once."""
        yield from self._area.ends()
        yield from self.captures.ends(self.widgets)

    def restore(self, lines: int, size: int, dropped: int) -> None:
        """Take over the counts of outputs that are stored elsewhere."""
        self._area.count(size, lines)
        self._lost = dropped

    def release(self) -> None:
        """Drop the outputs, which are stored elsewhere; the counts stay."""
        self._area.release()
        self.widgets, self._views = Widgets(), set()

    def count(self, size: int) -> None:
        """Count output that is shown elsewhere."""
        self._area.count(size)

    def drop(self, size: int) -> None:
        """Count a message that was too large to be read."""
        self._lost += size

    def feed(self, msg_type: str, content: object) -> bool:
        """Apply a message; true if it changed what a notebook would show."""
        if self._kept:
            self._kept = []
        if not isinstance(content, Mapping):
            return False
        taking = self.captures.open
        if msg_type == "stream" and not taking:  # the most frequent, in a flood
            return self._area.write(content)
        if msg_type in COMMS:
            return self._follow(msg_type, content)
        if msg_type == "update_display_data":
            in_cell = self._area.update(content)
            return self.widgets.update_displays(content) or in_cell
        model_id = model_in(content.get("data")) if "data" in content else ""
        if model_id:
            self._kept = list(self.widgets.introduced(model_id, self._told))
            self._views.add(model_id)
            self.widgets.display(model_id, self._by, taking[-1] if taking else "")
        if not taking:
            return self._area.feed(msg_type, content)
        self._elsewhere.note(taking[-1])
        changed, lost = self.captures.give(msg_type, content, self.widgets)
        self._lost += lost
        return changed

    def _follow(self, msg_type: str, content: Mapping[str, Json]) -> bool:
        """Apply a message of a comm."""
        comm_id = content.get("comm_id")
        if not isinstance(comm_id, str):
            return False
        kept = self.widgets.feed(msg_type, content)
        if kept is not None and msg_type == "comm_open":
            self._told.add(comm_id)
        elif kept is not None:
            self._elsewhere.note(comm_id)
        if kept is not None and comm_id in self._told:
            self._kept += [*self.widgets.introduced(comm_id, self._told), kept]  # what is new in it
        captured = None
        if msg_type == "comm_msg":
            captured = self.captures.follow(comm_id, content, self.widgets)
        if captured is not None:
            self._kept.append(captured)
        return kept is not None or captured is not None
