"""The cells that an execution runs one after another: how far it is with each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

CellStatus = Literal["waiting", "running", "ok", "error", "interrupted", "dead", "skipped"]


@dataclass(frozen=True, kw_only=True)
class RunCell:
    """A cell of a run."""

    index: int
    """Its place in the notebook when the run was asked for."""
    cell_id: str
    handle: str
    cell_type: str = "code"
    status: CellStatus = "waiting"
    words: str = ""
    """What there is to say of its status; may be empty."""
    execution_count: int | None = None
    seconds: float | None = None


class RunCells:
    """The cells of one run, in their order."""

    def __init__(self, cells: Sequence[RunCell] = ()) -> None:
        self._cells = list(cells)
        self._at = -1

    def __len__(self) -> int:
        return len(self._cells)

    @property
    def all(self) -> tuple[RunCell, ...]:
        """All of them as they are now."""
        return tuple(self._cells)

    @property
    def progress(self) -> str:
        """Which one runs, in words; empty for a run of one cell."""
        if len(self._cells) < 2 or self._at < 0:
            return ""
        return f"cell {self._at + 1} of {len(self._cells)}"

    def start(self, cells: Sequence[RunCell]) -> None:
        """These are to be run."""
        self._cells = list(cells)

    def edited(self, position: int, *, handle: str, cell_type: str) -> None:
        """The cell at a position of the run was edited before its turn."""
        self._cells[position] = replace(self._cells[position], handle=handle, cell_type=cell_type)

    def note(
        self,
        position: int,
        status: CellStatus,
        words: str = "",
        *,
        execution_count: int | None = None,
        seconds: float | None = None,
    ) -> None:
        """How far the cell at a position of the run is."""
        self._at = max(self._at, position)
        self._cells[position] = replace(
            self._cells[position],
            status=status,
            words=words,
            execution_count=execution_count,
            seconds=seconds,
        )
