"""The cells of a run before it begins: chosen, and the first of them opened."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from jupyter_mcp_ext.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_mcp_ext.governance.calls import McpCalls
    from jupyter_mcp_ext.notebooks.draft import Change, Changed, Draft
    from jupyter_mcp_ext.notebooks.editing.edits import Edited
    from jupyter_mcp_ext.notebooks.running.chosen import ChosenCell
    from jupyter_mcp_ext.notebooks.running.plan import Plan
    from jupyter_mcp_ext.notebooks.running.recording import Recording


class CellsChoice:
    """Chooses the cells of one run."""

    def __init__(self, plan: Plan, recording: Recording, calls: McpCalls) -> None:
        self._plan = plan
        self._recording = recording
        self._calls = calls
        self._refusal: ToolError | None = None

    async def choose(self, references: Sequence[str | int] | None) -> None:
        """Choose the cells and open the first one. Raises ToolError, and then opens none."""
        await self._recording.step(partial(self._choose, references))

    async def edit(self, change: Change[Edited]) -> Changed[Edited]:
        """Make an edit, and in the same step choose the cells that it gives and open the first.

        It is made also if they cannot be run; see `check`.
        """
        return await self._recording.change(partial(self._edit_and_choose, change))

    def check(self) -> None:
        """Raise the ToolError for which the cells of an edit were not chosen."""
        if self._refusal is not None:
            raise self._refusal

    async def give_up(self) -> None:
        """Run nothing after all: the first cell gets back what it had. Raises ToolError."""
        if self._plan.first is not None:
            await self._recording.step(partial(self._plan.put_back, position=self._plan.first))

    def _edit_and_choose(self, change: Change[Edited], draft: Draft) -> Edited:
        edited, self._refusal = change(draft), None
        try:
            self._choose([cell.cell_id for cell in edited.cells], draft)
        except ToolError as err:
            self._refusal = err
        return edited

    def _choose(self, references: Sequence[str | int] | None, draft: Draft) -> None:
        self._plan.choose(draft, references, check=self._check)

    def _check(self, cell: ChosenCell) -> None:
        self._calls.check_code(cell.source, f"The cell {cell.handle}")
