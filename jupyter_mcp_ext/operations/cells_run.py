"""The cells of one run: opened, executed and written one after another."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from jupyter_mcp_ext.errors import InvalidArgument, ToolError
from jupyter_mcp_ext.executions.cells import RunCell
from jupyter_mcp_ext.notebooks.editing.words import RELOAD
from jupyter_mcp_ext.notebooks.handles import short_ids
from jupyter_mcp_ext.notebooks.running.chosen import MAY_RAISE, ChosenCell, choose, chosen
from jupyter_mcp_ext.notebooks.running.recording import Recording
from jupyter_mcp_ext.notebooks.running.running_cell import RunningCell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_mcp_ext.executions.cells import CellStatus
    from jupyter_mcp_ext.executions.execution import Execution
    from jupyter_mcp_ext.executions.part import Part
    from jupyter_mcp_ext.files.paths import Place
    from jupyter_mcp_ext.kernels.links.exchange import Content, Exchange
    from jupyter_mcp_ext.kernels.losses import KernelLost
    from jupyter_mcp_ext.notebooks.draft import Draft
    from jupyter_mcp_ext.notebooks.running.running_cell import LetGo
    from jupyter_mcp_ext.services import Services
    from jupyter_mcp_ext.sessions.session import Session

WAITED = 1.0
"""Seconds after which the source of the first cell is read again before it is sent."""

LET_GO: dict[LetGo, str] = {
    "deleted": "was deleted while it ran: its outputs are here only",
    "no code cell": "is no code cell any more: its outputs are here only",
    "run or cleared": "was run or cleared by a person while it ran: its outputs are here only",
}


class CellsRun:
    """The cells of one run: each is opened when its turn comes, and written while it runs."""

    has_failed = False

    def __init__(
        self, services: Services, session: Session, place: Place, *, keep_going: bool
    ) -> None:
        self.goes_on = keep_going
        self._place = place
        self._is_persons = not session.is_agents
        self._written = services.written
        self._displays = services.editing.displays
        self._max_bytes = services.executions.max_output_bytes
        self._recording = Recording(
            partial(services.editing.homes.change, place),
            on_let_go=self._let_go,
            on_failure=self._fail,
        )
        self._cells: tuple[ChosenCell, ...] = ()
        self._next = 0
        self._opened: int | None = None
        """The position of the first cell that is run, which is open before its turn."""
        self._opened_at = 0.0
        self._current: CellPart | None = None
        self._is_closed = False
        self._execution: Execution | None = None

    def __len__(self) -> int:
        return len(self._cells)

    async def plan(self, references: Sequence[str | int] | None) -> None:
        """Choose the cells and open the first one. Raises ToolError, and then opens none."""
        self._cells = await self._recording.step(partial(_planned, references=references))
        self._opened = next((n for n, cell in enumerate(self._cells) if cell.is_run), None)
        self._opened_at = time.time()

    async def give_up(self) -> None:
        """Run nothing after all."""
        opened = None if self._opened is None else self._cells[self._opened].cell_id
        await self._recording.step(partial(_unopened, cell_id=opened))

    def of(self, execution: Execution) -> CellsRun:
        """This run, as the one of an execution."""
        self._execution = execution
        execution.cells.start(
            [
                RunCell(
                    index=cell.index,
                    cell_id=cell.cell_id,
                    handle=cell.handle,
                    cell_type=cell.cell_type,
                )
                for cell in self._cells
            ]
        )
        return self

    async def next(self) -> Part | None:
        """The next cell that is run, with its source as it is now."""
        self._current = None
        while (position := self._next) < len(self._cells):
            self._next += 1
            cell = await self._open(position)
            if cell is not None and cell.is_run:
                self._current = CellPart(self, position, cell)
                return self._current
            words = "deleted" if cell is None else cell.passed_over
            self.execution.cells.note(position, "skipped", words)
        return None

    async def close(self, lost: KernelLost | None = None) -> None:
        """Write what is not written yet: the cells that ran, and that no cell runs."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._opened is not None and self._next <= self._opened:  # it never had its turn
            self._current = CellPart(self, self._opened, self._cells[self._opened])
        if self._current is not None:
            self._current.leave(lost)
        await self._recording.close()
        self._written.by_another(self._place.path)
        self.execution.tell(self._recording.notes)
        if self._is_persons and self._recording.home == "file":
            self.execution.tell([RELOAD])
        if self._recording.saved not in ("", "saved"):
            self.execution.tell([f"{self._place.path}: outputs are {self._recording.saved}"])

    @property
    def execution(self) -> Execution:
        """The execution that it is."""
        if self._execution is None:
            msg = "the run has not started"
            raise RuntimeError(msg)
        return self._execution

    @property
    def shows_headings(self) -> bool:
        """Whether outputs are told apart by the cells they come from."""
        return sum(cell.is_run for cell in self._cells) > 1

    def new_cell(self, position: int, cell: ChosenCell) -> RunningCell:
        """The cell at a position, about to run."""
        running = RunningCell(cell.cell_id, self._max_bytes)
        is_cleared = self._recording.home == "room" or self._opened == position
        running.opened(None if is_cleared else cell.mark)
        self._displays.add(self._place.real, running)
        return running

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

    async def _open(self, position: int) -> ChosenCell | None:
        """Clear a cell where that is seen at once, and read it as it is now."""
        known = self._cells[position]
        if not known.is_run or self._recording.home == "file":
            return known
        if self._opened == position and time.time() - self._opened_at < WAITED:
            return known
        try:
            return await self._recording.step(partial(_opened, cell_id=known.cell_id))
        except ToolError as err:
            self._fail(err)
            return known

    def _let_go(self, cell: RunningCell) -> None:
        handle = next(c.handle for c in self._cells if c.cell_id == cell.id)
        self.execution.tell([f"{handle} {LET_GO[cell.let_go]}"] if cell.let_go else [])

    def _fail(self, err: ToolError) -> None:
        self.execution.tell([f"outputs are not in the notebook: {err}"])


