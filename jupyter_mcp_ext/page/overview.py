"""What the page shows: the sessions, clients and calls that one person may see."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psutil

from jupyter_mcp_ext.executions.turns import queue
from jupyter_mcp_ext.governance.switches import EVERYONE
from jupyter_mcp_ext.governance.transcript import cut
from jupyter_mcp_ext.sessions.session import shown_notebook
from jupyter_mcp_ext.tools.session_state import is_running, session_states
from jupyter_mcp_ext.wording import size

if TYPE_CHECKING:
    from jupyter_mcp_ext.executions.execution import Execution
    from jupyter_mcp_ext.governance.switches import Switched
    from jupyter_mcp_ext.governance.transcript import Client, Entry
    from jupyter_mcp_ext.services import Services
    from jupyter_mcp_ext.sessions.session import Session

    from .people import Person

MAX_SESSIONS = 100
MAX_RUNS = 5
MAX_CODE = 400
"""What is shown: sessions, executions of one, and characters of their code."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """An execution that runs or waits; ``since`` is in seconds since the epoch."""

    id: str
    client: str
    waits: bool
    since: float
    code: str


@dataclass(frozen=True, kw_only=True)
class Row:
    """A session. Of another user's there is no name, path or code."""

    id: str
    name: str
    owner: str
    """Empty for a person's own session."""
    is_own: bool
    kernel_name: str
    state: str
    is_running: bool
    memory: str
    runs: tuple[Run, ...]
    more_runs: int
    notebook: str
    last_used: float
    sandbox: str

    @property
    def is_agents(self) -> bool:
        """Whether an agent has made it."""
        return bool(self.owner)


@dataclass(frozen=True, kw_only=True)
class Overview:
    """What one person is shown."""

    person: Person
    rows: Sequence[Row]
    more_rows: int
    clients: Sequence[Client]
    calls: Sequence[Entry]
    sandbox: str
    paused: Switched | None
    read_only: Switched | None
    all_paused: Switched | None
    all_read_only: Switched | None


async def overview(services: Services, person: Person) -> Overview:
    """Look at everything once."""
    sessions = await _seen(services, person)
    ready = services.sessions.is_ready
    sessions.sort(
        key=lambda one: (
            *(not one.is_agents, not ready(one), ready(one) and not queue(one.kernel)),
            -one.last_used,
        )
    )
    first = sessions[:MAX_SESSIONS]
    pids = [pid for one in first if ready(one) and (pid := one.kernel.hosted.pid)]
    memory = await asyncio.to_thread(_memory, pids)
    states = await session_states(services.sessions, first)  # and nothing is waited for after it
    switched = services.switches.get
    return Overview(
        person=person,
        rows=[_row(services, person, *each, memory) for each in zip(first, states, strict=True)],
        more_rows=len(sessions) - len(first),
        clients=services.transcript.clients(person.subject),
        calls=services.transcript.calls(person.subject),
        sandbox=services.kernels.sandbox.summary,
        paused=switched("paused", person.subject),
        read_only=switched("read_only", person.subject),
        all_paused=switched("paused", EVERYONE),
        all_read_only=switched("read_only", EVERYONE),
    )


async def find(services: Services, person: Person, session_id: str) -> Session | None:
    """The session of an id, if the person may see it."""
    return next((s for s in await _seen(services, person) if s.id == session_id), None)


async def _seen(services: Services, person: Person) -> list[Session]:
    """The person's own sessions, what people have open, and others' for an administrator."""
    seen = {one.id: one for one in await services.sessions.listed(person.caller)}
    if person.is_administrator:
        seen |= {one.id: one for one in services.sessions.directory.of_agents()}
    return list(seen.values())


def _row(
    services: Services, person: Person, session: Session, state: str, memory: Mapping[int, int]
) -> Row:
    is_own = person.owns(session)
    runs = is_running(state)
    line = queue(session.kernel) if runs else ()
    pid = session.kernel.hosted.pid if runs else None
    return Row(
        id=session.id,
        name=session.name if is_own else "",
        owner=session.owner,
        is_own=is_own,
        kernel_name=session.kernel_name,
        state="busy" if line and state == "idle" else state,
        is_running=runs,
        memory=size(memory[pid]) if pid is not None and pid in memory else "",
        runs=tuple(_run(one, shows_code=is_own) for one in line[:MAX_RUNS]),
        more_runs=max(0, len(line) - MAX_RUNS),
        notebook=shown_notebook(session) if is_own else "",
        last_used=session.last_used,
        sandbox=services.kernels.sandbox.words(session.kernel) if runs else "",
    )


def _run(execution: Execution, *, shows_code: bool) -> Run:
    return Run(
        id=execution.id,
        client=execution.client,
        waits=execution.status == "queued",
        since=execution.began or execution.created,
        code=cut(execution.code, MAX_CODE) if shows_code else "",
    )


def _memory(pids: Collection[int]) -> dict[int, int]:
    """Resident bytes of processes with their children, found in one look at all processes."""
    if not pids:
        return {}
    found: dict[int, tuple[int, int]] = {}
    for process in psutil.process_iter(["ppid", "memory_info"]):
        known: dict[str, Any] = process.info
        if known["memory_info"] is not None:
            found[process.pid] = (known["ppid"], known["memory_info"].rss)
    wanted, used = set(pids), dict.fromkeys(pids, 0)
    for pid, (_, resident) in found.items():
        root, steps = pid, 0
        while root not in wanted and root in found and steps < len(found):
            root, steps = found[root][0], steps + 1
        if root in wanted:
            used[root] += resident
    return used
