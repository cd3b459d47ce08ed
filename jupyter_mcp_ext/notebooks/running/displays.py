"""The cells whose displays later code may change (``update_display_data``). No I/O."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_mcp_ext.notebooks.running.running_cell import RunningCell
    from jupyter_mcp_ext.outputs.model import Json

MAX_CELLS = 100
"""Cells that are remembered, those that ran last: each holds its outputs."""


class Displays:
    """The cells that have run and have displays with ids, of all notebooks."""

    def __init__(self) -> None:
        self._cells: OrderedDict[tuple[str, str], RunningCell] = OrderedDict()

    def add(self, path: str, cell: RunningCell) -> None:
        """A cell of the notebook at a path runs, in place of its earlier run."""
        self._cells.pop((path, cell.id), None)
        self._cells[path, cell.id] = cell
        if len(self._cells) > MAX_CELLS:
            self._cells.popitem(last=False)

    def settle(self, path: str, cell: RunningCell) -> None:
        """A cell has ended; without displays that can change it is forgotten."""
        if not cell.outputs.has_displays and self._cells.get((path, cell.id)) is cell:
            del self._cells[path, cell.id]

    def update(self, path: str, content: Mapping[str, Json]) -> Iterator[RunningCell]:
        """Apply an ``update_display_data``; the cells of a notebook that it has changed."""
        for (where, _), cell in tuple(self._cells.items()):
            if where == path and cell.outputs.update(content):
                yield cell
