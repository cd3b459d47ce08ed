"""Edits in rooms that are not known to be saved, and are carried over to the file if they are lost.

jupyter_server_ydoc saves a second after the last change, and cancels that when the room closes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from logging import Logger
from typing import Any

from jupyter_mcp_ext.concurrency import Tasks, Timers
from jupyter_mcp_ext.errors import ToolError
from jupyter_mcp_ext.notebooks.draft import OnLost, Saving

from .loading import RoomLoading
from .notes import Notes
from .rooms import Room, Rooms
from .touched import Touched, carried_over

EVENTS = "https://schema.jupyter.org/jupyter_collaboration/session/v1"
"""The events in which rooms tell that they have saved, failed to, or closed."""

MARGIN = 1.0
"""Seconds after a room should have saved when it is looked whether it still exists."""

LAST = 5.0
"""Seconds for which a room is waited for that saves as the server stops."""

MOVED = 0.5
"""Seconds after a move when it is looked whether a person has moved the cell too: it is there twice
then, and our copy goes before the room saves both.
"""


@dataclass(kw_only=True)
class _Edits:
    """What one room has not saved yet."""

    room: Room
    on_lost: OnLost
    touched: Touched = field(default_factory=Touched)
    by: dict[str, set[str]] = field(default_factory=dict)
    """The ids of the cells that each client has touched."""
    since: float = field(default_factory=time.monotonic)
    """When the first of the edits was made."""
    at: float = 0.0
    """When the last of them was made."""
    tried: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when all are known to be saved, could not be saved, or are no longer this room's."""
    subscription: Any = None
    """To the changes of the document."""

    def add(self, touched: Touched, clients: Iterable[str]) -> None:
        """Some clients, mostly one, have made an edit."""
        self.touched.add(touched)
        self.at = time.monotonic()
        self.tried.clear()
        for client in clients:
            self.by.setdefault(client, set()).update(touched.ids)

    def clients(self, cell_ids: Collection[str]) -> Iterable[str]:
        """Those who have touched one of these cells."""
        return [client for client, touched in self.by.items() if not touched.isdisjoint(cell_ids)]


