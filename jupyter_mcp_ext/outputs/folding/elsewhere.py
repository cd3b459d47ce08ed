"""Changes by an execution to widgets that another one displays."""

from __future__ import annotations

from collections.abc import Iterator

from jupyter_mcp_ext.outputs.folding.widget import close
from jupyter_mcp_ext.outputs.folding.widgets import MAX_WIDGETS, Widgets
from jupyter_mcp_ext.outputs.folding.writing import Message


class Elsewhere:
    """The widgets that an execution has changed, the first `MAX_WIDGETS`."""

    def __init__(self) -> None:
        self._changed: dict[str, None] = {}

    def note(self, comm_id: str) -> None:
        """Note a change of a widget that another execution may display."""
        if len(self._changed) < MAX_WIDGETS:
            self._changed[comm_id] = None

    def shown(self, widgets: Widgets, but: str) -> Iterator[tuple[str, str]]:
        """The executions that display them, ``but`` one, each with the widget that it displays.

        They are empty if an Output widget that none displays has captured output.
        """
        seen: set[tuple[str, str]] = set()
        for comm_id in self._changed:
            by, shown = widgets.shown_by(comm_id)
            is_lost = not by and widgets.held.holds(comm_id)
            found = (by, shown) if by else ("", "")
            if (is_lost or by not in ("", but)) and found not in seen:
                seen.add(found)
                yield found

    def news(self, widgets: Widgets, by: str) -> Iterator[Message]:
        """The messages that bring another execution's widgets up to date."""
        told: set[str] = set()
        for comm_id in self._changed:
            owner, shown = widgets.shown_by(comm_id)
            if owner == by:
                yield from widgets.introduced(shown, told, whole=True)
                if widgets.is_closed(comm_id):
                    yield close(comm_id)
