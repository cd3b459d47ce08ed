"""Writes executions into the stories of their sessions."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from .failure import failed_line
from .journal import NOT_RUN, Entry

if TYPE_CHECKING:
    from jupyter_mcp_ext.executions.execution import Execution
    from jupyter_mcp_ext.sessions.session import Session


def follow(session: Session, execution: Execution, ended: Callable[[], None]) -> None:
    """Have an execution in the session's story; ``ended`` is called when it has ended."""
    story = session.story
    if story is None or not session.is_agents:
        return
    entry = _entry(execution)
    story.begin(entry)

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
