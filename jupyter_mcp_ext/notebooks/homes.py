"""Where a notebook is at the moment: looked up for each change, and never kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Protocol, TypeVar
from weakref import WeakValueDictionary

from tornado.web import HTTPError

from jupyter_mcp_ext.concurrency import Listeners
from jupyter_mcp_ext.errors import ContentsError
from jupyter_mcp_ext.files.contents import Contents
from jupyter_mcp_ext.files.paths import Place, place_of, quoted
from jupyter_mcp_ext.files.storage import FileStorage
from jupyter_mcp_ext.notebooks.saved.home import FileHome
from jupyter_mcp_ext.notebooks.saved.waiting import WaitingChanges

from .draft import Change, Changed, Gone, Home, OnLost

T = TypeVar("T")

TRIES = 3
"""How often another home is looked for because a room closed just then."""


class OpenRoom(Protocol):
    """Finds the room in which people have the notebook of an API path open; opens none.

    ``on_lost`` applies edits that the room did not save before it closed; ``clients`` are told of
    those that are lost.
    """

    def __call__(
        self, path: str, on_lost: OnLost, clients: Sequence[str]
    ) -> Awaitable[Home | None]: ...


class Homes:
    """The homes of all notebooks of one server."""

    def __init__(
        self,
        contents: Contents,
        storage: FileStorage,
        root: Path | None,
        *,
        room: OpenRoom | None = None,
        notes: Callable[[str, str], Sequence[str]] | None = None,
    ) -> None:
        """``root`` is None where there is no disk behind.

        ``notes`` gives, once, what became of earlier edits of the notebook of an API path by a
        client.
        """
        self._contents = contents
        self._storage = storage
        self._root = root
        self._room = room
        self._notes = notes
        self._waiting: WeakValueDictionary[str, WaitingChanges] = WeakValueDictionary()
        self.changed: Listeners[str] = Listeners()
        """Are called with the API path of each notebook whose file may have been changed here.

        Of one behind a link, with both of its paths.
        """

    async def change(self, place: Place, change: Change[T], *, by: str = "") -> Changed[T]:
        """Change a notebook in one step, in its room or in its file.

        ``by`` names the client that does, which is told later if the change is lost. Raises what
        ``change`` raises, and ContentsError; then nothing was changed.
        """
        changed = await self._change(place, change, (by,))
        if self._notes is None or not (notes := self._notes(place.path, by)):
            return changed
        return replace(changed, notes=(*changed.notes, *notes))

    async def is_there(self, path: str) -> bool:
        """Whether there is a file at a path without links; also if that cannot be known."""
        with suppress(HTTPError, OSError):
            return await self._storage.find(path) is not None
        return True

    async def stamp(self, place: Place) -> object:
        """What is another when the notebook may have changed: always, where people share it."""
        if await self._open_room(place, ()) is not None:
            return object()
        with suppress(HTTPError, OSError):
            entry = await self._storage.find(place.real)
            if entry is None or entry.stamp is not None:
                return None if entry is None else entry.stamp
        return object()

    async def _change(self, place: Place, change: Change[T], clients: Sequence[str]) -> Changed[T]:
        for _ in range(TRIES):
            home = await self._home(place, clients)
            try:
                changed = await home.change(change)
            except Gone:
                continue
            if changed.home == "file":
                for path in {place.path, place.real}:
                    self.changed.tell(path)
            return changed
        msg = (
            f"The room of {quoted(place.path)} was closed {TRIES} times during this edit, which "
            "was not made. Read the notebook again, then repeat the call."
        )
        raise ContentsError(msg)

    async def _open_room(self, place: Place, clients: Sequence[str]) -> Home | None:
        if self._room is None:
            return None
        return await self._room(place.path, self._carry_over, clients)

    async def _home(self, place: Place, clients: Sequence[str]) -> Home:
        room = await self._open_room(place, clients)
        if room is not None:
            return room
        waiting = self._waiting.setdefault(place.real, WaitingChanges())
        return FileHome(self._contents, self._storage, place, root=self._root, waiting=waiting)

    async def _carry_over(self, path: str, change: Change[T], clients: Sequence[str]) -> Changed[T]:
        place = await asyncio.to_thread(place_of, path, self._root)
        return await self._change(place, change, clients)