class CellPart:
    """One cell of a run: its code, and what becomes of its outputs."""

    def __init__(self, run: CellsRun, position: int, cell: ChosenCell) -> None:
        self.code = cell.source
        self.cell_id = cell.cell_id
        self.heading = f"--- cell {cell.index} {cell.handle} ---\n" if run.shows_headings else ""
        self._run = run
        self._position = position
        self._may_raise = MAY_RAISE in cell.tags
        self._cell = run.new_cell(position, cell)
        self._exchange: Exchange | None = None
        self._has_ended = False
        self._began = time.time()

    def sent(self, exchange: Exchange) -> None:
        """The kernel was given the code."""
        self._exchange = exchange

    def begin(self) -> None:
        """The kernel has begun with it."""
        count = None if self._exchange is None else self._exchange.count
        self._began = time.time()
        self._cell.begin(count)
        self._run.execution.cells.note(self._position, "running", execution_count=count)
        self._run.note(self._cell)

    def take(self, msg_type: str, content: object, *, is_captured: bool) -> None:
        """A message of its outputs came."""
        if not isinstance(content, dict):
            return
        if msg_type == "update_display_data":
            self._run.update_displays(content)
        elif not is_captured and self._cell.outputs.take(msg_type, content):
            self._run.note(self._cell)

    def end(self, exchange: Exchange, reply: Content, *, is_stopped: bool) -> None:
        """The kernel has replied."""
        raised = (
            ""
            if reply.get("status") == "ok"
            else str(reply.get("ename") or reply.get("status"))[:100]
        )
        count = reply.get("execution_count")
        count = count if isinstance(count, int) else exchange.count
        if not raised:
            self._end("ok", exchange, count)
        elif is_stopped:
            self._end("interrupted", exchange, count)
        elif self._may_raise:
            self._end("ok", exchange, count, f"{raised}, which its tag {MAY_RAISE} allows")
        else:
            self._run.has_failed = True
            self._end("error", exchange, count, raised)

    def leave(self, lost: KernelLost | None) -> None:
        """No reply came: the kernel was lost, or the run was stopped before."""
        if self._has_ended:
            return
        exchange = self._exchange
        # A kernel that dies at once may not have said that it has begun.
        is_lost = lost is not None and not lost.behind_other
        if exchange is None or not (exchange.begun or is_lost):
            self._cell.end(None, {})
            self._run.settle(self._cell)
            return
        is_dead = lost is not None and lost.loss.kind == "died"
        self._end("dead" if is_dead else "interrupted", exchange, exchange.count)

    def _end(
        self, status: CellStatus, exchange: Exchange, count: int | None, words: str = ""
    ) -> None:
        self._has_ended = True
        self._cell.end(count, exchange.times)
        self._run.settle(self._cell)
        took = time.time() - self._began
        note = self._run.execution.cells.note
        note(self._position, status, words, execution_count=count, seconds=took)


def _planned(draft: Draft, *, references: Sequence[str | int] | None) -> tuple[ChosenCell, ...]:
    """The chosen cells, the first one that is run cleared."""
    cells = choose(draft, references)
    if not cells:
        msg = "The notebook has no cells. insert_cells adds some."
        raise InvalidArgument(msg)
    first = next((cell for cell in cells if cell.is_run), None)
    if first is not None:
        RunningCell.open(draft, first.index)
    return cells


def _unopened(draft: Draft, *, cell_id: str | None) -> None:
    if cell_id in draft.ids:
        draft.set_running(draft.ids.index(cell_id), is_running=False)


def _opened(draft: Draft, *, cell_id: str) -> ChosenCell | None:
    """A cell as it is now, cleared if it is run; None when it is gone."""
    if cell_id not in draft.ids:
        return None
    index = draft.ids.index(cell_id)
    cell = chosen(draft, index, short_ids(draft.ids)[cell_id])
    if cell.is_run:
        RunningCell.open(draft, index)
    return cell
