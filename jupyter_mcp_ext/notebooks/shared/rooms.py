"""Notebooks that people have open together: their room has the truth, and the file follows it.

The rooms are those of jupyter_server_ydoc or of jupyter_server_documents, found by what these
publish. No room is opened here: one that no browser has opened would stay for ever.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from jupyter_mcp_ext.errors import ContentsError
from jupyter_mcp_ext.files.paths import quoted

from .cell_ids import CellIds
from .cells import is_busy
from .draft import RoomDraft
from .people import People
from .pressed import Pressed

YDOC = "jupyter_server_ydoc"
"""The key of Jupyter's settings for the extension of jupyter_server_ydoc.

jupyter_server_documents has something there too, which opens a room for whatever it is asked.
"""

DOCUMENTS = "yroom_manager"
"""The key of Jupyter's settings for the rooms of jupyter_server_documents."""

FILE_IDS = "file_id_manager"

GLOBAL = "JupyterLab:globalAwareness"
"""The room in which browsers tell who is there and which document they look at."""

LOADING = 10.0
"""Seconds for which a room is waited for that is loading its notebook."""

BUSY = 0.01
"""Seconds between two looks at a document that another task is changing."""

CLOSING = 10.0
"""Seconds for which a room is waited for that saves its notebook for the last time."""


class RoomLoading(ContentsError):
    """A room has not loaded its notebook yet: an edit would be overwritten."""


class Source(Protocol):
    """One package's rooms."""

    def find(self, room_id: str) -> Any:
        """The room with an id, if it is open; else None."""

    def awareness(self, room: Any) -> Any:
        """What the room's clients tell of themselves."""

    async def document(self, room_id: str, room: Any) -> Any:
        """The document, loaded or not; None if the room is gone."""

    async def loaded(self, room_id: str) -> None:
        """Return when the document of an open room has all of its cells."""

    async def closed(self, room_id: str) -> None:
        """Return when a room that is closing has saved its notebook."""

    async def stopped(self, room_id: str) -> bool:
        """Whether an open room has saved now, as the server stops; else it will, and tells."""

    def unsaved(self, room: Any) -> str:
        """Why the room does not save what is changed; empty if it does."""

    def is_saved(self, room: Any) -> bool | None:
        """Whether everything is saved; None where only events tell."""

    def is_reloading(self, room: Any) -> bool:
        """Whether the change of the moment is the room's, which reads its file again.

        False where only events tell.
        """

    @property
    def save_delay(self) -> float:
        """Seconds after a change in which a room saves, if nothing else is changed."""

    @property
    def needs_pause(self) -> bool:
        """Whether a room saves nothing as long as something is changed again and again."""


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
        await _until_free(self.document, path, wait)

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
        source = self._source()
        if room_id is None or source is None or self._is_closed:
            return None
        room = source.find(room_id)
        if room is None:
            await source.closed(room_id)
            return None
        try:
            document = await asyncio.wait_for(self._loaded(source, room_id, room), wait)
        except asyncio.TimeoutError:
            raise _is_loading(path) from None
        if document is None:
            return None
        await _until_free(document, path, wait)
        if source.find(room_id) is not room:
            return None
        watch = self._watched.get(document)
        if watch is None:
            watch = self._watched[document] = _Watch(document, source.awareness(room))
        return Room(room_id, room, document, source, watch)

    def awareness_of_all(self) -> Any:
        """The awareness by which browsers show who is there; None if there is none."""
        source = self._source()
        room = source.find(GLOBAL) if source is not None else None
        return None if source is None or room is None else source.awareness(room)

    def path_of(self, room_id: str) -> str | None:
        """The API path of a room's notebook now; None if it has been deleted."""
        found = self._settings[FILE_IDS].get_path(room_id.rpartition(":")[2])
        return None if found is None else str(found)

    async def _loaded(self, source: Source, room_id: str, room: Any) -> Any:
        document = await source.document(room_id, room)
        if document is not None and document not in self._watched:
            await _content(document)
            await source.loaded(room_id)
        return document

    def _room_id(self, path: str) -> str | None:
        manager: Any = self._settings.get(FILE_IDS)
        # Asks and never indexes: a path gets its id when a person opens it.
        found = manager.get_id(path) if manager is not None else None
        return None if found is None else f"json:notebook:{found}"

    def _source(self) -> Source | None:
        """Now: the extensions may be loaded after us."""
        if (manager := self._settings.get(DOCUMENTS)) is not None:
            return DocumentsRooms(manager)
        if hasattr(extension := self._settings.get(YDOC), "ywebsocket_server"):
            return YdocRooms(extension)
        return None


