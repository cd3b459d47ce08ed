"""A notebook in its file, while no room has it open."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from jupyter_mcp_ext.errors import ContentsError
from jupyter_mcp_ext.files.contents import Contents
from jupyter_mcp_ext.files.paths import Place, quoted
from jupyter_mcp_ext.files.storage import FileStorage
from jupyter_mcp_ext.notebooks.draft import Change, Changed

from .draft import MINOR, FileDraft
from .notebook_file import ManagedNotebookFile, NotebookFile, notebook_file
from .waiting import WaitingChanges

T = TypeVar("T")

TRIES = 3
"""How often a change is applied because another program saved the file just then."""


class FileHome:
    """One notebook's file, and its changes that wait."""

    def __init__(
        self,
        contents: Contents,
        storage: FileStorage,
        place: Place,
        *,
        root: Path | None,
        waiting: WaitingChanges,
    ) -> None:
        self._contents = contents
        self._storage = storage
        self._place = place
        self._root = root
        self._waiting = waiting

    async def change(self, change: Change[T]) -> Changed[T]:
        """Apply a change and save it; again if the file was saved in between.

        Raises what it raises, and ContentsError; then the file is as it was.
        """
        return await self._waiting.make(change, self._save, path=self._place.path)

    async def _save(self, changes: Sequence[Change[Any]]) -> Sequence[Changed[Any]]:
        for _ in range(TRIES):
            file, node = await self._opened()
            draft = FileDraft(node)
            values = [change(draft) for change in changes]
            notes = await file.save(node) if draft.is_changed else ()
            if notes is not None:
                notes = (*_notes(draft), *notes) if draft.is_changed else ()
                return [Changed(value=v, home="file", saved="saved", notes=notes) for v in values]
        msg = (
            f"{quoted(self._place.path)} was saved by another program {TRIES} times during this "
            "edit, which was not made. Read it again, then repeat the call."
        )
        raise ContentsError(msg)

    async def _opened(self) -> tuple[NotebookFile, dict[str, Any]]:
        file = notebook_file(self._contents, self._storage, self._place, self._root)
        node = await file.read()
        if node is None:
            file = ManagedNotebookFile(self._contents, self._storage, self._place)
            node = await file.read()
        if node is None or node.get("nbformat") != 4 or not _has_cells(node):
            msg = (
                f"{quoted(self._place.path)} has a form that cannot be edited here. Open it in "
                "JupyterLab and save it, which converts it."
            )
            raise ContentsError(msg)
        return file, node


def _has_cells(node: dict[str, Any]) -> bool:
    cells = node.get("cells")
    return isinstance(cells, list) and all(isinstance(cell, dict) for cell in cells)


def _notes(draft: FileDraft) -> Sequence[str]:
    if not draft.was_upgraded:
        return ()
    return (f"the file was nbformat {draft.was} and is 4.{MINOR} now: its cells have ids",)
