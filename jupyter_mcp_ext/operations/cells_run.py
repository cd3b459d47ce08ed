"""The cells of one run: opened, executed and written one after another."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from jupyter_mcp_ext.concurrency import undisturbed
from jupyter_mcp_ext.errors import ToolError
from jupyter_mcp_ext.executions.cells import RunCell
from jupyter_mcp_ext.notebooks.editing.words import RELOAD
from jupyter_mcp_ext.notebooks.running.plan import Plan
from jupyter_mcp_ext.notebooks.running.recording import Recording
from jupyter_mcp_ext.notebooks.running.running_cell import RunningCell

from .cell_part import CellPart
from .cells_choice import CellsChoice

if TYPE_CHECKING:
    from jupyter_mcp_ext.executions.execution import Execution
    from jupyter_mcp_ext.executions.part import Part
    from jupyter_mcp_ext.files.paths import Place
    from jupyter_mcp_ext.kernels.links.exchange import Content
    from jupyter_mcp_ext.kernels.losses import KernelLost
    from jupyter_mcp_ext.notebooks.running.chosen import ChosenCell
    from jupyter_mcp_ext.notebooks.running.running_cell import LetGo
    from jupyter_mcp_ext.services import Services
    from jupyter_mcp_ext.sessions.session import Session
    from jupyter_mcp_ext.sessions.story.following import FollowedCells

log = logging.getLogger(__name__)

NOT_STARTED = "the run has not started"

EDITED = "edited before its turn, and run as it is now"

LET_GO: dict[LetGo, str] = {
    "deleted": "was deleted while it ran: its outputs are here only",
    "no code cell": "is no code cell any more: its outputs are here only",
    "run or cleared": "was run or cleared by a person while it ran: its outputs are here only",
}


class CellsRun:
    """The cells of one run: each is opened when its turn comes, and written while it runs."""

    has_failed = False

    def __init__(
        self, services: Services, session: Session, place: Place, *, by: str, keep_going: bool
    ) -> None:
        """``by`` names the client for which they are run."""
        self.goes_on = keep_going
        self._plan = Plan()
        self._place = place
        self.path = place.path
        self._follow = partial(services.sessions.follow_cells, session)
        self._story: FollowedCells | None = None
        self._is_persons = not session.is_agents
        self._written = services.written
        self._displays = services.editing.displays
        self._calls = services.calls
        self._max_bytes = services.executions.max_output_bytes
        self._recording = Recording(
            partial(services.editing.homes.change, place, by=by),
            see=self._plan.see,
            stamp=partial(services.editing.homes.stamp, place),
            on_let_go=self._let_go,
            on_failure=self._fail,
        )
        self.choice = CellsChoice(self._plan, self._recording, services.calls)
        self._current: CellPart | None = None
        self._is_closed = False
        self._fault = ""
        """Why outputs could not be written the last time that it was tried."""
        self._execution: Execution | None = None

    def __len__(self) -> int:
        return len(self._plan)

    def of(self, execution: Execution) -> CellsRun:
        """This run, as the one of an execution."""
        self._execution = execution
        self._story = self._follow(execution)
        execution.cells.start(
            [
                RunCell(
                    index=cell.index,
                    cell_id=cell.cell_id,
                    handle=cell.handle,
                    cell_type=cell.cell_type,
                )
                for cell in self._plan
            ]
        )
        return self

    async def next(self) -> Part | None:
        """The next cell that is run, as it is now."""
        self._current = None
        plan, cells = self._plan, self.execution.cells
        while plan.turn + 1 < len(plan):
            plan.turn += 1
            await self._look()
            cell = plan.now
            if cell is None:
                cells.note(plan.turn, "skipped", "deleted before its turn")
            elif cell.is_run and not self._calls.excess(cell.source):
                self._current = self._part(cell)
                return self._current
            else:
                cells.note(
                    plan.turn, "skipped", cell.passed_over or self._calls.excess(cell.source)
                )
                if plan.turn in plan.cleared:
                    await self._put_back()
        return None

    async def close(self, lost: KernelLost | None = None) -> None:
        """Write what is not written yet: the cells that ran, and that no cell runs.

        A cancellation takes effect afterwards.
        """
        if not self._is_closed:
            await undisturbed(self._close(lost))

    async def _close(self, lost: KernelLost | None) -> None:
        first = self._plan.first
        if first is not None and self._plan.turn < first:  # it never had its turn
            self._plan.turn = first
            self._current = self._part(self._plan[first])
        if self._current is not None and not self._current.leave(lost):
            await self._put_back()
        await self._recording.close()
        self._is_closed = True
        self._written.by_another(self._place.path)
        self.execution.tell(self._recording.notes)
        if self._recording.is_behind:
            self.execution.tell([f"outputs are not in the notebook: {self._fault}"])
        if first is None:  # then no outputs were written
            return
        if self._is_persons and self._recording.home == "file":
            self.execution.tell([RELOAD])
        # That a room saves them soon is no news; by the time this is read it may have.
        if self._recording.saved.startswith("not saved"):
            self.execution.tell([f"outputs are {self._recording.saved}"])

    @property
    def story(self) -> FollowedCells:
        """Where what ran is kept for the session."""
        if self._story is None:
            raise RuntimeError(NOT_STARTED)
        return self._story

    @property
    def execution(self) -> Execution:
        """The execution that it is."""
        if self._execution is None:
            raise RuntimeError(NOT_STARTED)
        return self._execution

    def began(self, cell: RunningCell) -> None:
        """The kernel has begun with a cell."""
        self._plan.began()
        self._displays.add(self._place.real, cell)
        self._recording.note(cell)

    def note(self, cell: RunningCell) -> None:
        """There is news of a cell."""
        self._recording.note(cell)

    def update_displays(self, content: Content) -> None:
        """Apply an ``update_display_data``, to earlier cells too."""
        for cell in self._displays.update(self._place.real, content):
            self._recording.note(cell)

    def settle(self, cell: RunningCell) -> None:
        """A cell has ended."""
        self._displays.settle(self._place.real, cell)
        self._recording.note(cell)

    def failed(self) -> None:
        """A cell raised what it must not."""
        self.has_failed = True

    async def _look(self) -> None:
        """See the cell whose turn it is as it is now."""
        if self._plan.turn == self._plan.first and self._recording.is_fresh:
            return
        try:
            await self._recording.look(self._plan.open)
        except Exception as err:  # noqa: BLE001  # a document that fails ends no run
            self._fail(err)

    async def _put_back(self) -> None:
        """Leave the cell whose turn it was, and which did not run, as it was."""
        position = self._plan.turn
        try:
            await self._recording.step(partial(self._plan.put_back, position=position))
        except Exception as err:  # noqa: BLE001  # a document that fails ends no run
            self._fail(err)
            handle = self._plan[position].handle
            self.execution.tell([f"{handle} did not run and lacks what it had: {self._fault}"])

    def _part(self, cell: ChosenCell) -> CellPart:
        position, known = self._plan.turn, self._plan[self._plan.turn]
        is_edited = (cell.handle, cell.cell_type) != (known.handle, known.cell_type)
        if is_edited:
            self.execution.cells.edited(position, handle=cell.handle, cell_type=cell.cell_type)
        running = RunningCell(cell.cell_id, self._max_bytes)
        cleared = self._plan.cleared.get(position)
        running.opened(cleared or cell.mark, is_open=cleared is not None)
        return CellPart(
            self,
            cell,
            running,
            note=partial(self.execution.cells.note, position),
            heading="" if self._plan.is_of_one else f"--- cell {cell.index} {cell.handle} ---\n",
            words=EDITED if is_edited else "",
        )

    def _let_go(self, cell: RunningCell) -> None:
        handle = next(c.handle for c in self._plan if c.cell_id == cell.id)
        self.execution.tell([f"{handle} {LET_GO[cell.let_go]}"] if cell.let_go else [])

    def _fail(self, err: Exception) -> None:
        self._fault = str(err)
        if not isinstance(err, ToolError):
            log.error("Outputs could not be written into %s", self._place.path, exc_info=err)
            self._fault = "the server's log has the details. get_output shows them."
