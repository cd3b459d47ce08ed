"""The ids of the cells of a shared document, known without reading all of its cells each time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from jupyter_mcp_ext.notebooks.reading.cells import is_cell_id

_FORBIDDEN = re.compile(r"[^a-zA-Z0-9-_]")


class CellIds:
    """Follows the cells of a document from its changes.

    ``cells`` is the document's array of cells, ``YNotebook.ycells``.
    """

    def __init__(self, cells: Any) -> None:
        self._stored = _Stored()
        # The document keeps what observes it. With a reference to the document in that, neither
        # would ever be freed: Python does not see a cycle through the library's own memory.
        cells.observe_deep(self._stored.follow)

    def unique(self, cells: Any) -> list[str]:
        """An id for each cell, in their order; ``cells`` is the array again.

        A cell without an id, with that of an earlier cell or with one that nbformat does not
        allow has another here. That depends only on the document, so that it stays until
        `repair` writes it.
        """
        return [*self._stored.unique(cells)]

    def doubled(self, cells: Any, cell_id: str) -> list[int]:
        """The indices of all cells with an id, if it is that of several."""
        found = [n for n, kept in enumerate(self._stored.read(cells)) if kept == cell_id]
        return found if len(found) > 1 else []

    def repair(self, cells: Any) -> None:
        """Write the unique ids into the document where it has another id or none."""
        stored, ids = [*self._stored.read(cells)], self._stored.unique(cells)
        if stored == ids:
            return
        for index, (kept, cell_id) in enumerate(zip(stored, ids, strict=True)):
            if kept != cell_id:
                cells[index]["id"] = cell_id


class _Stored:
    """The ids as the document has them."""

    def __init__(self) -> None:
        self._ids: list[str | None] | None = None
        """None until they are read, and after a change that cannot be followed."""
        self._unique: Sequence[str] | None = None
        """None until they are asked for, and after a change: each edit asks for them."""

    def read(self, cells: Any) -> Sequence[str | None]:
        ids = self._ids
        if ids is None or len(ids) != len(cells):
            ids = self._ids = [_id(cell) for cell in cells]
            self._unique = None
        return ids

    def unique(self, cells: Any) -> Sequence[str]:
        stored = self.read(cells)
        if self._unique is None:
            self._unique = _unique(stored)
        return self._unique

    def follow(self, events: Sequence[Any]) -> None:
        for event in events:
            depth = len(event.path)
            if depth == 0:
                self._apply(event.delta)
            elif depth == 1 and "id" in getattr(event, "keys", ()):
                self._ids = None

    def _apply(self, delta: Sequence[dict[str, Any]]) -> None:
        if self._ids is None:
            return
        self._unique = None
        at = 0
        for step in delta:
            if "retain" in step:
                at += int(step["retain"])
            elif "delete" in step:
                del self._ids[at : at + int(step["delete"])]
            else:
                new = [_id(cell) for cell in step["insert"]]
                self._ids[at:at] = new
                at += len(new)


def _id(cell: Any) -> str | None:
    cell_id = cell.get("id") if hasattr(cell, "get") else None
    return cell_id if isinstance(cell_id, str) and cell_id else None


def _unique(stored: Sequence[str | None]) -> list[str]:
    taken = {cell_id for cell_id in stored if cell_id is not None and is_cell_id(cell_id)}
    if len(taken) == len(stored):
        return [cell_id for cell_id in stored if cell_id is not None]
    ids: list[str] = []
    seen: set[str] = set()
    numbers: dict[str, int] = {}
    for cell_id in stored:
        chosen = cell_id
        if chosen is None or chosen in seen or chosen not in taken:
            chosen = _free(cell_id or "cell", taken, numbers)
            taken.add(chosen)
        seen.add(chosen)
        ids.append(chosen)
    return ids


def _free(cell_id: str, taken: set[str], numbers: dict[str, int]) -> str:
    """An id that is not taken; ``numbers`` are those below which all are, by how ids begin."""
    begins = _FORBIDDEN.sub("-", cell_id[:56])
    number = numbers.get(begins, 2)
    while f"{begins}-{number}" in taken:
        number += 1
    numbers[begins] = number + 1
    return f"{begins}-{number}"
