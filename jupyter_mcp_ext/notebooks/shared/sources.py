"""The packages by which people share notebooks, as far as they tell of their rooms.

They are jupyter_server_ydoc and jupyter_server_documents, used by what they publish.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol

from .people import told

YDOC = "jupyter_server_ydoc"
"""The key of Jupyter's settings for the extension of jupyter_server_ydoc.

jupyter_server_documents has something there too, which opens a room for whatever it is asked.
"""

DOCUMENTS = "yroom_manager"
"""The key of Jupyter's settings for the rooms of jupyter_server_documents."""

CLOSING = 10.0
"""Seconds for which a room is waited for that saves its notebook for the last time."""


class Source(Protocol):
    """One package's rooms."""

    def ids(self) -> list[str]:
        """The ids of all rooms, those of other documents and of people among them."""

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


def source_of(settings: Mapping[str, Any]) -> Source | None:
    """The rooms of a server with these settings of Jupyter's web application, if it has any.

    To be asked again each time: the extensions may be loaded after this one.
    """
    if (manager := settings.get(DOCUMENTS)) is not None:
        return DocumentsRooms(manager)
    if hasattr(extension := settings.get(YDOC), "ywebsocket_server"):
        return YdocRooms(extension)
    return None


class YdocRooms:
    """The rooms of jupyter_server_ydoc; ``extension`` is its ExtensionApp."""

    def __init__(self, extension: Any) -> None:
        self._extension = extension

    def ids(self) -> list[str]:
        return list(self._extension.ywebsocket_server.rooms)

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
        states = told(room.awareness)
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

    def ids(self) -> list[str]:
        return [room.room_id for room in self._manager.list_document_rooms()]

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
