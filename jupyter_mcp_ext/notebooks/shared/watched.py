"""Tells of changes in the rooms of chosen notebooks, while people have them open."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from logging import Logger
from typing import Any
from weakref import ReferenceType, ref

from jupyter_mcp_ext.concurrency import Tasks, Timers
from jupyter_mcp_ext.notebooks.shared.loading import RoomLoading
from jupyter_mcp_ext.notebooks.shared.rooms import Room, Rooms

AGAIN = 1.0
"""Seconds after which a room is looked for again that was waited for and still loads."""


@dataclass(frozen=True, kw_only=True)
class _Observed:
    """A document whose changes are told of."""

    document: ReferenceType[Any]
    """Not kept: it belongs to the room."""
    subscription: Any


class WatchedRooms:
    """The rooms of the notebooks that are watched; no room is opened here."""

    def __init__(
        self, rooms: Rooms, tell: Callable[[str], None], log: Logger, *, again: float = AGAIN
    ) -> None:
        """``tell`` is called with the API path of a notebook that changes."""
        self._rooms = rooms
        self._tell = tell
        self._log = log
        self._again = again
        self._timers: Timers[str] = Timers()
        """For the paths whose rooms are loading."""
        self._watched: dict[str, _Observed | None] = {}
        """By path; None where no room is known to be open."""
        self._tasks = Tasks()

    def watch(self, path: str) -> None:
        """Tell of changes in the room of a notebook, now and when people open it later."""
        self._watched.setdefault(path, None)
        self.look(path)

    def unwatch(self, path: str) -> None:
        """Tell of them no longer."""
        self._timers.stop(path)
        _end(self._watched.pop(path, None))

    def look(self, path: str) -> None:
        """Observe the room of a watched notebook, if it is open and not observed yet."""
        if path in self._watched:
            self._tasks.start(self._look(path), name="mcp-watched-room")

    async def settled(self) -> None:
        """Return when the rooms that are open now are observed."""
        await self._tasks.ended()

    async def close(self) -> None:
        """Observe no room."""
        await self._tasks.close()
        for path in tuple(self._watched):
            self.unwatch(path)

    async def _look(self, path: str) -> None:
        try:
            room = await self._rooms.open(path)
        except RoomLoading:
            if path in self._watched:
                self._timers.set(path, self._again, self.look)
            return
        except Exception:  # noqa: BLE001  # another package's; without an answer there is no room
            self._log.exception("Whether %s is open in a room could not be determined", path)
            return
        if room is not None and path in self._watched:
            self._observe(path, room)

    def _observe(self, path: str, room: Room) -> None:
        known = self._watched[path]
        if known is not None and known.document() is room.document:
            return
        _end(known)
        loop = asyncio.get_running_loop()

        def changed(_: Any) -> None:
            # Called within the room's transaction, which must not fail by it.
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._tell, path)

        subscription = room.document.ydoc.observe(changed)
        self._watched[path] = _Observed(document=ref(room.document), subscription=subscription)


def _end(observed: _Observed | None) -> None:
    document = observed.document() if observed is not None else None
    if observed is not None and document is not None:
        document.ydoc.unobserve(observed.subscription)
