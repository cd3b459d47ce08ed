"""A notebook in a room: changed in the document that people share, which the room saves."""

from __future__ import annotations

import os
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

    async def find(self, path: str, on_lost: OnLost) -> RoomHome | None:
        """The room of an API path; None if people do not have it open. Raises ContentsError.

        ``on_lost`` gets, soon after the room has closed, the edits that it did not save.
        """
        room = await self._rooms.open(path)
        if room is None:
            return None
        file = None if self._root is None else self._root / path
        return RoomHome(path, room, self._unsaved, self._contents, on_lost, file=file)


class RoomHome:
    """One notebook's room, used at once or not at all: it may close at any time."""

    def __init__(
        self,
        path: str,
        room: Room,
        unsaved: Unsaved,
        contents: Contents,
        on_lost: OnLost,
        *,
        file: Path | None,
    ) -> None:
        """``file`` is where the notebook is on the disk, if Jupyter itself reads it there."""
        self._file = file
        self._path = path
        self._room = room
        self._unsaved = unsaved
        self._contents = contents
        self._on_lost = on_lost

    async def change(self, change: Change[T]) -> Changed[T]:
        """Apply a change: people see it at once, and the room saves it.

        Raises what it raises, Gone, and ContentsError; then nothing was changed.
        """
        await self._check_file()
        room = self._room
        await room.until_free(self._path)
        if not room.is_open:
            raise Gone
        with without_panic(), room.draft() as draft:
            value = change(draft)
            draft.touched.leave(draft)
        if draft.touched:
            self._unsaved.add(room, draft.touched, self._on_lost)
        saving = self._unsaved.saving(room)
        return Changed(value=value, home="room", saved=self._saved(), saving=saving)

    def _saved(self) -> str:
        room_id = self._room.room_id
        if room_id not in self._unsaved:
            return "saved"
        why = self._room.unsaved or self._unsaved.fault(room_id)
        return f"not saved: {why}" if why else NOT_YET

    async def _check_file(self) -> None:
        """Raise ContentsError if the room has no file that it can save to: it would not say so."""
        # What Jupyter asks of the disk too, which tells of each `get` in an event.
        if self._file is not None and os.access(self._file, os.W_OK):
            return
        path = quoted(self._path)
        try:
            model = await ensure_async(self._contents.get(self._path, content=False))
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
