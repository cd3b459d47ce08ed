"""A notebook that is changed as nbformat's JSON: what Jupyter's ContentsManager gives and takes."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping, Sequence, Set
from itertools import count
from typing import Any

from jupyter_mcp_ext.notebooks.cells import CellType
from jupyter_mcp_ext.notebooks.draft import CellNode, Mark, mark_of, retyped
from jupyter_mcp_ext.notebooks.reading.cells import HEADING, Cell, integer, read_cell, stored_id
from jupyter_mcp_ext.outputs.model import Json

MINOR = 5
"""The minor version of nbformat 4 whose cells have ids."""


class FileDraft:
    """A draft over a notebook's node, which it changes in place.

    Cells get the ids that they lack, and a notebook of an earlier minor version is made one of
    nbformat 4.5. That alone is no change: it counts once something else is changed.
    """

    shows_runs = False

    def __init__(self, node: dict[str, Any]) -> None:
        """``node`` is a notebook of nbformat 4."""
        self.is_changed = False
        self.was = _version(node)
        """Its nbformat as it was read."""
        self._cells: list[dict[str, Any]] = node["cells"]
        if (integer(node.get("nbformat_minor")) or 0) < MINOR:
            node["nbformat_minor"] = MINOR
        self._ids = self._with_ids()

    @property
    def was_upgraded(self) -> bool:
        """Whether its nbformat, as it was read, gave cells no ids."""
        major, _, minor = self.was.partition(".")
        return (int(major), int(minor)) < (4, MINOR)

    @property
    def ids(self) -> Sequence[str]:
        return self._ids

    def cell(self, index: int) -> Cell:
        cell = self._cells[index]
        bare = {key: [] if key == "outputs" else value for key, value in cell.items()}
        return read_cell(bare, index, self._ids[index])

    def mark(self, index: int) -> Mark:
        cell = self._cells[index]
        outputs = cell.get("outputs")
        kind = {key: cell.get(key) for key in ("cell_type", "execution_count")}
        return mark_of(kind, len(outputs) if isinstance(outputs, list) else 0)

    def node(self, index: int) -> CellNode:
        return copy.deepcopy(self._cells[index])

    def bare(self, index: int) -> CellNode:
        return {key: value for key, value in self._cells[index].items() if key != "outputs"}

    def person(self, index: int) -> str:  # a file does not tell
        return ""

    def insert(self, index: int, nodes: Sequence[CellNode]) -> None:
        added: list[dict[str, Any]] = [copy.deepcopy(dict(node)) for node in nodes]
        self._cells[index:index] = added
        self._ids[index:index] = [node["id"] for node in added]
        self.is_changed = True

    def remove(self, index: int) -> None:
        del self._cells[index], self._ids[index]
        self.is_changed = True

    def move(self, index: int, to: int) -> None:
        self._cells.insert(to, self._cells.pop(index))
        self._ids.insert(to, self._ids.pop(index))
        self.is_changed = True

    def set_source(self, index: int, source: str) -> None:
        if self._cells[index].get("cell_type") == HEADING:
            self.set_type(index, "markdown")
        self._cells[index]["source"] = source
        self.is_changed = True

    def set_type(
        self, index: int, cell_type: CellType, lost: Mapping[str, Json] | None = None
    ) -> None:
        self._cells[index] = retyped(self._cells[index], cell_type, lost)
        self.is_changed = True

    def set_running(self, index: int, *, is_running: bool) -> None:
        """A file does not show that."""

    def set_count(self, index: int, count: int | None) -> None:
        self._cells[index]["execution_count"] = count
        self.is_changed = True

    def set_timing(self, index: int, timing: Mapping[str, str] | None) -> None:
        metadata = self._cells[index].setdefault("metadata", {})
        if timing is None:
            metadata.pop("execution", None)
        else:
            metadata["execution"] = dict(timing)
        self.is_changed = True

    def set_outputs(self, index: int, outputs: Sequence[Mapping[str, Json]], *, start: int) -> None:
        cell = self._cells[index]
        if outputs:  # a person has not seen them, and does not vouch for them
            cell.setdefault("metadata", {}).pop("trusted", None)
        kept = cell.setdefault("outputs", [])
        kept[start:] = [copy.deepcopy(dict(output)) for output in outputs]
        self.is_changed = True

    def _with_ids(self) -> list[str]:
        stored = [None if self.was_upgraded else stored_id(cell) for cell in self._cells]
        taken = {cell_id for cell_id in stored if cell_id}
        seen: set[str] = set()
        for index, (cell, cell_id) in enumerate(zip(self._cells, stored, strict=True)):
            if cell_id is None or cell_id in seen:
                cell["id"] = _id_for(cell, index, taken)
                taken.add(cell["id"])
            seen.add(cell["id"])
        return [cell["id"] for cell in self._cells]


def _id_for(cell: Mapping[str, Any], index: int, taken: Set[str]) -> str:
    """An id for a cell that has none.

    It is the same until the file is another: what a refused edit has told of the cell stays true.
    """
    texts = (f"{index} {number} {cell.get('source')}" for number in count())
    ids = (hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:8] for text in texts)
    return next(cell_id for cell_id in ids if cell_id not in taken)


def _version(node: Mapping[str, Any]) -> str:
    """The nbformat that a notebook had in its file, before nbformat has converted it."""
    earlier = node.get("metadata", {}).get("orig_nbformat")
    if isinstance(earlier, int) and earlier < 4:
        return f"{earlier}.{integer(node['metadata'].get('orig_nbformat_minor')) or 0}"
    return f"{node.get('nbformat')}.{integer(node.get('nbformat_minor')) or 0}"