class Unsaved:
    """The edits of all rooms; ``events`` is the server's EventLogger."""

    def __init__(self, rooms: Rooms, events: Any, log: Logger) -> None:
        self._rooms = rooms
        self._events = events
        self._log = log
        self._edits: dict[str, _Edits] = {}
        self._faults: dict[str, str] = {}
        self.notes = Notes()
        """What became of edits that were lost."""
        self._timers: Timers[str] = Timers()
        self._tasks = Tasks()
        self._is_listening = False

    def add(self, room: Room, touched: Touched, on_lost: OnLost, clients: Collection[str]) -> None:
        """An edit was made in a room; ``clients`` are told if it is lost."""
        self._listen()
        edits = self._edits.get(room.room_id)
        if edits is None or edits.room.document is not room.document:
            self._forget(room.room_id)
            edits = self._edits[room.room_id] = _Edits(room=room, on_lost=on_lost)
            if room.is_saved is not None:  # no events tell
                edits.subscription = self._observe(room)
        edits.add(touched, clients)
        if touched.moved:
            asyncio.get_running_loop().call_later(MOVED, self._moved, room, touched.moved)
        self._timers.set(room.room_id, room.source.save_delay + MARGIN, self._look)

    def __contains__(self, room_id: str) -> bool:
        """Whether a room has edits of this server that are not known to be saved."""
        return room_id in self._edits

    def saving(self, room: Room) -> Saving | None:
        """What a room needs to save its edits; None if they are saved, or no pause helps."""
        edits = self._edits.get(room.room_id)
        if edits is None or not room.source.needs_pause or room.unsaved:
            return None
        return Saving(
            delay=room.source.save_delay,
            waits=time.monotonic() - edits.since,
            tried=edits.tried.wait,
        )

    def fault(self, room_id: str) -> str:
        """Why a room could not save the last time; empty if it could."""
        return self._faults.get(room_id, "")

    async def close(self) -> None:
        """Let open rooms save for the last time, carry over what they have not saved, and stop."""
        self._timers.close()
        edits = tuple(self._edits.values())
        await asyncio.gather(*(self._last_save(one) for one in edits))
        self._rooms.close()
        for room_id, one in tuple(self._edits.items()):
            self._forget(room_id)
            self._tasks.start(self._carry_over(one), name="mcp-unsaved-edits")
        await self._tasks.ended()
        with suppress(KeyError):
            self._events.remove_listener(listener=self._heard)

    async def _last_save(self, edits: _Edits) -> None:
        """Return when a room has saved, with what people have typed, or will not in time."""
        room = edits.room
        delay = room.source.save_delay + MARGIN
        if not room.is_open or room.unsaved or room.room_id in self._faults or delay > LAST:
            return
        # Not cancelled when it takes long: that would cancel the room's last save.
        stopping = asyncio.ensure_future(room.source.stopped(room.room_id))
        await asyncio.wait({stopping}, timeout=LAST)
        if stopping.done() and not stopping.result():
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(edits.tried.wait(), delay)

    def _listen(self) -> None:
        if not self._is_listening:
            self._is_listening = True
            self._events.add_listener(schema_id=EVENTS, listener=self._heard)

    async def _heard(self, logger: Any, schema_id: str, data: Mapping[str, Any]) -> None:
        """Called by the EventLogger, with these names."""
        room_id, action = str(data.get("room")), data.get("action")
        edits = self._edits.get(room_id)
        if data.get("level") == "ERROR" and action is None and edits is not None:
            self._faults[room_id] = "the server could not save it; its log has the details"
            edits.tried.set()
        elif action == "save":
            self._faults.pop(room_id, None)
            # Sooner it may be a save that had begun before the edit.
            if edits and time.monotonic() - edits.at >= edits.room.source.save_delay:
                self._forget(room_id)
        elif action == "clean":
            self._look(room_id)
        elif action == "overwrite" and edits is not None:
            self._forget(room_id)
            self._overwritten(edits, edits.touched.ids)

    def _observe(self, room: Room) -> Any:
        """Look at the edits each time the room has replaced its cells by those of its file."""
        loop = asyncio.get_running_loop()

        def changed(_: Any) -> None:
            # Called within the room's transaction, which must not fail by it.
            if room.is_reloading() and not loop.is_closed():
                self._tasks.start(self._reloaded(room), name="mcp-reloaded-room")

        return room.document.ydoc.observe(changed)

    async def _reloaded(self, room: Room) -> None:
        with suppress(RoomLoading):
            await room.until_free(room.room_id)
            self._look_for_lost(room)

    def _look_for_lost(self, room: Room) -> None:
        edits = self._edits.get(room.room_id)
        if edits is None or edits.room.document is not room.document:
            return
        with room.draft() as draft:
            lost = edits.touched.lost(draft)
        if lost:
            self._forget(room.room_id)
            self._overwritten(edits, lost)

    def _overwritten(self, edits: _Edits, lost: Collection[str]) -> None:
        path = self._rooms.path_of(edits.room.room_id)
        if path is not None:
            self._log.warning("The last edit of %s was replaced by what is in its file", path)
            note = "another program saved the file, and its content replaced your edit"
            self.notes.add(path, edits.clients(lost), note)

    def _moved(self, room: Room, moved: Collection[str]) -> None:
        self._tasks.start(self._drop_doubles(room, moved), name="mcp-doubled-cells")

    async def _drop_doubles(self, room: Room, moved: Collection[str]) -> None:
        with suppress(RoomLoading):
            await room.until_free(room.room_id)
            if room.is_open:
                room.drop_doubles(moved)

    def _look(self, room_id: str) -> None:
        """Forget edits that are saved, and carry them over if their room has closed."""
        edits = self._edits.get(room_id)
        if edits is None:
            return
        if not edits.room.is_open:
            self._forget(room_id)
            self._tasks.start(self._carry_over(edits), name="mcp-unsaved-edits")
        elif edits.room.is_saved:
            self._forget(room_id)

    def _forget(self, room_id: str) -> None:
        if (edits := self._edits.pop(room_id, None)) is not None:
            edits.tried.set()
            if edits.subscription is not None:
                edits.room.document.ydoc.unobserve(edits.subscription)
        self._timers.stop(room_id)

    async def _carry_over(self, edits: _Edits) -> None:
        room_id = edits.room.room_id
        self._faults.pop(room_id, None)
        await edits.room.source.closed(room_id)
        path = self._rooms.path_of(room_id)
        if path is None:
            return  # deleted, with what was edited
        try:
            await edits.room.until_free(path)
            with edits.room.draft() as document:
                change = carried_over(edits.touched, document)
            lost = (await edits.on_lost(path, change, tuple(edits.by))).value
        except Exception as err:  # noqa: BLE001  # whatever it is, those who edited are told
            self._log.warning("An edit of %s was lost when its room closed", path, exc_info=err)
            why = err if isinstance(err, ToolError) else "the server's log has the details"
            note = f"the last edit was lost when the notebook's room closed: {why}"
            self.notes.add(path, edits.by, note)
            return
        if lost:
            names = ", ".join(cell_id[:8] for cell_id in lost)
            self._log.warning("Edits of cells of %s were lost: %s", path, names)
            note = f"the last edit of {names} was lost when the notebook's room closed"
            self.notes.add(path, edits.clients(lost), note)
