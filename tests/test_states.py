"""States of real work over HTTP, lost in every way in which sessions are lost."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from tests.mcp_client import McpClient, Result
from tests.servers import JupyterServer
from tests.sessions.states import FOLDER, State, read_states
from tests.sessions.states.known import KNOWN_WRONG
from tests.sessions.states.oracle import EFFECTS, HIDDEN, Look, Notice, Verdict, compared, session
from tests.stories import serving
from tests.wheels import write_kernelspec

Loss = Literal["shutdown", "kernel killed", "server stopped", "server killed"]

SAVE_SOON = "--McpSessions.snapshot_delay=0.1"

EACH = 5
"""One of this many states is tested here; all are tested without a server."""

LOOK = """
(lambda space: (
    __import__("builtins").exec(open({source!r}).read(), space),
    open({answer!r}, "w").write(__import__("json").dumps(space["look"]({probes!r}))),
))({{"__name__": "look"}});
"""


@dataclass(kw_only=True)
class Work:
    """A session's states, its kernel and the folder it works in."""

    name: str
    states: list[State]
    kernel: str
    before: Look = field(default_factory=dict)
    id: str = ""
    pid: int = 0
    said: list[Notice] = field(default_factory=list)

    @property
    def has_cloudpickle(self) -> bool:
        """Whether its kernel's environment has cloudpickle."""
        return self.kernel == "python3"

    def begin(self, client: McpClient) -> None:
        """Make the states."""
        root = client.server.root_dir
        (root / self.name).mkdir()
        client.call("create_session", name=self.name, kernel_name=self.kernel, cwd=self.name)
        for cell in (cell for state in self.states for cell in state.cells):
            client.run(cell, session_id=self.name)
        last = client.run("import os; print(os.getpid())", session_id=self.name)
        self.id, self.pid = last.execution["session_id"], int(last.text.split()[-1])
        index = root / "mcp-sessions" / self.id / ".mcp" / "snapshot.json"
        number = int(last.id.rpartition("-")[2])
        for _ in range(1_000):
            if index.exists() and json.loads(index.read_text())["after"] >= number:
                return
            client.run("None", session_id="clock")
        pytest.fail("the variables were not saved")

    def judge(self, client: McpClient) -> dict[str, Verdict]:
        """Evaluate the states in the restored session."""
        folder = client.server.root_dir / self.name
        done = _effects(folder)
        self.hear(client.run("None", session_id=self.name))
        repeated = _effects(folder) - done
        code = LOOK.format(
            source=str(FOLDER / "in_kernel.py"),
            answer=str(folder / "looked.json"),
            probes={state.name: state.probe for state in self.states},
        )
        result = client.run(code, session_id=self.name)
        assert result.status == "ok", result.text
        self.hear(result)
        self.hear(client.call("get_output", output_id=f"{self.id}/lost", limit=1_000))
        looked = json.loads((folder / "looked.json").read_text())
        after = {name: [(one, value) for one, value in pairs] for name, pairs in looked.items()}
        return compared(self.states, self.before, after, self.said, repeated)

    def hear(self, result: Result) -> None:
        """Keep what a result says about the session."""
        lines = [*result.notices, *result.text.splitlines()]
        parts = (part for line in lines for part in line.split("; "))
        told = (part for part in parts if "run again" not in part and "came back" not in part)
        self.said += [Notice(text=part) for part in told]


def _effects(folder: Path) -> Counter[str]:
    file = folder / EFFECTS
    return Counter(file.read_text().split() if file.exists() else [])


def _works(loss: Loss = "shutdown") -> list[Work]:
    states = read_states()
    shared = [state for state in states if not state.room and not state.brings_cloudpickle]
    process = [state for state in states if state.room == "process"]
    some = [state for state in shared[::EACH] if not state.fails]
    values = [Work(name=kernel, states=some, kernel=kernel) for kernel in ("python3", "bare")]
    if loss in ("kernel killed", "server stopped"):
        return values  # the rest is as with the others, and takes seconds
    return [*values, Work(name="process", states=process, kernel="python3")]


@pytest.fixture(scope="module")
def looks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Look]:
    """How the states look in sessions that are not lost."""

    async def look(work: Work) -> Look:
        folder = tmp_path_factory.mktemp("l")
        async with session(folder / "s", has_cloudpickle=work.has_cloudpickle) as here:
            await here.work(work.states)
            return await here.look(work.states)

    async def look_at_all() -> dict[str, Look]:
        works = _works()
        found = await asyncio.gather(*map(look, works))
        return {work.name: seen for work, seen in zip(works, found, strict=True)}

    return asyncio.run(look_at_all())


@pytest.mark.timeout(300)
@pytest.mark.parametrize("loss", ["shutdown", "kernel killed", "server stopped", "server killed"])
def test_a_session_that_was_lost_equals_one_that_was_not_or_says_where_it_does_not(
    tmp_path: Path, looks: dict[str, Look], loss: Loss
) -> None:
    works = _works(loss)
    for work in works:
        work.before = looks[work.name]
    (tmp_path / "hides").mkdir()
    (tmp_path / "hides" / "sitecustomize.py").write_text(HIDDEN)
    write_kernelspec(
        tmp_path / ".local/share/jupyter",
        "bare",
        {
            "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            "language": "python",
            "env": {"PYTHONPATH": str(tmp_path / "hides")},
        },
    )

    verdicts = _lost(tmp_path, loss, works)

    for work, found in zip(works, verdicts, strict=True):
        known = KNOWN_WRONG[work.has_cloudpickle]
        wrong = {n: v.why for n, v in found.items() if v.outcome == "wrong" and n not in known}
        assert wrong == {}, work.name
        assert any(verdict.outcome == "equal" for verdict in found.values())


def _lost(folder: Path, loss: Loss, works: list[Work]) -> list[dict[str, Verdict]]:
    """Make the sessions, lose them, and judge what came back."""
    with ThreadPoolExecutor(len(works)) as threads, serving(folder, SAVE_SOON) as (server, _):
        list(threads.map(lambda work: work.begin(_client(server)), works))
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
