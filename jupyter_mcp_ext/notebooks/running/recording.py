"""Writes cells that run into their notebook, and reads them again when their turn comes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar

from jupyter_mcp_ext.flushing import Flusher
from jupyter_mcp_ext.notebooks.saved.draft import FileDraft

from .pace import LONGEST_GAP, ROOM_PAUSE, Pace

if TYPE_CHECKING:
    from jupyter_mcp_ext.notebooks.draft import Change, Changed, Draft, HomeKind, Saving
    from jupyter_mcp_ext.notebooks.running.running_cell import RunningCell, Wrote

T = TypeVar("T")

Written: TypeAlias = "tuple[RunningCell, Wrote]"

FRESH = 0.05
"""Seconds for which what was read with the latest write counts as what is there."""

UNSAVED = 3.0
"""Seconds for which what is written into a room may not be saved."""


class ChangeNotebook(Protocol):
    """Changes one notebook in one step, where it is kept at the moment. Raises ToolError."""

    def __call__(self, change: Change[T]) -> Awaitable[Changed[T]]: ...


class Recording:
    """Writes the cells of one run into one notebook.

    ``see`` is given each draft in which a cell may have been edited, ``stamp`` gives what changes
    when the file is written. ``on_let_go`` is called once for each cell into which nothing more is
    written, ``on_failure`` when the notebook cannot be changed.
    """

    def __init__(
        self,
        change: ChangeNotebook,
        *,
        see: Callable[[Draft], None],
        stamp: Callable[[], Awaitable[object]],
        on_let_go: Callable[[RunningCell], object],
        on_failure: Callable[[Exception], object],
    ) -> None:
        self.saved = ""
        """Whether the latest write is saved, in words."""
        self.notes: Sequence[str] = ()
        self._change = change
        self._see = see
        self._stamp = stamp
        self._on_let_go = on_let_go
        self._on_failure = on_failure
        self._waiting: dict[str, RunningCell] = {}
        self._recent: dict[str, tuple[float, RunningCell]] = {}
        """The cells that were written last, and when."""
        self._flusher = Flusher(self._flush, name="mcp-cells")
        self._lock = asyncio.Lock()
        self._pace = Pace()
        self._gap: asyncio.Task[None] | None = None
        """Runs while nothing is written, so that the room saves."""
        self._seen: object = None
        """The stamp of the file when it was last read or written here."""
        self._is_closed = False

    @property
    def home(self) -> HomeKind:
        """Where the notebook was kept when it was last changed."""
        return self._pace.home

    @property
    def is_behind(self) -> bool:
        """Whether there is something that is not written yet."""
        return bool(self._waiting)

    @property
    def is_fresh(self) -> bool:
        """Whether the notebook was written just now."""
        return self._now - self._pace.last < FRESH

    async def step(self, change: Change[T]) -> T:
        """Change the notebook, with all that is not written yet. Raises ToolError."""
        changed = await self.change(change)
        self._keep(changed.notes)
        return changed.value

    async def look(self, open_cell: Change[None]) -> None:
        """See the cells as they are now, and open one where that is seen at once.

        Raises ToolError.
        """
        if self.home == "file":
            stamp = await self._stamp()
            if stamp == self._seen:
                return
            self._seen = stamp
        elif self._gap is None and self._pace.wait(self._now, have_ended=False) == 0.0:
            await self.step(open_cell)
            return
        self._keep((await self._change(self._see)).notes)

    def note(self, cell: RunningCell) -> None:
        """There is news of a cell, to be written soon."""
        if self._is_closed or cell.let_go:
            return
        self._waiting[cell.id] = cell
        if not self._flusher.is_writing and self._gap is None:
            self._flusher.schedule(self._pause)

    async def close(self) -> None:
        """Write what is not written yet, and nothing later."""
        self._is_closed = True
        if self._gap is not None:
            self._gap.cancel()
            self._gap = None
        self._flusher.cancel()
        await self._flusher.written()
        self._flusher.cancel()
        if self._waiting:
            await self._flush()

    @property
    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    @property
    def _pause(self) -> float:
        """Seconds until the next write, which takes what comes until then with it."""
        have_ended = all(cell.has_ended for cell in self._waiting.values())
        return max(self._pace.wait(self._now, have_ended=have_ended), ROOM_PAUSE)

    async def _flush(self) -> float | None:
        if self._gap is not None:
            return None
        try:
            await self.step(lambda _: None)
        except Exception as err:  # noqa: BLE001  # a document that fails ends no run
            self._on_failure(err)
            return None
        is_over = self._is_closed or self._gap is not None
        return self._pause if self._waiting and not is_over else None

    async def change(self, change: Change[T]) -> Changed[T]:
        """Like `step`, with what there is to say of the change, which is not kept in `notes`."""
        async with self._lock:
            cells = list(self._waiting.values())
            self._waiting.clear()
            wrote: list[Written] = []

            def both(draft: Draft) -> T:
                # A room that has closed may not have saved what was written last.
                is_stale = self.home == "room" and isinstance(draft, FileDraft)
                found = {cell_id: index for index, cell_id in enumerate(draft.ids)}
                again = [*self._latest(but=cells), *cells] if is_stale else cells
                wrote[:] = [
                    (cell, cell.write(draft, found.get(cell.id), is_stale=is_stale))
                    for cell in again
                ]
                value = change(draft)
                self._see(draft)
                return value

            began = self._now
            try:
                changed = await self._change(both)
            except BaseException:
                self._waiting = {**{cell.id: cell for cell in cells}, **self._waiting}
                raise
            self._note(changed, began)
            for cell, news in wrote:
                cell.wrote(news)
                self._recent[cell.id] = (self._pace.last, cell)
                if news.let_go:
                    self._on_let_go(cell)
            # That of our own save: another program may have saved the file by now.
            self._seen = object() if changed.stamp is None else changed.stamp
            return changed

    def _latest(self, *, but: Sequence[RunningCell]) -> Sequence[RunningCell]:
        """The cells that were written shortly before the latest write."""
        since = self._pace.last - UNSAVED
        self._recent = {name: (at, c) for name, (at, c) in self._recent.items() if at >= since}
        return [cell for _, cell in self._recent.values() if cell not in but and not cell.let_go]

    def _keep(self, notes: Sequence[str]) -> None:
        self.notes = (*self.notes, *(note for note in notes if note not in self.notes))

    def _note(self, changed: Changed[T], began: float) -> None:
        self._pace.wrote(began, self._now, changed.home)
        self.saved = changed.saved
        saving = changed.saving
        if saving and not self._is_closed and self._pace.is_gap_due(self._now, saving):
            self._gap = self._gap or asyncio.create_task(self._leave_gap(saving), name="mcp-gap")

    async def _leave_gap(self, saving: Saving) -> None:
        """Write nothing until the room has tried to save."""
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(saving.tried(), LONGEST_GAP)
        self._gap = None
        self._pace.left_gap(self._now)
        if self._waiting and not self._is_closed:
            self._flusher.schedule(self._pause)
