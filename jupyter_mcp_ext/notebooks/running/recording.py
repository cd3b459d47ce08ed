"""Writes cells that run into their notebook, as often as the place where it is kept can bear.

In a room people see each write at once, but the room saves only in a pause between writes, so long
streams leave one now and then. A file is written as a whole, so it is written seldom.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar

from jupyter_mcp_ext.errors import ToolError
from jupyter_mcp_ext.flushing import Flusher
from jupyter_mcp_ext.notebooks.saved.draft import FileDraft

if TYPE_CHECKING:
    from jupyter_mcp_ext.notebooks.draft import Change, Changed, Draft, HomeKind
    from jupyter_mcp_ext.notebooks.running.running_cell import RunningCell, Wrote

T = TypeVar("T")

Written: TypeAlias = "tuple[RunningCell, Wrote]"

ROOM_PAUSE = 0.1
"""Seconds between two writes into a room."""

STRETCH = 10.0
"""Seconds of writes into a room after which a pause is made in which it saves."""

ROOM_SAVES = 1.5
"""Seconds of that pause; rooms save a second after the latest change."""

FILE_PAUSE = 3.0
"""Seconds between two writes of a file while a cell runs."""

FILE_PAUSE_ENDED = 1.0
"""The same once it has ended; at the end of the run all is written."""

UNSAVED = 3.0
"""Seconds for which what is written into a room may not be saved."""

SHARE = 5.0
"""Times the duration of the latest write that passes before the next."""


class ChangeNotebook(Protocol):
    """Changes one notebook in one step, where it is kept at the moment. Raises ToolError."""

    def __call__(self, change: Change[T]) -> Awaitable[Changed[T]]: ...


class Recording:
    """Writes the cells of one run into one notebook.

    ``on_let_go`` is called once for each cell into which nothing more is written, ``on_failure``
    when the notebook cannot be changed.
    """

    def __init__(
        self,
        change: ChangeNotebook,
        *,
        on_let_go: Callable[[RunningCell], object],
        on_failure: Callable[[ToolError], object],
    ) -> None:
        self.home: HomeKind = "file"
        """Where the notebook was kept when it was last changed."""
        self.saved = ""
        """Whether the latest write is saved, in words."""
        self.notes: Sequence[str] = ()
        self._change = change
        self._on_let_go = on_let_go
        self._on_failure = on_failure
        self._waiting: dict[str, RunningCell] = {}
        self._recent: dict[str, tuple[float, RunningCell]] = {}
        """The cells that were written last, and when."""
        self._flusher = Flusher(self._flush, name="mcp-cells")
        self._lock = asyncio.Lock()
        self._last = self._stretch = self._cost = 0.0
        self._is_closed = False

    async def step(self, change: Change[T]) -> T:
        """Change the notebook, with all that is not written yet. Raises ToolError."""
        return (await self._write(change)).value[0]

    def note(self, cell: RunningCell) -> None:
        """There is news of a cell, to be written soon."""
        if self._is_closed or cell.let_go:
            return
        self._waiting[cell.id] = cell
        if not self._flusher.is_writing:
            self._flusher.schedule(self._pause)

    async def close(self) -> None:
        """Write what is not written yet, and nothing later."""
        self._is_closed = True
        self._flusher.cancel()
        await self._flusher.written()
        self._flusher.cancel()
        if self._waiting:
            await self._flush()

    @property
    def _pause(self) -> float:
        """Seconds until the next write is due."""
        now = asyncio.get_running_loop().time()
        if self.home == "file":
            has_ended = all(cell.has_ended for cell in self._waiting.values())
            least = FILE_PAUSE_ENDED if has_ended else FILE_PAUSE
        elif now - self._last > ROOM_SAVES:
            least = ROOM_PAUSE
        else:
            least = ROOM_SAVES if now - self._stretch > STRETCH else ROOM_PAUSE
        return max(self._last + max(least, SHARE * self._cost) - now, ROOM_PAUSE)

    async def _flush(self) -> float | None:
        try:
            await self._write(lambda _: None)
        except ToolError as err:
            self._on_failure(err)
            return None
        return self._pause if self._waiting and not self._is_closed else None

    async def _write(self, change: Change[T]) -> Changed[tuple[T, list[Written]]]:
        async with self._lock:
            cells = list(self._waiting.values())
            self._waiting.clear()

            def both(draft: Draft) -> tuple[T, list[Written]]:
                # A room that has closed may not have saved what was written last.
                is_stale = self.home == "room" and isinstance(draft, FileDraft)
                found = {cell_id: index for index, cell_id in enumerate(draft.ids)}
                again = [*self._latest(but=cells), *cells] if is_stale else cells
                wrote = [
                    (cell, cell.write(draft, found.get(cell.id), is_stale=is_stale))
                    for cell in again
                ]
                return change(draft), wrote

            loop = asyncio.get_running_loop()
            began = loop.time()
            try:
                changed = await self._change(both)
            except BaseException:
                self._waiting = {**{cell.id: cell for cell in cells}, **self._waiting}
                raise
            self._note(changed, began, loop.time())
            for cell, wrote in changed.value[1]:
                cell.wrote(wrote)
                self._recent[cell.id] = (loop.time(), cell)
                if wrote.let_go:
                    self._on_let_go(cell)
            return changed

    def _latest(self, *, but: Sequence[RunningCell]) -> Sequence[RunningCell]:
        """The cells that were written shortly before the latest write."""
        since = self._last - UNSAVED
        self._recent = {name: (at, c) for name, (at, c) in self._recent.items() if at >= since}
        return [cell for _, cell in self._recent.values() if cell not in but and not cell.let_go]

    def _note(self, changed: Changed[tuple[T, list[Written]]], began: float, now: float) -> None:
        if began - self._last > ROOM_SAVES:
            self._stretch = began
        self.home, self.saved = changed.home, changed.saved
        self.notes = (*self.notes, *(note for note in changed.notes if note not in self.notes))
        self._cost, self._last = now - began, now
