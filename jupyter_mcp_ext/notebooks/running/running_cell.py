"""A cell of a notebook while its code runs: what is written of it, and when it is let go. No I/O.

A person may run, clear or delete the cell at the same time. JupyterLab removes the count and the
outputs then, at once, and says that the cell runs. So before each write the cell is let go if its
count or the number of its outputs is not what was written last, or another has begun to run it:
else the outputs of two runs would mix.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Literal, TypeAlias

from jupyter_mcp_ext.notebooks.draft import Mark
from jupyter_mcp_ext.notebooks.reading.cells import count_of

from .cell_outputs import CellOutputs, News

if TYPE_CHECKING:
    from jupyter_mcp_ext.notebooks.draft import Draft

LetGo: TypeAlias = Literal["deleted", "no code cell", "run or cleared"]
"""Why nothing more is written into a cell."""


class RunningCell:
    """One cell of one run; ``max_bytes`` limits its outputs."""

    def __init__(self, cell_id: str, max_bytes: int = 0) -> None:
        self.id = cell_id
        self.outputs = CellOutputs(max_bytes)
        self.let_go: LetGo | None = None
        self.is_open = False
        """Whether the notebook shows that it runs, or what it has put out."""
        self._mark = Mark("code")
        self._count: int | None = None
        self._times: Mapping[str, float] = {}
        self.has_ended = False

    @staticmethod
    def open(draft: Draft, index: int) -> Mark:
        """Clear the cell and show that it runs; by what it is known then."""
        draft.set_outputs(index, (), start=0)
        draft.set_count(index, None)
        draft.set_timing(index, None)
        draft.set_running(index, is_running=True)
        return draft.mark(index)

    def opened(self, mark: Mark, *, is_open: bool = True) -> None:
        """It was cleared, or is as it was until it is written."""
        self.is_open = is_open
        self._mark = mark

    def begin(self, count: int | None) -> None:
        """The kernel has begun with it."""
        self._count = count_of(count)

    def end(self, count: int | None, times: Mapping[str, float]) -> None:
        """Its code has ended; ``times`` are those of the messages, by JupyterLab's names."""
        self._count = count_of(count) if count is not None else self._count
        self._times = dict(times)
        self.has_ended = True

    def write(self, draft: Draft, index: int | None, *, is_stale: bool = False) -> Wrote:
        """Write what is new into the cell, or find why it is to be let go; nothing is noted.

        With ``is_stale`` the draft may lack what was written last, and gets all of it.
        """
        if index is None:
            return Wrote(let_go="deleted")
        mark = draft.mark(index)
        if mark.cell_type != "code":
            return Wrote(let_go="no code cell")
        if mark != self._mark and not is_stale:
            return Wrote(let_go="run or cleared")
        if not self.is_open and not self.has_ended:
            draft.set_timing(index, None)
            draft.set_running(index, is_running=True)
        # JupyterLab takes a count for the end of the run.
        count = self._count if self.has_ended or not draft.shows_runs else None
        if mark.count != count:
            draft.set_count(index, count)
        news = self.outputs.news(whole=is_stale)
        if news.nodes or news.start < mark.outputs:
            draft.set_outputs(index, news.nodes, start=news.start)
        if self.has_ended:
            draft.set_timing(index, timing(self._times) or None)
            draft.set_running(index, is_running=False)
        return Wrote(mark=Mark("code", count, len(news.items), mark.pressed), news=news)

    def wrote(self, wrote: Wrote) -> None:
        """What a write has given, once its draft is kept."""
        self.let_go = wrote.let_go
        if wrote.mark is not None and wrote.news is not None:
            self.is_open, self._mark = True, wrote.mark
            self.outputs.wrote(wrote.news)


@dataclass(frozen=True, kw_only=True)
class Wrote:
    """What a write into a cell has come to."""

    mark: Mark | None = None
    news: News | None = None
    let_go: LetGo | None = None


def timing(times: Mapping[str, float]) -> dict[str, str]:
    """``metadata.execution`` as JupyterLab records it."""
    known = ("iopub.status.busy", "iopub.execute_input", "iopub.status.idle")
    found = {name: _date(times[name]) for name in known if name in times}
    if "shell.execute_reply" in times:
        started = times.get("iopub.status.busy", times.get("iopub.execute_input"))
        if started is not None:
            found["shell.execute_reply.started"] = _date(started)
        found["shell.execute_reply"] = _date(times["shell.execute_reply"])
    return found


def _date(seconds: float) -> str:
    at = datetime.fromtimestamp(seconds, timezone.utc)
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")
