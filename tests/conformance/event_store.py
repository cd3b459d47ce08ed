"""The events of streams that a client may resume, for the scenario that does so."""

from __future__ import annotations

from mcp.server.streamable_http import EventCallback, EventMessage, EventStore
from mcp_types import JSONRPCMessage


class MemoryEventStore(EventStore):
    """Keeps every event for as long as the test server lives."""

    def __init__(self) -> None:
        self._events: list[tuple[str, JSONRPCMessage | None]] = []

    async def store_event(self, stream_id: str, message: JSONRPCMessage | None) -> str:
        """Keep an event; its id is its position."""
        self._events.append((stream_id, message))
        return str(len(self._events) - 1)

    async def replay_events_after(self, last_event_id: str, send_callback: EventCallback) -> str:
        """Send the events of a stream after the given one."""
        place = int(last_event_id)
        stream = self._events[place][0]
        for number, (stream_id, message) in enumerate(self._events):
            if number > place and stream_id == stream and message is not None:
                await send_callback(EventMessage(message, str(number)))
        return stream
