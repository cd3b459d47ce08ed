"""Tools that make, list, look at and end sessions and their kernels."""

from __future__ import annotations

import heapq
import time
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from jupyter_mcp_ext.errors import shown
from jupyter_mcp_ext.executions.turns import queue
from jupyter_mcp_ext.kernels.kernel import state_of
from jupyter_mcp_ext.outputs.characters import escaped, plain_name
from jupyter_mcp_ext.sessions.filter import fits
from jupyter_mcp_ext.sessions.saving.saves import WHY
from jupyter_mcp_ext.sessions.session import shown_notebook
from jupyter_mcp_ext.wording import ago, counted, seconds, size

from .answer import Answer, text
from .call import Call
from .definition import tool
from .lost import lost_lines
from .others import check_force, is_callers, of_others, running_one
from .reports import report
from .session_state import (
    ELSEWHERE,
    RESTORABLE,
    STARTING,
    is_running,
    session_meta,
    session_state,
    session_states,
)
from .types import FoundSession, NamedSession, Restore, SessionId, found

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from jupyter_mcp_ext.executions.execution import Execution
    from jupyter_mcp_ext.kernels.status import KernelStatus
    from jupyter_mcp_ext.sessions.service import McpSessions
    from jupyter_mcp_ext.sessions.session import Session

MAX_LISTED = 100
MAX_FILTERED = 1_000
"""Sessions that a filter is applied to, those that were used last."""


@tool(("write", "sessions"), ("write", "kernels"))
async def create_session(
    call: Call,
    name: str | None = None,
    kernel_name: str | None = None,
    path: str | None = None,
    cwd: Annotated[
        str | None, Field(description="Kernel's folder; else your default session's.")
    ] = None,
    restore: Restore | None = None,
    copy_of: Annotated[str | None, Field(description="Session whose variables to copy.")] = None,
) -> Answer:
    """Create a named session with its own kernel, or return the one of that name; `path`
    attaches to a notebook and the kernel a person has open there. Use one per parallel task; pass
    its name as session_id.
    """
    if path is not None:
        await call.require(("read", "contents"))
    if copy_of is not None:
        await call.require(("execute", "kernels"))
    session, existing, notices = await call.services.sessions.create(
        call.caller,
        name=name,
        kernel_name=kernel_name,
        path=path,
        cwd=cwd,
        restore=restore,
        copy_of=copy_of,
    )
    call.use(session)
    state = state_of(session.kernel)
    call.services.sessions.readers.introduce(session, call.caller)
    first = "The session exists already" if existing else "New session"
    words = (
        f"{first}: {session.id} ({session.name}), kernel {session.kernel_name}, "
        f"folder {session.cwd or '.'}, {state}"
    )
    lines = [words, *(f"! {notice}" for notice in notices), *_uses(session, name)]
    if copy_of and not existing:
        copied = session.continuity.comeback or "nothing could be copied"
        lines.append(f"! of {copy_of}: {copied}")
    meta = {**session_meta(session, state, call), "existing": existing}
    return text("\n".join(lines), session=meta)


@tool(("read", "sessions"), ("read", "kernels"), ("read", "kernelspecs"), read_only=True)
async def list_sessions(
    call: Call,
    filter: Annotated[  # the word that get_variables has for it
        str | None, Field(description="Part or glob of a name, path, kernel, client or state.")
    ] = None,
) -> Answer:
    """List your sessions, those people have open, and which kernels can be started."""
    services = call.services
    sessions = await services.sessions.listed(call.caller)
    # Each state may be a look into a file: they are all taken in one thread.
    looked = first_of(services.sessions, sessions, MAX_FILTERED if filter else MAX_LISTED)
    states = zip(looked, await session_states(services.sessions, looked), strict=True)
    both = [pair for pair in states if not filter or fits(*pair, filter)]
    specs = await services.kernels.specs()
    number = counted(len(sessions), "session")
    lines = [f"{len(both)} of {number} fit {shown(filter)}" if filter else number]
    lines += await _listings(call, both[:MAX_LISTED])
    more = len(both) if filter else len(sessions)
    if more > MAX_LISTED:
        lines.append(f"and {more - MAX_LISTED} that were used longer ago")
    known = {name: plain_name(str(specs[name]["display_name"])) for name in sorted(specs)}
    kernels = ", ".join(f"{name} ({display_name})" for name, display_name in known.items())
    lines.append(f"kernels to start: {kernels or 'none'}")
    metas = [session_meta(s, state, call) for s, state in both[:MAX_LISTED]]
    return text("\n".join(lines), sessions=metas)


