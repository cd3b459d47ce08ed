"""A notebook that is changed in the document that people share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any

from jupyter_mcp_ext.notebooks.cell_ids import CellIds
from jupyter_mcp_ext.notebooks.cells import CellType
from jupyter_mcp_ext.notebooks.draft import CellNode, Mark, mark_of
from jupyter_mcp_ext.notebooks.people import People, place_of
from jupyter_mcp_ext.notebooks.reading import Cell, read_cells
from jupyter_mcp_ext.notebooks.shared_values import as_shared, as_stored, splice, text_of
from jupyter_mcp_ext.notebooks.touched import Touched
from jupyter_mcp_ext.outputs.model import Json

ORIGIN = "jupyter-mcp-ext"
"""Names our changes in the document; a person's undo leaves them alone."""


class RoomDraft:
    """The draft of a room's document, as a context manager: what is changed shows at its end.

    ``document`` is the room's `jupyter_ydoc.YNotebook`, loaded. The classes of pycrdt are taken
    from it, so that nothing is imported that a server may not have.
    """

    def __init__(self, document: Any, ids: CellIds, people: People | None = None) -> None:
        self._document = document
        self._cells = document.ycells
        self._map = type(document.ydoc["meta"])
        self._known = ids
        self._people = people
        self.touched = Touched()
        """The cells that have been changed so far."""
        self._ids: list[str] = []
        self._is_repaired = False
        self._transaction: Any = None

    def __enter__(self) -> RoomDraft:
        self._begin()
        self._ids = self._known.unique(self._cells)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._transaction.__exit__(kind, error, traceback)

    @property
    def ids(self) -> Sequence[str]:
        return self._ids

    def cell(self, index: int) -> Cell:
        [cell] = read_cells([dict(self.node(index))], has_ids=True)
        return replace(cell, index=index, cell_id=self._ids[index])

    def mark(self, index: int) -> Mark:
        cell = self._cells[index]
        outputs = cell.get("outputs")
        kind = {key: cell.get(key) for key in ("cell_type", "execution_count")}
        return mark_of(kind, len(outputs) if isinstance(outputs, type(self._cells)) else 0)

    def node(self, index: int) -> CellNode:
        node: dict[str, Json] = as_stored(self._cells[index].to_py())
        node.pop("execution_state", None)
        return {**node, "id": self._ids[index]}

    def person(self, index: int) -> str:
        text = self._cells[index].get("source")
        if self._people is None or not hasattr(text, "sticky_index"):
            return ""
        return self._people.typing_in(text)

    def insert(self, index: int, nodes: Sequence[CellNode]) -> None:
        self._repair()
        for at, node in enumerate(nodes, index):
            self._put(at, node)
            self.touched.insert(self._ids[at])

    def remove(self, index: int) -> None:
        self.touched.remove(self._ids[index], self._source(index))
        self._take(index)

    def move(self, index: int, to: int) -> None:
        self.touched.moved.add(self._ids[index])
        self._replace(index, to, self.node(index))

    def set_source(self, index: int, source: str) -> None:
        cell = self._changing(index)
        text = cell.get("source")
        if self._is_text(text):
            splice(text, source)
        else:
            cell["source"] = self._text(source)

    def set_type(self, index: int, cell_type: CellType) -> None:
        node = self.node(index)
        kept = ("id", "source", "metadata", *(() if cell_type == "code" else ("attachments",)))
        made: dict[str, Json] = {key: node[key] for key in kept if key in node}
        self.touched.change(self._ids[index], self._source(index))
        self._replace(index, index, {**made, "cell_type": cell_type})

    def set_running(self, index: int, *, is_running: bool) -> None:
        self._set(index, "execution_state", "running" if is_running else "idle")

    def set_count(self, index: int, count: int | None) -> None:
        self._set(index, "execution_count", as_shared(count))

    def set_timing(self, index: int, timing: Mapping[str, str] | None) -> None:
        cell = self._changing(index)
        if not isinstance(cell.get("metadata"), self._map):
            cell["metadata"] = self._map(as_shared(cell.get("metadata") or {}))
        metadata = cell["metadata"]
        if timing is not None:
            metadata["execution"] = as_shared(timing)
        elif "execution" in metadata:
            del metadata["execution"]

    def set_outputs(self, index: int, outputs: Sequence[Mapping[str, Json]], *, start: int) -> None:
        cell = self._changing(index)
        if not isinstance(cell.get("outputs"), type(self._cells)):
            cell["outputs"] = type(self._cells)([])
        shown = cell["outputs"]
        end = start + len(outputs)
        if len(shown) > end:
            del shown[end:]
        for at, output in enumerate(outputs, start):
            if at >= len(shown):
                shown.append(self._output(output))
            elif not self._adjust(shown[at], output):
                shown[at] = self._output(output)

    def drop_doubles(self, moved: Iterable[str]) -> None:
        """Remove our copies of cells that a person has moved at the same time as we."""
        for cell_id in moved:
            doubled = self._known.doubled(self._cells, cell_id)
            ours = [index for index in doubled if self._is_ours(index)]
            for index in reversed(ours[: len(doubled) - 1]):
                del self._cells[index]

    def _is_ours(self, index: int) -> bool:
        place = place_of(self._cells[index].get("source"))
        return bool(place and place.get("client") == self._document.ydoc.client_id)

    def _adjust(self, shown: Any, output: Mapping[str, Json]) -> bool:
        """Whether an output that is there is now the one that is wanted."""
        if not isinstance(shown, self._map):
            return False
        text = shown.get("text")
        wanted = as_shared(output)
        if not self._is_text(text) or wanted.get("output_type") != "stream":
            return bool(shown.to_py() == wanted)
        found = {**shown.to_py(), "text": ""}
        if found != {**wanted, "text": ""}:
            return False
        splice(text, _joined(wanted.get("text")))
        return True

    def _output(self, output: Mapping[str, Json]) -> Any:
        made = as_shared(output)
        if made.get("output_type") == "stream":
            made["text"] = self._text(_joined(made.get("text")))
        return self._map(made)

    def _replace(self, index: int, to: int, node: CellNode) -> None:
        """Put a cell in the place of another, or elsewhere.

        In two transactions: in one, browsers put what a person types into another cell.
        """
        is_running = self._cells[index].get("execution_state") == "running"
        self._take(index)
        self._transaction.__exit__(None, None, None)
        self._begin()
        self._put(to, node)
        if is_running and node["cell_type"] == "code":
            self.set_running(to, is_running=True)

    def _put(self, index: int, node: CellNode) -> None:
        self._cells.insert(index, self._document.create_ycell(as_shared(_whole(node))))
        self._ids.insert(index, str(node["id"]))

    def _take(self, index: int) -> None:
        self._repair()
        del self._cells[index]
        del self._ids[index]

    def _source(self, index: int) -> str:
        return str(self._cells[index].get("source") or "")

    def _set(self, index: int, key: str, value: Json) -> None:
        cell = self._cells[index] if key == "execution_state" else self._changing(index)
        if key not in cell or cell[key] != value:
            cell[key] = value

    def _changing(self, index: int) -> Any:
        self._repair()
        self.touched.change(self._ids[index], self._source(index))
        return self._cells[index]

    def _begin(self) -> None:
        self._transaction = self._document.ydoc.transaction(origin=ORIGIN)
        self._transaction.__enter__()

    def _repair(self) -> None:
        """Write the ids that cells lack, before the first change: so the draft has them too."""
        if not self._is_repaired:
            self._known.repaired(self._cells)
            self._is_repaired = True

    def _text(self, value: str) -> Any:
        made = self._document.create_ycell({"cell_type": "raw", "source": text_of(value)})
        return made.prelim["source"]

    def _is_text(self, value: Any) -> bool:
        return hasattr(value, "sticky_index") and not isinstance(value, type(self._cells))


def _whole(node: CellNode) -> dict[str, Json]:
    """A cell with what Jupyter expects of one."""
    made: dict[str, Json] = {"source": "", "metadata": {}, **node}
    made.pop("execution_state", None)
    if made["cell_type"] == "code":
        return {"execution_count": None, "outputs": [], **made}
    return {key: value for key, value in made.items() if key not in _OF_CODE}


_OF_CODE = ("execution_count", "outputs")


def _joined(value: Json) -> str:
    return "".join(map(str, value)) if isinstance(value, list) else str(value or "")
