"""Notebooks that people have open together: their room has the truth, and the file follows it.

The rooms are those of jupyter_server_ydoc or of jupyter_server_documents, found by what these
publish. No room is opened here: one that no browser has opened would stay for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any
from weakref import WeakKeyDictionary

from .cell_ids import CellIds
from .cells import drop_doubles
from .draft import RoomDraft
from .loading import LOADING, content, is_loading, until_free
from .people import People
from .pressed import Pressed
from .sources import Source, source_of

FILE_IDS = "file_id_manager"

GLOBAL = "JupyterLab:globalAwareness"
"""The room in which browsers tell who is there and which document they look at."""


class Room:
    """An open room, with its notebook loaded. Not kept across an await: it may close."""

    def __init__(
        self, room_id: str, room: Any, document: Any, source: Source, watch: _Watch
    ) -> None:
        self.room_id = room_id
        self.document = document
        self.source = source
        self._room = room
        self._watch = watch

    @property
    def is_open(self) -> bool:
        """Whether what is changed now still reaches people and the file."""
        return self.source.find(self.room_id) is self._room

    @property
    def awareness(self) -> Any:
        """What the room's clients tell of themselves."""
        return self.source.awareness(self._room)

    @property
    def people(self) -> People:
        """Where people are in the notebook."""
        return self._watch.people

    @property
    def unsaved(self) -> str:
        """Why the room does not save what is changed; empty if it does."""
        return self.source.unsaved(self._room)

    @property
    def is_saved(self) -> bool | None:
        """Whether everything is saved; None where only events tell."""
        return self.source.is_saved(self._room)

    def is_reloading(self) -> bool:
        """Whether the change of the moment is the room's, which reads its file again."""
        return self.source.is_reloading(self._room)

    async def until_free(self, path: str, wait: float = LOADING) -> None:
        """Return, with no await after it, once the document can be used. Raises RoomLoading.

        It cannot be while the room is in the middle of reading its file again.
        """
        await until_free(self.document, path, wait)

    def drop_doubles(self, moved: Iterable[str]) -> None:
        """Remove our copies of cells that a person has moved at the same time as we."""
        drop_doubles(self.document, self._watch.ids, moved)

    def draft(self) -> RoomDraft:
        """A draft of the notebook."""
        watch = self._watch
        return RoomDraft(self.document, watch.ids, watch.people, watch.pressed)


class _Watch:
    """What is kept of a document for as long as it exists."""

    def __init__(self, document: Any, awareness: Any) -> None:
        self.ids = CellIds(document.ycells)
        self.people = People(awareness)
        self.pressed = Pressed(document.ycells)


class Rooms:
    """The rooms of a server; ``settings`` are those of Jupyter's web application."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = settings
        self._watched: WeakKeyDictionary[Any, _Watch] = WeakKeyDictionary()
        self._is_closed = False

    def close(self) -> None:
        """Find no room from now on: the server stops, and they save no more."""
        self._is_closed = True

    async def open(self, path: str, *, wait: float = LOADING) -> Room | None:
        """The room in which people have the notebook of an API path open; None if there is none.

        A room that is loading is waited for; then RoomLoading is raised.
        """
        room_id = self._room_id(path)
        source = source_of(self._settings)
        if room_id is None or source is None or self._is_closed:
            return None
        room = source.find(room_id)
        if room is None:
            await source.closed(room_id)
            return None
        try:
            document = await asyncio.wait_for(self._loaded(source, room_id, room), wait)
        except asyncio.TimeoutError:
            raise is_loading(path) from None
        if document is None:
            return None
        await until_free(document, path, wait)
        if source.find(room_id) is not room:
            return None
        watch = self._watched.get(document)
        if watch is None:
            watch = self._watched[document] = _Watch(document, source.awareness(room))
        return Room(room_id, room, document, source, watch)

    def has_below(self, folder: str) -> bool:
        """Whether people have a document open that is below the folder of an API path."""
        source = source_of(self._settings)
        ids = source.ids() if source is not None and not self._is_closed else []
        paths = (self.path_of(room_id) for room_id in ids if room_id != GLOBAL)
        return any(path is not None and path.startswith(f"{folder}/") for path in paths)

    def awareness_of_all(self) -> Any:
        """The awareness by which browsers show who is there; None if there is none."""
        source = source_of(self._settings)
        room = source.find(GLOBAL) if source is not None else None
        return None if source is None or room is None else source.awareness(room)

    def path_of(self, room_id: str) -> str | None:
        """The API path of a room's document now; None if it has been deleted."""
        found = self._settings[FILE_IDS].get_path(room_id.rpartition(":")[2])
        return None if found is None else str(found)

    async def _loaded(self, source: Source, room_id: str, room: Any) -> Any:
        document = await source.document(room_id, room)
        if document is not None and document not in self._watched:
            await content(document)
            await source.loaded(room_id)
        return document

    def _room_id(self, path: str) -> str | None:
        manager: Any = self._settings.get(FILE_IDS)
        # Asks and never indexes: a path gets its id when a person opens it.
        found = manager.get_id(path) if manager is not None else None
        return None if found is None else f"json:notebook:{found}"
