"""A notebook that is changed in the document that people share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any

from jupyter_mcp_ext.notebooks.cells import CellType
from jupyter_mcp_ext.notebooks.draft import CellNode, Mark, mark_of, retyped
from jupyter_mcp_ext.notebooks.reading.cells import HEADING, Cell, read_cell
from jupyter_mcp_ext.outputs.model import Json

from .cell_ids import CellIds
from .cells import SharedCells
from .people import People
from .pressed import Pressed
from .touched import Touched, state_of
from .values import as_shared, as_stored

_MISSING = object()

_OF_CELL = ("cell_type", "source", "execution_count", "level")


class RoomDraft:
    """The draft of a room's document, as a context manager: what is changed shows at its end.

    ``document`` is the room's `jupyter_ydoc.YNotebook`, loaded.
    """

    shows_runs = True

    def __init__(
        self,
        document: Any,
        ids: CellIds,
        people: People | None = None,
        pressed: Pressed | None = None,
    ) -> None:
        self._cells = SharedCells(document, ids)
        self._people = people
        self._pressed = pressed
        self.touched = Touched()
        """The cells that have been changed so far."""

    def __enter__(self) -> RoomDraft:
        self._cells.begin()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._cells.end()

    @property
    def ids(self) -> Sequence[str]:
        return self._cells.ids

    def cell(self, index: int) -> Cell:
        cell = self._cells[index]
        found = ((key, _found(cell, key, _MISSING)) for key in _OF_CELL)
        bare = {key: _plain(value) for key, value in found if value is not _MISSING}
        if "outputs" in cell:
            bare["outputs"] = []
        return read_cell(bare, index, self.ids[index])

    def mark(self, index: int) -> Mark:
        cell = self._cells[index]
        outputs = _found(cell, "outputs")
        kind = {key: _found(cell, key) for key in ("cell_type", "execution_count")}
        number = len(outputs) if isinstance(outputs, self._cells.array) else 0
        pressed = 0 if self._pressed is None else self._pressed[self.ids[index]]
        is_running = _found(cell, "execution_state") == "running"
        return replace(mark_of(kind, number), pressed=pressed, is_running=is_running)

    def node(self, index: int) -> CellNode:
        node: dict[str, Json] = as_stored(self._cells[index].to_py())
        node.pop("execution_state", None)
        return {**node, "id": self.ids[index]}

    def bare(self, index: int) -> CellNode:
        cell = self._cells[index]
        found = {key: cell[key] for key in ("cell_type", "source", "metadata") if key in cell}
        return {key: _plain(value) for key, value in found.items()}

    def person(self, index: int) -> str:
        text = self._cells[index].get("source")
        if self._people is None or not hasattr(text, "sticky_index"):
            return ""
        return self._people.typing_in(text)

    def insert(self, index: int, nodes: Sequence[CellNode]) -> None:
        for at, node in enumerate(nodes, index):
            self._cells.put(at, node)
            self.touched.insert(self.ids[at])

    def remove(self, index: int) -> None:
        self.touched.remove(self.ids[index], self.cell(index).source)
        self._cells.take(index)

    def move(self, index: int, to: int) -> None:
        self.touched.move(self.ids[index], self.ids[index - 1] if index else "")
        self._replace(index, to, self.node(index))

    def set_source(self, index: int, source: str) -> None:
        if self._cells[index].get("cell_type") == HEADING:
            self.set_type(index, "markdown")
        self._cells.write_text(self._changing(index), "source", source)

    def set_type(
        self, index: int, cell_type: CellType, lost: Mapping[str, Json] | None = None
    ) -> None:
        self._changing(index)
        self._replace(index, index, retyped(self.node(index), cell_type, lost))

    def set_running(self, index: int, *, is_running: bool) -> None:
        # No edit: it is not saved.
        _set(self._cells[index], "execution_state", "running" if is_running else "idle")

    def set_count(self, index: int, count: int | None) -> None:
        _set(self._changing(index), "execution_count", as_shared(count))

    def set_timing(self, index: int, timing: Mapping[str, str] | None) -> None:
        cell = self._changing(index)
        if not isinstance(cell.get("metadata"), self._cells.map):
            cell["metadata"] = self._cells.map(as_shared(cell.get("metadata") or {}))
        metadata = cell["metadata"]
        if timing is not None:
            metadata["execution"] = as_shared(timing)
        elif "execution" in metadata:
            del metadata["execution"]

    def set_outputs(self, index: int, outputs: Sequence[Mapping[str, Json]], *, start: int) -> None:
        cell = self._changing(index)
        if not isinstance(cell.get("outputs"), self._cells.array):
            cell["outputs"] = self._cells.array([])
        self._cells.write_outputs(cell["outputs"], outputs, start)

    def _replace(self, index: int, to: int, node: CellNode) -> None:
        """Put a cell in the place of another, or elsewhere.

        In two transactions: in one, browsers put what a person types into another cell.
        """
        is_running = self._cells[index].get("execution_state") == "running"
        self._cells.take(index)
        self._cells.end()
        self._cells.begin()
        self._cells.put(to, node)
        if is_running and node["cell_type"] == "code":
            self.set_running(to, is_running=True)

    def _changing(self, index: int) -> Any:
        self._cells.repair()
        cell_id, touched = self.ids[index], self.touched
        if cell_id not in touched.changed and cell_id not in touched.inserted:
            touched.change(cell_id, state_of(self, index))
        return self._cells[index]


def _found(cell: Any, key: str, missing: object = None) -> Any:
    """What a shared cell has, else ``missing``; its own ``get`` looks three times."""
    try:
        return cell[key]
    except KeyError:
        return missing


def _plain(value: Any) -> Json:
    """A value of a shared cell as nbformat has it: a text, or what JSON is made of."""
    if hasattr(value, "sticky_index"):
        return str(value)
    return as_stored(value.to_py() if hasattr(value, "to_py") else value)  # type: ignore[no-any-return]


def _set(cell: Any, key: str, value: Json) -> None:
    if key not in cell or cell[key] != value:
        cell[key] = value
