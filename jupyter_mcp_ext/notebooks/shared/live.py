"""Notebooks that people have open, read whole; and cells added to what they see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from logging import Logger
from typing import Any

from jupyter_mcp_ext.notebooks.reading.cells import Person
from jupyter_mcp_ext.notebooks.reading.document import LiveCopy
from jupyter_mcp_ext.notebooks.saved.draft import MINOR
from jupyter_mcp_ext.outputs.model import Json

from .cell_ids import CellIds
from .loading import RoomLoading
from .people import People, Present, in_cells
from .rooms import Rooms
from .values import as_shared

LOADING = 1.0
"""Seconds for which a room is waited for that is loading; it is asked again later."""


class LiveNotebook:
    """A notebook in a room; what is added here shows at once, and the room saves it."""

    def __init__(self, document: Any, people: People) -> None:
        self._document = document
        self._people = people
        self._meta = document.ydoc["meta"]

    @property
    def metadata(self) -> dict[str, Any]:
        """The notebook's metadata."""
        found = self._meta.to_py().get("metadata")
        return found if isinstance(found, dict) else {}

    @property
    def cell_ids(self) -> set[str]:
        """The ids of its cells."""
        return {str(cell["id"]) for cell in self._document.ycells if "id" in cell}

    def copied(self) -> LiveCopy:
        """A copy of it as it is now."""
        document, update = self._document, self._document.ydoc.get_update()
        copied = _Copied(type(document), update, self._people.present())
        return LiveCopy(read=copied.content, size=len(update), people=copied.people)

    def append(self, cells: Sequence[Mapping[str, Any]], metadata: Mapping[str, Any]) -> None:
        """Add nbformat's cells at its end, and set these keys of its metadata."""
        with self._document.ydoc.transaction():
            for cell in cells:
                self._document.append_cell(as_shared(cell))
            if "metadata" in self._meta:
                for key, value in metadata.items():
                    self._meta["metadata"][key] = as_shared(value)


class _Copied:
    """A notebook and its people at one moment; what is asked of it takes long."""

    def __init__(self, kind: Any, update: bytes, present: Sequence[Present]) -> None:
        self._kind = kind
        self._update = update
        self._present = present

    @cached_property
    def _document(self) -> Any:
        copy = self._kind()
        copy.ydoc.apply_update(self._update)
        return copy

    def content(self) -> Json:
        """The notebook as nbformat has it."""
        # Cells that have one id are all shown, with the ids that a draft gives them.
        content: dict[str, Any] = self._document.get(deduplicate=False)
        if int(content["nbformat_minor"]) >= MINOR:
            cells = self._document.ycells
            ids = CellIds(cells).unique(cells)
            for cell, cell_id in zip(content["cells"], ids, strict=True):
                cell["id"] = cell_id
        return content

    def people(self) -> Mapping[int, Sequence[Person]]:
        """The people in each cell, by its index."""
        if not self._present:
            return {}
        return in_cells(self._present, [cell.get("source") for cell in self._document.ycells])


class LiveNotebooks:
    """Finds notebooks that people have open."""

    def __init__(self, rooms: Rooms, log: Logger) -> None:
        self._rooms = rooms
        self._log = log

    async def find(self, path: str) -> LiveNotebook | None:
        """The notebook of an API path, to be used at once; None when it is not open.

        Raises RoomLoading.
        """
        try:
            room = await self._rooms.open(path, wait=LOADING)
        except RoomLoading:
            raise
        except Exception:  # noqa: BLE001  # another package's; without an answer there is no room
            self._log.exception("Whether %s is open in a room could not be determined", path)
            return None
        return None if room is None else LiveNotebook(room.document, room.people)

    def has_below(self, folder: str) -> bool:
        """Whether people have a document open below the folder of an API path, or may have."""
        try:
            return self._rooms.has_below(folder)
        except Exception:  # noqa: BLE001  # another package's; without an answer one may be open
            self._log.exception("Whether documents in %s are open could not be determined", folder)
            return True

    async def reader(self, path: str) -> LiveCopy | None:
        """A copy of the notebook that people have open under a path."""
        try:
            found = await self.find(path)
        except RoomLoading:
            return None
        return found.copied() if found is not None else None
