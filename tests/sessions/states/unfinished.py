"""States whose last cell does not run to its end, over HTTP, and what comes back of them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from tests.mcp_client import McpClient
from tests.stories import serving

from . import END, State
from .oracle import Look, Verdict, session
from .served import Work, write_bare_kernel

SLEEP = "__import__('time').sleep(600)"

ENDINGS: Mapping[str, str] = {
    "interrupted": "__import__('os').kill(__import__('os').getpid(), 2); " + SLEEP,
    "timed out": SLEEP,
    "raised": "1 / 0",
    "ended by its own": "__import__('os')._exit(3)",
    "lost with the server": SLEEP,
}
"""The ways to end a cell, in order; the last two end the kernel and the server."""

SAYS = {
    "interrupted": "KeyboardInterrupt",
    "raised": "ZeroDivisionError",
    "ended by its own": "[dead]",
}
"""What the call says of a cell that ends by itself."""

LIMIT = 5.0
"""Seconds of a timeout, within which code comes to its end or to where it sleeps."""

NO_SAVES = "--McpSessions.snapshot_delay=600"
"""Then a session is saved only when its kernel is shut down."""


def judge_unfinished(states: Sequence[State], folder: Path) -> dict[bool, dict[str, Verdict]]:
    """The outcomes of states, by whether the kernel has cloudpickle.

    All are in one session, which is saved in the middle and lost with the server.
    """
    states = sorted(states, key=lambda one: (not one.is_saved, list(ENDINGS).index(one.ends)))
    before = asyncio.run(_looked(states, folder))
    works = [
        Work(name=kernel, states=states, kernel=kernel, before=before)
        for kernel in ("python3", "bare")
    ]
    home = folder / "home"
    write_bare_kernel(home)
    with ThreadPoolExecutor(len(works)) as threads, serving(home, NO_SAVES) as (server, _):
        list(threads.map(lambda work: _lose(work, McpClient(server)), works))
        server.process.kill()
        server.process.wait()
    with ThreadPoolExecutor(len(works)) as threads, serving(home, NO_SAVES) as (server, _):
        verdicts = list(threads.map(lambda work: work.judge(McpClient(server)), works))
    return {work.has_cloudpickle: found for work, found in zip(works, verdicts, strict=True)}


async def _looked(states: Sequence[State], folder: Path) -> Look:
    """How they look in a session in which the cells stop where they are ended."""
    async with session(folder / "look", has_cloudpickle=True) as here:
        cut = [(*one.cells[:-1], one.cells[-1].partition(END)[0]) for one in states]
        await here.work([replace(one, cells=cells) for one, cells in zip(states, cut, strict=True)])
        return await here.look(states)


def _lose(work: Work, client: McpClient) -> None:
    """Make the states in a session that is saved before the unsaved ones are ended."""
    work.make(client)
    for cell in (cell for state in work.states for cell in state.cells[:-1]):
        work.id = client.run(cell, session_id=work.name).execution["session_id"]
    for state in (one for one in work.states if one.is_saved):
        _end(state, work, client)
    client.call("shutdown_kernel", session_id=work.name)
    for state in (one for one in work.states if not one.is_saved):
        _end(state, work, client)


def _end(state: State, work: Work, client: McpClient) -> None:
    """Run the cell that is ended."""
    code = state.cells[-1].replace(END, f"\n{ENDINGS[state.ends]}\n")
    if state.ends == "lost with the server":
        client.begin(code, session_id=work.name)
    elif state.ends == "timed out":
        assert client.run(code, session_id=work.name, timeout=LIMIT).status == "timeout"
    else:
        ended = client.run(code, session_id=work.name)
        assert SAYS[state.ends] in ended.text, ended.text