@tool(("read", "kernels"), ("read", "sessions"), read_only=True)
async def get_kernel_status(call: Call, session: FoundSession) -> Answer:
    """A kernel's state, queue, memory, CPU, owner and last use; also while code runs."""
    if not call.services.sessions.is_ready(session):
        state = await session_state(call.services.sessions, session)
        words = f"[{state}] {session.id} ({session.name}) {await _without(call, session, state)}"
        return text(words, session=session_meta(session, state, call))
    status = await session.kernel.status()
    line = queue(session.kernel)
    state = "busy" if line and status.state not in ("restarting", "dead") else status.state
    lines = [
        f"[{state}] {session.id} ({session.name}), kernel {session.kernel_name} "
        f"({status.language}), folder {session.cwd or '.'}",
        f"kernel {session.kernel_id}, {_owner(session, call.caller.client)}, "
        f"last active {seconds(time.time() - status.last_activity)} ago",
        *_queue(line, status),
        *_resources(status),
        *_confined(call, session),
        *filter(None, [of_others(call, session).strip()]),
        *lost_lines(session),
    ]
    return text("\n".join(lines), session=session_meta(session, state, call))


@tool(("execute", "kernels"), idempotent=True)
async def interrupt_kernel(
    call: Call, session_id: SessionId = None, execution_id: str | None = None
) -> Answer:
    """Stop the running code or cell; with execution_id exactly that one, also
    queued.
    """
    executions = call.services.executions
    if execution_id:
        execution = executions.directory.find(call.caller, execution_id)
    else:
        execution = await running_one(call, await found(call, session_id))
    call.follow(execution)
    if not is_callers(call, execution):
        call.notices.append(f"run by {execution.client}, not by you")
    if not execution.is_finished or execution.goes_on:
        await executions.interrupt(execution)
    await executions.load(execution)
    return await report(
        execution,
        limits=call.services.limits,
        rendering=call.services.rendering,
        notices=call.notices,
    )


@tool(("write", "kernels"), destructive=True)
async def restart_kernel(
    call: Call,
    session: FoundSession,
    force: Annotated[bool, Field(description="Also a kernel that others use.")] = False,
) -> Answer:
    """Restart a session's kernel: variables are lost, what runs is interrupted."""
    await check_force(call, session, force=force, doing="restart it")
    busy = bool(queue(session.kernel))
    await call.services.sessions.readiness.restart(
        session, by=call.caller.client, now=force or busy
    )
    call.services.sessions.readers.tell_loss(session, call.caller)
    words = f"The kernel of {session.id} ({session.name}) was restarted: its variables are lost."
    words += of_others(call, session)
    return text(words, session=session_meta(session, state_of(session.kernel), call))


@tool(("write", "kernels"), destructive=True, idempotent=True)
async def shutdown_kernel(call: Call, session: NamedSession, force: bool = False) -> Answer:
    """End a session's kernel; its variables are saved and come back when it is used."""
    await check_force(call, session, force=force, doing="shut it down")
    busy = bool(queue(session.kernel))
    keeps = call.services.sessions.readiness.keeps_variables(session)
    await call.services.sessions.shutdown(session, by=call.caller.client, now=force or busy)
    words = f"The kernel of {session.id} ({session.name}) has ended."
    if session.folder and session.is_agents:
        words += f" Its notebook is {session.notebook}; using the session starts a new kernel" + (
            " and brings back what was saved." if keeps else ", without the variables."
        )
        words += _not_saved(session)
    words += of_others(call, session)
    return text(
        words,
        session=session_meta(session, await session_state(call.services.sessions, session), call),
    )


