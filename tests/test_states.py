"""States of real work over HTTP, lost in every way in which sessions are lost."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import pytest

from tests.mcp_client import McpClient
from tests.servers import JupyterServer
from tests.sessions.states import read_states
from tests.sessions.states.known import KNOWN_WRONG
from tests.sessions.states.oracle import Look, Verdict, session
from tests.sessions.states.served import Work, write_bare_kernel
from tests.stories import serving

Loss = Literal["shutdown", "kernel killed", "server stopped", "server killed"]

SAVE_SOON = "--McpSessions.snapshot_delay=0.1"

LOSSES: tuple[Loss, ...] = ("shutdown", "kernel killed", "server stopped", "server killed")

EACH = 5
"""One of this many states is lost in each way, others in each; all are tested without a server."""


def _begin(work: Work, client: McpClient) -> None:
    """Make the states."""
    root = client.server.root_dir
    work.make(client)
    for cell in (cell for state in work.states for cell in state.cells):
        client.run(cell, session_id=work.name)
    last = client.run("import os; print(os.getpid())", session_id=work.name)
    work.id, work.pid = last.execution["session_id"], int(last.text.split()[-1])
    index = root / "mcp-sessions" / work.id / ".mcp" / "snapshot.json"
    number = int(last.id.rpartition("-")[2])
    for _ in range(1_000):
        if index.exists() and json.loads(index.read_text())["after"] >= number:
            return
        client.run("None", session_id="clock")
    pytest.fail("the variables were not saved")


def _works(loss: Loss) -> list[Work]:
    states = [state for state in read_states() if not state.ends]
    shared = [state for state in states if not state.room and not state.brings_cloudpickle]
    process = [state for state in states if state.room == "process"]
    some = [state for state in shared[LOSSES.index(loss) :: EACH] if not state.fails]
    values = [Work(name=kernel, states=some, kernel=kernel) for kernel in ("python3", "bare")]
    if loss in ("kernel killed", "server stopped"):
        return values  # the rest is as with the others, and takes seconds
    return [*values, Work(name="process", states=process, kernel="python3")]


@pytest.fixture(scope="module")
def looks(tmp_path_factory: pytest.TempPathFactory) -> dict[Loss, dict[str, Look]]:
    """How the states of each loss look in sessions that are not lost."""

    async def look(work: Work) -> Look:
        folder = tmp_path_factory.mktemp("l")
        async with session(folder / "s", has_cloudpickle=work.has_cloudpickle) as here:
            await here.work(work.states)
            return await here.look(work.states)

    async def look_at_all() -> dict[Loss, dict[str, Look]]:
        works = [(loss, work) for loss in LOSSES for work in _works(loss)]
        found = await asyncio.gather(*(look(work) for _, work in works))
        seen: dict[Loss, dict[str, Look]] = {loss: {} for loss in LOSSES}
        for (loss, work), one in zip(works, found, strict=True):
            seen[loss][work.name] = one
        return seen

    return asyncio.run(look_at_all())


@pytest.mark.timeout(300)
@pytest.mark.parametrize("loss", LOSSES)
def test_a_session_that_was_lost_equals_one_that_was_not_or_says_where_it_does_not(
    tmp_path: Path, looks: dict[Loss, dict[str, Look]], loss: Loss
) -> None:
    works = _works(loss)
    for work in works:
        work.before = looks[loss][work.name]
    write_bare_kernel(tmp_path)

    verdicts = _lost(tmp_path, loss, works)

    for work, found in zip(works, verdicts, strict=True):
        known = KNOWN_WRONG[work.has_cloudpickle]
        wrong = {n: v.why for n, v in found.items() if v.outcome == "wrong" and n not in known}
        assert wrong == {}, work.name
        assert any(verdict.outcome == "equal" for verdict in found.values())


def _lost(folder: Path, loss: Loss, works: list[Work]) -> list[dict[str, Verdict]]:
    """Make the sessions, lose them, and judge what came back."""
    with ThreadPoolExecutor(len(works)) as threads, serving(folder, SAVE_SOON) as (server, _):
        list(threads.map(lambda work: _begin(work, _client(server)), works))
        if loss == "shutdown":
            for work in works:
                _client(server).call("shutdown_kernel", session_id=work.name)
        elif loss == "kernel killed":
            for work in works:
                os.kill(work.pid, signal.SIGKILL)
        elif loss == "server killed":
            server.process.kill()
            server.process.wait()
        if loss in ("shutdown", "kernel killed"):
            return list(threads.map(lambda work: work.judge(_client(server)), works))
    with ThreadPoolExecutor(len(works)) as threads, serving(folder, SAVE_SOON) as (server, _):
        return list(threads.map(lambda work: work.judge(_client(server)), works))


def _client(server: JupyterServer) -> McpClient:
    return McpClient(server)
