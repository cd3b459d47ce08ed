"""Which Output widget captures an execution's output."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from jupyter_mcp_ext.outputs.folding.widget import capture
from jupyter_mcp_ext.outputs.folding.widgets import MAX_WIDGETS, Widgets
from jupyter_mcp_ext.outputs.folding.writing import Message
from jupyter_mcp_ext.outputs.model import Json


class Captures:
    """The Output widgets that capture output, and what they have captured."""

    def __init__(self) -> None:
        self.open: list[str] = []
        """Those that capture now; the last one gets the output."""
        self._taking: dict[str, None] = {}

    def follow(self, comm_id: str, content: Mapping[str, Json], widgets: Widgets) -> Message | None:
        """Start or stop capturing, if a comm's message says so; the messages to store for it."""
        data = content.get("data")
        state = data.get("state") if isinstance(data, dict) else None
        msg_id = state.get("msg_id") if isinstance(state, dict) else None
        if not isinstance(msg_id, str) or widgets.bare(comm_id) not in ("Output", ""):
            return None
        if comm_id in self.open:
            self.open.remove(comm_id)
        if msg_id:
            self.open.append(comm_id)
        return capture(comm_id, begins=bool(msg_id))

    def give(
        self, msg_type: str, content: Mapping[str, Json], widgets: Widgets
    ) -> tuple[bool, int]:
        """Give a message to the widget that captures: whether that changed what it shows.

        And the bytes that it did not keep.
        """
        comm_id = self.open[-1]
        if len(self._taking) < MAX_WIDGETS:
            self._taking[comm_id] = None
        before = widgets.held.dropped(comm_id)
        changed = widgets.take(comm_id, msg_type, content)
        return changed, max(widgets.held.dropped(comm_id) - before, 0)

    def release(self) -> None:
        """End capturing: the code has ended, and later output belongs to the execution."""
        self.open.clear()

    def ends(self, widgets: Widgets) -> Iterator[Message]:
        """The messages to store for the ends of floods in them."""
        for comm_id in self._taking:
            if ends := list(widgets.held.ends(comm_id)):
                yield from (capture(comm_id, begins=True), *ends, capture(comm_id, begins=False))

    def begun(self) -> Iterator[Message]:
        """The messages that started the present captures."""
        for comm_id in self.open:
            yield capture(comm_id, begins=True)
