"""The cells of a shared document, in transactions: what a draft of a room works on."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jupyter_mcp_ext.notebooks.cells import CELL_TYPES
from jupyter_mcp_ext.outputs.model import Json

from .cell_ids import CellIds
from .positions import place_of
from .values import as_shared, splice, text_of

ORIGIN = "jupyter-mcp-ext"
"""Names our changes in the document; a person's undo leaves them alone."""

_OF_CODE = ("execution_count", "outputs")


def is_busy(document: Any) -> bool:
    """Whether another task is in the middle of a transaction of a document."""
    try:
        document.ydoc.transaction(origin=ORIGIN)  # not begun
    except RuntimeError:  # one with another origin is open
        return True
    return False


class SharedCells:
    """The cells with their ids; `begin` and `end` enclose all use.

    ``document`` is a `jupyter_ydoc.YNotebook`, loaded. The classes of pycrdt are taken from it, so
    that nothing is imported that a server may not have.
    """

    def __init__(self, document: Any, known: CellIds) -> None:
        self.ids: list[str] = []
        self._document = document
        self._cells = document.ycells
        self._known = known
        self._has_begun = self._is_repaired = False
        self._transaction: Any = None
        self.map = type(document.ydoc["meta"])
        self.array = type(document.ycells)

    def begin(self) -> None:
        """Begin a transaction: what is done in it shows at its end."""
        self._transaction = self._document.ydoc.transaction(origin=ORIGIN)
        self._transaction.__enter__()
        if not self._has_begun:
            self._has_begun = True
            self.ids = self._known.unique(self._cells)

    def end(self) -> None:
        """End the transaction.

        What is done in it is done, also if others who observe the document fail at it.
        """
        try:
            self._transaction.__exit__(None, None, None)
        except Exception as err:
            failed = getattr(err, "exceptions", None)  # pycrdt raises them as a group
            if failed is None:
                raise
            names = ", ".join(sorted({type(one).__name__ for one in failed}))
            logging.getLogger(__name__).warning(
                "What observes a shared notebook failed at a change: %s", names
            )

    def __getitem__(self, index: int) -> Any:
        return self._cells[index]

    def source(self, index: int) -> str:
        """The source of a cell."""
        return str(self._cells[index].get("source") or "")

    def put(self, index: int, node: Mapping[str, Json]) -> None:
        """Insert a cell of nbformat."""
        self.repair()
        self._cells.insert(index, self._document.create_ycell(as_shared(_whole(node))))
        self.ids.insert(index, str(node["id"]))

    def take(self, index: int) -> None:
        """Remove a cell."""
        self.repair()
        del self._cells[index]
        del self.ids[index]

    def repair(self) -> None:
        """Write the ids that cells lack, before the first change: so the document has them too."""
        if not self._is_repaired:
            self._known.repair(self._cells)
            self._is_repaired = True

    def drop_double(self, cell_id: str) -> None:
        """Remove our copies of a cell that a person has moved at the same time as we."""
        doubled = self._known.doubled(self._cells, cell_id)
        ours = [index for index in doubled if self._is_ours(index)]
        for index in reversed(ours[: len(doubled) - 1]):
            del self._cells[index]

    def write_text(self, holder: Any, key: str, value: str) -> None:
        """Give a cell or an output a text; one that it has is changed where it differs."""
        text = holder.get(key)
        if self._is_text(text):
            splice(text, value)
        else:
            holder[key] = self._text(value)

    def write_outputs(self, shown: Any, outputs: Sequence[Mapping[str, Json]], start: int) -> None:
        """Replace outputs from a number on; equal ones are left."""
        end = start + len(outputs)
        if len(shown) > end:
            del shown[end:]
        for at, output in enumerate(outputs, start):
            if at >= len(shown):
                shown.append(self._output(output))
            elif not self._adjust(shown[at], output):
                shown[at] = self._output(output)

    def _adjust(self, shown: Any, output: Mapping[str, Json]) -> bool:
        """Whether an output that is there is now the one that is wanted."""
        if not isinstance(shown, self.map):
            return False
        wanted = as_shared(output)
        if not self._is_text(shown.get("text")) or wanted.get("output_type") != "stream":
            return bool(shown.to_py() == wanted)
        found = {**shown.to_py(), "text": ""}
        if found != {**wanted, "text": ""}:
            return False
        self.write_text(shown, "text", _joined(wanted.get("text")))
        return True

    def _output(self, output: Mapping[str, Json]) -> Any:
        made = as_shared(output)
        if made.get("output_type") == "stream":
            made["text"] = self._text(_joined(made.get("text")))
        return self.map(made)

    def _text(self, value: str) -> Any:
        made = self._document.create_ycell({"cell_type": "raw", "source": text_of(value)})
        return made.prelim["source"]

    def _is_text(self, value: Any) -> bool:
        return hasattr(value, "sticky_index") and not isinstance(value, self.array)

    def _is_ours(self, index: int) -> bool:
        place = place_of(self._cells[index].get("source"))
        return bool(place and place[0] == self._document.ydoc.client_id)


def drop_doubles(document: Any, known: CellIds, moved: Iterable[str]) -> None:
    """Remove our copies of cells that a person has moved at the same time as we."""
    cells = SharedCells(document, known)
    cells.begin()
    for cell_id in moved:
        cells.drop_double(cell_id)
    cells.end()


def _whole(node: Mapping[str, Json]) -> dict[str, Json]:
    """A cell with what Jupyter expects of one."""
    made: dict[str, Json] = {"source": "", "metadata": {}, **node}
    made.pop("execution_state", None)
    if made["cell_type"] == "code":
        return {"execution_count": None, "outputs": [], **made}
    if made["cell_type"] not in CELL_TYPES:
        return made
    return {key: value for key, value in made.items() if key not in _OF_CODE}


def _joined(value: Json) -> str:
    return "".join(map(str, value)) if isinstance(value, list) else str(value or "")
