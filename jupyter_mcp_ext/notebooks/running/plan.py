"""The cells of a run, in their order, each as it is now while it waits for its turn. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from jupyter_mcp_ext.notebooks.editing.edits import as_before
from jupyter_mcp_ext.notebooks.saved.draft import FileDraft

from .chosen import ChosenCell, choose, chosen
from .running_cell import RunningCell

if TYPE_CHECKING:
    from jupyter_mcp_ext.notebooks.draft import CellNode, Draft, Mark
    from jupyter_mcp_ext.notebooks.editing.steps import Cleared


class Plan:
    """The cells that are run; which they are and their order is settled when it is made."""

    def __init__(self) -> None:
        self.turn = -1
        """The position of the cell whose turn it is."""
        self.first: int | None = None
        """The position of the first cell that is run, which is cleared before its turn."""
        self.cleared: dict[int, Mark] = {}
        """By what the cells are known that were cleared, by their positions."""
        self._before: Cleared | None = None
        """What the cell had that was cleared last."""
        self.is_of_one = False
        """Whether only one cell is run."""
        self._cells: tuple[ChosenCell, ...] = ()
        self._seen: dict[str, tuple[int, CellNode, Mark] | None] = {}
        """The cells when they were last looked at, by id; None for those that are gone."""

    def __len__(self) -> int:
        return len(self._cells)

    def __iter__(self) -> Iterator[ChosenCell]:
        """The cells as they were at the beginning."""
        return iter(self._cells)

    def __getitem__(self, position: int) -> ChosenCell:
        return self._cells[position]

    def choose(
        self,
        draft: Draft,
        references: Sequence[str | int] | None,
        check: Callable[[ChosenCell], object] = lambda _: None,
    ) -> None:
        """Choose the cells that references name, or all, and clear the first that is run.

        ``check`` raises if a cell may not be run. Raises InvalidArgument, and StaleHandle for a
        handle whose source has changed.
        """
        self._cells = choose(draft, references)
        run = [position for position, cell in enumerate(self._cells) if cell.is_run]
        for position in run:
            check(self._cells[position])
        self.first, self.is_of_one = next(iter(run), None), len(run) == 1
        if self.first is not None:
            self.cleared.clear()
            self._clear(draft, self.first, self._cells[self.first].index)

    def see(self, draft: Draft) -> None:
        """Look at cells again that have not had their turn.

        In a file all of them: it is not read again for each. In a room the one whose turn it is.
        """
        last = len(self._cells) if isinstance(draft, FileDraft) else self.turn + 1
        waiting = [cell.cell_id for cell in self._cells[max(self.turn, 0) : last]]
        found = {cell_id: index for index, cell_id in enumerate(draft.ids)}
        for cell_id in waiting:
            index = found.get(cell_id)
            self._seen[cell_id] = (
                None if index is None else (index, draft.bare(index), draft.mark(index))
            )

    def open(self, draft: Draft) -> None:
        """Look at the cell whose turn it is and clear it, if it is run."""
        self.see(draft)
        cell = self.now
        if cell is not None and cell.is_run and self.turn != self.first:
            self._clear(draft, self.turn, cell.index)

    def put_back(self, draft: Draft, position: int) -> None:
        """Leave a cell as it was before it was cleared, unless another has run or cleared it."""
        cell_id = self._cells[position].cell_id
        if self._before is None or self._before.cell_id != cell_id or cell_id not in draft.ids:
            return
        index = draft.ids.index(cell_id)
        if draft.mark(index) == self.cleared.get(position):
            self._before.take_back(draft, index)
            draft.set_running(index, is_running=False)

    def began(self) -> None:
        """The kernel has begun with the cell whose turn it is: what it had is not put back."""
        self._before = None

    def _clear(self, draft: Draft, position: int, index: int) -> None:
        self._before = as_before(draft, index)
        self.cleared[position] = RunningCell.open(draft, index)

    @property
    def now(self) -> ChosenCell | None:
        """The cell whose turn it is as it is now; None when it is gone."""
        known = self._cells[self.turn]
        if known.cell_id not in self._seen:
            return known
        seen = self._seen[known.cell_id]
        if seen is None:
            return None
        index, node, mark = seen
        name = known.handle.rpartition("@")[0]
        return chosen(node, index, known.cell_id, name, mark)