class YdocRooms:
    """The rooms of jupyter_server_ydoc; ``extension`` is its ExtensionApp."""

    def __init__(self, extension: Any) -> None:
        self._extension = extension

    def find(self, room_id: str) -> Any:
        return self._extension.ywebsocket_server.rooms.get(room_id)

    def awareness(self, room: Any) -> Any:
        return room.awareness

    async def document(self, room_id: str, room: Any) -> Any:
        return await self._extension.get_document(room_id=room_id, copy=False)

    async def loaded(self, room_id: str) -> None:
        if getattr(self._extension, "document_load_progressively", False):
            copied = asyncio.ensure_future(self._extension.get_document(room_id=room_id))
            await asyncio.shield(copied)  # which waits for a future of the room's

    async def closed(self, room_id: str) -> None:
        """Its rooms are gone at once."""

    async def stopped(self, room_id: str) -> bool:
        return False

    def unsaved(self, room: Any) -> str:
        if self._extension.document_save_delay is None:
            return (
                "the server does not save shared notebooks "
                "(YDocExtension.document_save_delay is None)"
            )
        states = [state for state in room.awareness.states.values() if state]
        if states and not any(state.get("autosave", True) for state in states):
            return "autosave is off in JupyterLab, so a person has to save the notebook"
        return ""

    def is_saved(self, room: Any) -> bool | None:
        return None

    def is_reloading(self, room: Any) -> bool:
        return False

    @property
    def save_delay(self) -> float:
        return float(self._extension.document_save_delay or 0)

    @property
    def needs_pause(self) -> bool:
        return True


class DocumentsRooms:
    """The rooms of jupyter_server_documents; ``manager`` is its YRoomManager."""

    def __init__(self, manager: Any) -> None:
        self._manager = manager

    def find(self, room_id: str) -> Any:
        room = self._manager.get_room(room_id) if self._manager.has_room(room_id) else None
        return None if room is None or room.stopped else room

    def awareness(self, room: Any) -> Any:
        return room.get_awareness()

    async def document(self, room_id: str, room: Any) -> Any:
        return await room.get_jupyter_ydoc()

    async def loaded(self, room_id: str) -> None:
        """Its documents are given out with all of their cells."""

    async def closed(self, room_id: str) -> None:
        if self._manager.has_room(room_id):
            saved = asyncio.ensure_future(self._manager.get_room(room_id).until_saved)
            await asyncio.wait({saved}, timeout=CLOSING)

    async def stopped(self, room_id: str) -> bool:
        return bool(await self._manager.delete_room(room_id))  # as it does itself

    def unsaved(self, room: Any) -> str:
        return ""

    def is_saved(self, room: Any) -> bool | None:
        return not room.file_api.has_unsaved_changes

    def is_reloading(self, room: Any) -> bool:
        return bool(room.file_api.reloading_content)

    @property
    def save_delay(self) -> float:
        return 1.0

    @property
    def needs_pause(self) -> bool:
        return False


def _is_loading(path: str) -> RoomLoading:
    return RoomLoading(
        f"{quoted(path)} is open in a shared room that has not loaded it yet, so nothing "
        "was changed. Try again in some seconds."
    )


async def _until_free(document: Any, path: str, wait: float) -> None:
    end = time.monotonic() + wait
    while is_busy(document):
        if time.monotonic() > end:
            raise _is_loading(path)
        await asyncio.sleep(BUSY)


async def _content(document: Any) -> None:
    """Return when a document has the content of its file: a room exists a moment before it."""
    meta = document.ydoc["meta"]
    while is_busy(document):  # noqa: ASYNC110  # it cannot be observed then
        await asyncio.sleep(BUSY)
    is_there = asyncio.Event()
    subscription = meta.observe(lambda _: is_there.set())
    try:
        while "nbformat" not in meta:
            is_there.clear()
            await is_there.wait()
    finally:
        meta.unobserve(subscription)