def first_of(sessions: McpSessions, found: Sequence[Session], most: int) -> list[Session]:
    """The sessions whose kernels run, then those that were used last."""
    # A session that has had no kernel in this process has no kernel's id: most are such.
    ready = [session for session in found if session.kernel_id and sessions.is_ready(session)]
    ready.sort(key=_last_used, reverse=True)
    if len(ready) >= most:
        return ready[:most]
    running = set(ready)
    rest = (session for session in found if session not in running)
    return ready + heapq.nlargest(most - len(ready), rest, key=_last_used)


def _last_used(session: Session) -> float:
    return session.record.last_used


async def _without(call: Call, session: Session, state: str) -> str:
    """Words for a session without a running kernel."""
    if state == STARTING:
        return f"starts its kernel {session.kernel_name}"
    if state == ELSEWHERE:
        holder = await call.services.sessions.folders.holder(session)
        return (
            f"is in use by another Jupyter server ({holder}). Use it there; its notebook can be "
            f"read: {session.notebook}."
        )
    back = " and brings back what was saved." if state == RESTORABLE else "."
    return f"has no kernel; execute_code starts one{back}{_not_saved(session)}"


def _uses(session: Session, name: str | None) -> Iterator[str]:
    """How calls name a session that was asked for by this name, and where its notebook is."""
    yield f'Use it with session_id="{session.id if session.name != name else name}".'
    if notebook := shown_notebook(session):
        yield f"Its notebook is {notebook}."


def _not_saved(session: Session) -> str:
    if not session.record.not_saved:
        return ""
    return f" Its latest variables are not saved, {WHY[session.record.not_saved]}."


async def _listings(call: Call, states: Sequence[tuple[Session, str]]) -> list[str]:
    """A line for each session."""
    resting = [session for session, state in states if state == RESTORABLE]
    sizes = await call.services.sessions.folders.sizes(resting)
    on_disk = dict(zip(resting, sizes, strict=True))
    return [await _listing(call, session, state, on_disk) for session, state in states]


async def _listing(call: Call, session: Session, state: str, on_disk: Mapping[Session, int]) -> str:
    """A session in a line."""
    now = time.time()
    whose = _owner(session, call.caller.client)
    where = session.path if session.path.endswith(".ipynb") else f"folder {session.cwd or '.'}"
    line = f"{session.id} {escaped(session.name)}: {whose}, {escaped(where)}, "
    line += f"{session.kernel_name} {state}"
    if state == ELSEWHERE:
        line += f" ({await call.services.sessions.folders.holder(session)})"
    if session.is_agents:
        line += f", made {ago(now - session.record.created)}, used {ago(now - session.last_used)}"
        line += (
            f" by {last}"
            if (last := session.record.last_client) not in ("", session.client)
            else ""
        )
    if is_running(state) and session.is_agents:
        memory = (await session.kernel.status()).memory
        line += f", {memory / 1e6:.0f} MB" if memory is not None else ""
    elif state == RESTORABLE:
        line += f", {size(on_disk[session])} on disk"
    return f"{line}, last: {session.record.last_line[:80]}" if session.record.last_line else line


def _owner(session: Session, client: str) -> str:
    if not session.is_agents:
        return "a person's"
    return "yours" if session.client == client else f"made by {session.client}"


def _queue(line: tuple[Execution, ...], status: KernelStatus) -> list[str]:
    words = []
    if status.foreign_since is not None:
        words.append(f"a person's code runs for {seconds(time.time() - status.foreign_since)}")
    for place, execution in enumerate(line):
        doing = "waits" if place or execution.status == "queued" else "runs"
        words.append(f"{execution.id} ({execution.client}) {doing} {seconds(execution.duration)}")
    return words or ["nothing runs"]


def _resources(status: KernelStatus) -> list[str]:
    if status.memory is None or status.cpu_seconds is None:
        return []
    return [f"memory {size(status.memory)}, CPU time {seconds(status.cpu_seconds)}"]


def _confined(call: Call, session: Session) -> list[str]:
    """What the kernel is kept from."""
    words = []
    if session.hidden_variables:
        number = counted(session.hidden_variables, "variable")
        words.append(f"{number} of the server's environment hidden (credentials)")
    if session.is_agents or session.kernel.is_confined:
        words.append(f"sandbox: {call.services.kernels.sandbox.words(session.kernel)}")
    limits = call.services.kernels.limits.words if session.is_agents else ""
    return [line for line in (", ".join(words), limits) if line]
