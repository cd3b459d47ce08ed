"""Running cells of a notebook, in the notebook's own kernel."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from jupyter_mcp_ext.concurrency import undisturbed
from jupyter_mcp_ext.errors import ToolError
from jupyter_mcp_ext.executions.turns import queue

from .cells_run import CellsRun
from .edit import Edit, EditOutcome, make
from .run import follow_files
from .session import Require, check_admitted, check_not_open, destination, start_kernel

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jupyter_mcp_ext.executions.execution import Execution
    from jupyter_mcp_ext.files.paths import Place
    from jupyter_mcp_ext.governance.caller import Caller
    from jupyter_mcp_ext.notebooks.draft import Draft
    from jupyter_mcp_ext.services import Services
    from jupyter_mcp_ext.sessions.session import Session
    from jupyter_mcp_ext.sessions.wishes import Created


async def notebook_session(
    services: Services,
    caller: Caller,
    place: Place,
    require: Require,
    *,
    check: Callable[[Draft], object],
) -> Created:
    """The session on a notebook, a person's where they have it open; else a new one.

    ``check`` raises what is wrong with the call, which then starts no kernel; it changes nothing.
    Raises ToolError, among them Forbidden when the caller may not start a kernel.
    """
    await check_not_open(services, caller, place)
    sessions = services.sessions
    session = await sessions.directory.on_notebook(caller, place.path)
    if session is None:
        await require(("write", "sessions"))
    elif sessions.is_ready(session):
        check_admitted(services, session, caller)
        created = await sessions.creation.join(caller, session)
        sessions.lives.use(session, caller.client)
        return created
    await require(("write", "kernels"))
    notices = (await services.editing.homes.change(place, check, by=caller.reader)).notes
    created = await sessions.create(caller, path=place.path)
    check_admitted(services, created.session, caller)  # a person may have opened it just now
    return created._replace(notices=(*created.notices, *notices))


async def run_cells(
    services: Services,
    session: Session,
    place: Place,
    references: Sequence[str | int] | None,
    *,
    caller: Caller,
    require: Require,
    restart: bool = False,
    keep_going: bool = False,
    timeout: float | None = None,
    can_ask: bool = False,
) -> Execution:
    """Start running cells of the notebook of a session, one after another; None is all.

    Handles, ids and ranges of indices name them. Their outputs are saved in the notebook and are
    those of the execution. With ``restart`` the kernel is restarted before. Raises ToolError; then
    no cell was run.
    """
    services.calls.check_queue(session.id, caller.subject)
    run = CellsRun(services, session, place, by=caller.reader, keep_going=keep_going)
    try:
        await undisturbed(run.choice.choose(references))
        if restart:
            busy = bool(queue(session.kernel))
            await services.sessions.readiness.restart(session, by=caller.client, now=busy)
        start = partial(_start, services, session, run, caller=caller, require=require)
        return start(timeout=timeout, can_ask=can_ask)
    except BaseException:
        await _give_up(run)
        raise


@dataclass(frozen=True, kw_only=True)
class EditedAndRun:
    """An edit that was made, and the execution of its cells, or why they are not run."""

    edit: EditOutcome
    execution: Execution | ToolError


async def edit_and_run(
    services: Services,
    session: Session,
    place: Place,
    edit: Edit,
    *,
    caller: Caller,
    require: Require,
    can_ask: bool,
    is_shared: bool,
) -> EditedAndRun:
    """Edit the notebook of a session, and start running the cells that the edit gives.

    See `edit_notebook` and `run_cells`. Raises ToolError; then nothing was changed.
    """
    run = CellsRun(services, session, place, by=caller.reader, keep_going=False)
    making = make(services, place, edit, caller=caller, change=run.choice.edit, is_shared=is_shared)
    execution: Execution | ToolError
    try:
        made = await undisturbed(making)
        try:
            services.calls.check_queue(session.id, caller.subject)
            run.choice.check()
            execution = _start(
                services, session, run, caller=caller, require=require, can_ask=can_ask
            )
        except ToolError as err:
            await _give_up(run)
            execution = err
    except BaseException:
        await _give_up(run)
        raise
    try:
        return EditedAndRun(edit=await made.outcome(), execution=execution)
    except asyncio.CancelledError:
        if not isinstance(execution, ToolError):
            services.executions.cancel(execution)
        raise


def _start(
    services: Services,
    session: Session,
    run: CellsRun,
    *,
    caller: Caller,
    require: Require,
    timeout: float | None = None,
    can_ask: bool,
) -> Execution:
    """Start a run whose cells are chosen. Raises ToolError."""
    execution = services.executions.start(
        f"run_cells: {run.path}, {len(run)} cells",
        destination(services, session),
        caller=caller,
        ready=partial(start_kernel, services, session, require),
        prepare=partial(services.sessions.readiness.prepare, session),
        timeout=timeout,
        can_ask=can_ask,
        parts=run.of,
    )
    follow_files(services, session, execution, caller)
    return execution


async def _give_up(run: CellsRun) -> None:
    with suppress(ToolError):  # what has failed before tells more
        await undisturbed(run.choice.give_up())
