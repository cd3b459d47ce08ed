"""The outputs that a kernel's Output widgets hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from jupyter_mcp_ext.outputs.folding.area import Area
from jupyter_mcp_ext.outputs.folding.writing import Message
from jupyter_mcp_ext.outputs.model import Json

MAX_AREAS = 8_000_000
"""Bytes of all outputs in a kernel's Output widgets."""

MAX_ENDING = 50
"""Output widgets, the first ones, that keep the end of a flood beyond that limit."""


class OutputWidgets:
    """The outputs in each of them, within `MAX_AREAS` of all."""

    def __init__(self) -> None:
        self.areas: dict[str, Area] = {}
        """Areas by the widget's id."""
        self._bytes = 0

    def area(self, comm_id: str) -> Area:
        """The area of a widget."""
        area = self.areas.get(comm_id)
        if area is None:
            area = self.areas[comm_id] = Area(MAX_AREAS, keeps_ends=len(self.areas) < MAX_ENDING)
        return area

    def take(self, comm_id: str, msg_type: str, content: Mapping[str, Json]) -> bool:
        """Apply a message to a widget; true if that changed what it shows."""
        area = self.area(comm_id)
        before = area.bytes
        area.limit(max(before + MAX_AREAS - self._bytes, 1))
        changed = area.feed(msg_type, content)
        self._bytes += area.bytes - before
        return changed

    def update_displays(self, content: Mapping[str, Json]) -> bool:
        """Apply an ``update_display_data``; true if it changed what is shown."""
        changed = False
        for area in self.areas.values():
            before = area.bytes
            changed |= area.update(content)
            self._bytes += area.bytes - before
        return changed

    def forget(self, comm_id: str) -> None:
        """Forget a widget."""
        area = self.areas.pop(comm_id, None)
        self._bytes -= area.bytes if area is not None else 0

    def holds(self, comm_id: str) -> bool:
        """Whether it is an Output widget with something in it."""
        area = self.areas.get(comm_id)
        return area is not None and bool(area.items)

    def dropped(self, comm_id: str) -> int:
        """Bytes that a widget has not kept since it was last cleared."""
        area = self.areas.get(comm_id)
        return area.dropped if area is not None else 0

    def ends(self, comm_id: str, *, but_last: bool = False) -> Iterator[Message]:
        """The messages to store for floods in a widget; see `Area.ends`."""
        area = self.areas.get(comm_id)
        if area is not None:
            yield from area.ends(but_last=but_last)
