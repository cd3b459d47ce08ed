"""Writes executions into the stories of their sessions."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from jupyter_mcp_ext.outputs.model import Error

from .failure import failed_line
from .journal import NOT_RUN, Entry

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence

    from jupyter_mcp_ext.executions.execution import Execution
    from jupyter_mcp_ext.outputs.model import Output
    from jupyter_mcp_ext.sessions.session import Session


def follow(session: Session, execution: Execution, ended: Callable[[], None]) -> None:
    """Have an execution in the session's story; ``ended`` is called when it has ended."""
    story = session.story
    if story is None or not session.is_agents:
        return
    entry = _entry(execution)
    execution.recorded = story.begin(entry)

    def finish(_: object) -> None:
        session.write(replace(session.record, last_line=execution.fold.last_line[:200]))
        if session.story is not None:
            outputs = execution.outputs if execution.sent is not None else ()
            session.story.end(_ended(entry, execution), outputs)
        ended()

    execution.done.add_done_callback(finish)


def count(session: Session, execution: Execution) -> None:
    """Have an execution's number never given again, though it is no part of the story."""
    if session.story is None or not session.is_agents:
        return
    entry = replace(_entry(execution), status=NOT_RUN, ended=execution.created)
    session.story.begin(entry)
    session.story.end(entry, ())


class FollowedCells:
    """Has the cells that an execution runs in the session's story, each as code of its own."""

    def __init__(self, session: Session, execution: Execution, ended: Callable[[], None]) -> None:
        """``ended`` is called when the execution has ended."""
        self._session = session
        self._run = replace(_entry(execution), cell=0)
        self._entry: Entry | None = None
        self._number = 0
        if session.story is not None and session.is_agents:
            session.story.begin(self._run)
            execution.done.add_done_callback(partial(self._finish, execution, ended))

    def begin(self, code: str) -> asyncio.Future[None] | None:
        """The code of the next cell is about to be sent; not before what is returned is done."""
        if self._session.story is None or not self._session.is_agents:
            return None
        self._number += 1
        self._entry = replace(self._run, cell=self._number, code=code, created=time.time())
        return self._session.story.begin(self._entry)

    def end(self, status: str, count: int | None, outputs: Sequence[Output]) -> None:
        """It has ended; it is not shown if its status is `NOT_RUN`."""
        entry, self._entry = self._entry, None
        if entry is None or self._session.story is None:
            return
        error = next((one for one in outputs if isinstance(one, Error)), None)
        line = None
        if error is not None and status == "error":
            line = failed_line(entry.code, error, count)
        ended = replace(
            entry, status=status, execution_count=count, ended=time.time(), failed_line=line
        )
        self._session.story.end(ended, outputs)

    def _finish(self, execution: Execution, ended: Callable[[], None], _: object) -> None:
        session = self._session
        session.write(replace(session.record, last_line=execution.fold.last_line[:200]))
        if session.story is not None:
            session.story.end(replace(self._run, status=execution.status, ended=time.time()), ())
        ended()


def _entry(execution: Execution) -> Entry:
    return Entry(
        number=int(execution.id.rpartition("-")[2]),
        execution_id=execution.id,
        code=execution.code,
        client=execution.client,
        created=execution.created,
    )


def _ended(entry: Entry, execution: Execution) -> Entry:
    error = execution.error if execution.status == "error" else None
    line = None
    if error is not None:
        line = failed_line(execution.code, error, execution.execution_count)
    return replace(
        entry,
        status=execution.status if execution.sent is not None else NOT_RUN,
        execution_count=execution.execution_count,
        ended=execution.ended or time.time(),
        failed_line=line,
    )
