"""A notebook in a room: changed in the document that people share, which the room saves."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from jupyter_server.services.contents.filemanager import (
    AsyncFileContentsManager,
    FileContentsManager,
)
from jupyter_server.utils import ensure_async
from tornado.web import HTTPError

from jupyter_mcp_ext.errors import ContentsError
from jupyter_mcp_ext.files.contents import Contents, disk_of, explained
from jupyter_mcp_ext.files.paths import quoted
from jupyter_mcp_ext.notebooks.draft import Change, Changed, Gone, OnLost

from .rooms import Room, Rooms
from .unsaved import Unsaved
from .values import without_panic

T = TypeVar("T")

_ON_DISK = (FileContentsManager.get, AsyncFileContentsManager.get)

NOT_YET = "in the open document, not yet saved"


class RoomHomes:
    """The homes of the notebooks that people have open together."""

    def __init__(self, rooms: Rooms, unsaved: Unsaved, contents: Contents) -> None:
        self._rooms = rooms
        self._unsaved = unsaved
        self._contents = contents
        # Another `get` may have rules of its own of what is writable.
        is_plain = getattr(type(contents), "get", None) in _ON_DISK
        self._root = disk_of(contents) if is_plain else None

    async def find(
        self, path: str, on_lost: OnLost, clients: Sequence[str] = ()
    ) -> RoomHome | None:
        """The room of an API path; None if people do not have it open. Raises ContentsError.

        ``on_lost`` gets, soon after the room has closed, the edits that it did not save. The
        clients, whose edits they are, are told of those that are lost.
        """
        room = await self._rooms.open(path)
        if room is None:
            return None
        file = RoomFile(path, self._contents, None if self._root is None else self._root / path)
        return RoomHome(room, file, self._unsaved, on_lost, clients)


class RoomHome:
    """One notebook's room, used at once or not at all: it may close at any time."""

    def __init__(
        self,
        room: Room,
        file: RoomFile,
        unsaved: Unsaved,
        on_lost: OnLost,
        clients: Sequence[str],
    ) -> None:
        self._room = room
        self._file = file
        self._unsaved = unsaved
        self._on_lost = on_lost
        self._clients = clients

    async def change(self, change: Change[T]) -> Changed[T]:
        """Apply a change: people see it at once, and the room saves it.

        Raises what it raises, Gone, and ContentsError; then nothing was changed.
        """
        await self._file.check()
        room = self._room
        await room.until_free(self._file.path)
        if not room.is_open:
            raise Gone
        with without_panic(), room.draft() as draft:
            value = change(draft)
            draft.touched.leave(draft)
        if draft.touched:
            self._unsaved.add(room, draft.touched, self._on_lost, self._clients)
        saving = self._unsaved.saving(room)
        return Changed(value=value, home="room", saved=self._saved(), saving=saving)

    def _saved(self) -> str:
        room_id = self._room.room_id
        if room_id not in self._unsaved:
            return "saved"
        why = self._room.unsaved or self._unsaved.fault(room_id)
        return f"not saved: {why}" if why else NOT_YET


class RoomFile:
    """The file to which a room saves, as far as can be known without opening it."""

    def __init__(self, path: str, contents: Contents, on_disk: Path | None) -> None:
        """``on_disk`` is where it is on the disk, if Jupyter itself reads it there."""
        self.path = path
        self._contents = contents
        self._on_disk = on_disk

    async def check(self) -> None:
        """Raise ContentsError if the room cannot save to it: it would not say so."""
        # What Jupyter asks of the disk too, which tells of each `get` in an event.
        if self._on_disk is not None and os.access(self._on_disk, os.W_OK):
            return
        path = quoted(self.path)
        try:
            model = await ensure_async(self._contents.get(self.path, content=False))
        except (HTTPError, OSError) as err:
            if getattr(err, "status_code", None) == 404:
                msg = (
                    f"{path} is open in a shared room, but its file is gone, so the room can no "
                    "longer save it. Save it under another name in JupyterLab first."
                )
                raise ContentsError(msg) from err
            raise explained(err, f"{path} could not be edited") from err
        if not model.get("writable", True):
            msg = f"{path} is read-only, so its shared room would not save an edit. Use a copy."
            raise ContentsError(msg)
