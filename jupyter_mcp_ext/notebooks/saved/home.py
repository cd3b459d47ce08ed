"""A notebook in its file, while no room has it open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from jupyter_mcp_ext.errors import ContentsError
from jupyter_mcp_ext.files.contents import Contents
from jupyter_mcp_ext.files.paths import Place, quoted
from jupyter_mcp_ext.files.storage import FileStorage
from jupyter_mcp_ext.notebooks.draft import Change, Changed

from .draft import MINOR, FileDraft
from .notebook_file import ManagedNotebookFile, NotebookFile, notebook_file
from .waiting import Outcome, WaitingChanges

T = TypeVar("T")

TRIES = 3
"""How often a change is applied because another program saved the file just then."""


@dataclass(frozen=True, kw_only=True)
class _Made:
    """A file's draft, and what has become of the changes that were made in it."""

    file: NotebookFile
    node: dict[str, Any]
    draft: FileDraft
    outcomes: Sequence[Outcome]


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

        Raises what it raises; then the file lacks it. Raises ContentsError, which says whether the
        file was changed.
        """
        return await self._waiting.make(change, self._save, path=self._place.path)

    async def _save(self, changes: Sequence[Change[Any]]) -> Sequence[Outcome]:
        for _ in range(TRIES):
            made = await self._made(changes)
            if not made.draft.is_changed:
                return made.outcomes
            saved = await made.file.save(made.node)
            if saved is not None:
                notes = (*_notes(made.draft), *saved.notes)
                return [
                    one
                    if isinstance(one, Exception)
                    else replace(one, notes=notes, stamp=saved.stamp)
                    for one in made.outcomes
                ]
        msg = (
            f"{quoted(self._place.path)} was saved by another program {TRIES} times during this "
            "edit, which was not made. Read it again, then repeat the call."
        )
        raise ContentsError(msg)

    async def _made(self, changes: Sequence[Change[Any]]) -> _Made:
        """A draft with all changes that do not fail."""
        failed: dict[int, Exception] = {}
        while True:
            file, node = await self._opened()
            draft = FileDraft(node)
            outcomes = _applied(draft, changes, failed)
            if outcomes is not None:
                return _Made(file=file, node=node, draft=draft, outcomes=outcomes)

    async def _opened(self) -> tuple[NotebookFile, dict[str, Any]]:
        file = notebook_file(self._contents, self._storage, self._place, self._root)
        node = await file.read()
        if node is None:
            file = ManagedNotebookFile(
                self._contents, self._storage, self._place, is_on_disk=self._root is not None
            )
            node = await file.read()
        if node is None or node.get("nbformat") != 4 or not _has_cells(node):
            msg = (
                f"{quoted(self._place.path)} has a form that cannot be edited here. Open it in "
                "JupyterLab and save it, which converts it."
            )
            raise ContentsError(msg)
        return file, node


def _applied(
    draft: FileDraft, changes: Sequence[Change[Any]], failed: dict[int, Exception]
) -> Sequence[Outcome] | None:
    """Apply all changes but those that have ``failed``, by their number.

    None if one failed after it had changed a part of the draft: then it is added to them.
    """
    outcomes: list[Outcome] = []
    is_changed = False
    for number, change in enumerate(changes):
        if number in failed:
            outcomes.append(failed[number])
            continue
        draft.is_changed = False
        try:
            outcomes.append(Changed(value=change(draft), home="file", saved="saved"))
        except Exception as err:  # noqa: BLE001  # whatever it is, the others must not fail by it
            if draft.is_changed:
                failed[number] = err
                return None
            outcomes.append(err)
        is_changed = is_changed or draft.is_changed
    draft.is_changed = is_changed
    return outcomes


def _has_cells(node: dict[str, Any]) -> bool:
    cells = node.get("cells")
    return isinstance(cells, list) and all(isinstance(cell, dict) for cell in cells)


def _notes(draft: FileDraft) -> Sequence[str]:
    if not draft.was_upgraded:
        return ()
    return (f"the file was nbformat {draft.was} and is 4.{MINOR} now: its cells have ids",)
