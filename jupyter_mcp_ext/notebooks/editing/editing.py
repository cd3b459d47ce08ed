"""What edits of notebooks need, put together for one server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from logging import Logger
from pathlib import Path
from typing import Any

from jupyter_mcp_ext.files.contents import Contents
from jupyter_mcp_ext.files.storage import FileStorage
from jupyter_mcp_ext.notebooks.homes import Homes
from jupyter_mcp_ext.notebooks.running.displays import Displays
from jupyter_mcp_ext.notebooks.shared.collaborators import Collaborators
from jupyter_mcp_ext.notebooks.shared.home import RoomHomes
from jupyter_mcp_ext.notebooks.shared.live import LiveNotebooks
from jupyter_mcp_ext.notebooks.shared.rooms import Rooms
from jupyter_mcp_ext.notebooks.shared.unsaved import Unsaved

from .journal import EditJournal


@dataclass(frozen=True, kw_only=True)
class Editing:
    """Where notebooks are changed, who is seen there, and what is remembered of it."""

    homes: Homes
    unsaved: Unsaved
    collaborators: Collaborators
    journal: EditJournal
    displays: Displays
    live: LiveNotebooks
    rooms: Rooms

    @classmethod
    def build(
        cls,
        contents: Contents,
        storage: FileStorage,
        root: Path | None,
        *,
        settings: Mapping[str, Any],
        events: Any,
        runtime_dir: Path,
        name: str,
        key: Callable[[str], bytes],
        log: Logger,
    ) -> Editing:
        """Put it together; ``settings`` are those of Jupyter's web application.

        ``events`` is its EventLogger. ``name`` tells servers apart that share a runtime directory.
        """
        rooms = Rooms(settings)
        unsaved = Unsaved(rooms, events, log)
        room = RoomHomes(rooms, unsaved, contents).find
        return cls(
            homes=Homes(contents, storage, root, room=room, notes=unsaved.notes.take),
            unsaved=unsaved,
            collaborators=Collaborators(rooms),
            journal=EditJournal(runtime_dir, name, key),
            displays=Displays(),
            live=LiveNotebooks(rooms, log),
            rooms=rooms,
        )

    async def close(self) -> None:
        """Carry over to files what closed rooms have not saved, and write the journal."""
        await self.unsaved.close()
        await self.journal.close()
