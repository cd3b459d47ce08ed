"""Sessions: how fast they start and come back, and what writing their story to disk costs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psutil
from jupyter_server.services.contents.manager import AsyncContentsManager

from tests.benchmarks.clients import Client
from tests.benchmarks.floods import Cost, watched
from tests.benchmarks.measures import Row, Samples
from tests.servers import FRESH, JupyterServer, running_server

NEW = "2026-07-28"
STARTS = 7
RESTARTS = 3
ROUNDS = 600
CELLS = 2_000
NAMES = count()
MAKE_FRAME = (
    "import numpy, pandas\n"
    "frame = pandas.DataFrame(numpy.random.default_rng(1).random((1_250_000, 10)))"
)
"""100 MB of numbers."""


SESSIONS = 6
ROWS = 285_000
MAKE_LISTS = f"rows = [[n, float(n), str(n)] for n in range({ROWS})]"
"""60 MB of many small objects, which take longest to save."""


class Diskless(AsyncContentsManager):
    """Contents without a folder on disk, so that sessions are kept in memory only."""

    root_dir = ""


IN_MEMORY = f"--ServerApp.contents_manager_class={__name__}.Diskless"


def sessions(base: Path) -> list[Row]:
    """Everything about sessions."""
    return [*begun(base), *came_back(base), stopped(base), kept(base), *long_stories(base)]


def begun(base: Path) -> list[Row]:
    """From `create_session` to the first result, cold and from spares."""
    cold, spare = Samples(), Samples()
    with ExitStack() as stack:
        without = stack.enter_context(_server(base, "--McpSessions.spare_kernels=0"))
        with_one = stack.enter_context(_server(base, "--McpSessions.spare_kernels=1"))
        one, other = Client(without, NEW), Client(with_one, NEW)
        for number in range(STARTS + 1):
            name = f"s{number}"
            _first_result(one, name, cold if number else Samples())
            _until_spares(with_one, other, 1)
            _first_result(other, name, spare if number else Samples())
            for client in (one, other):
                client.call("shutdown_kernel", session_id=name)
    in_a_row = [Samples() for _ in range(3)]
    with _server(base, "--McpSessions.spare_kernels=3") as server:
        client = Client(server, NEW)
        for number in range(STARTS):
            _until_spares(server, client, 3)
            for place, samples in enumerate(in_a_row):
                _first_result(client, f"s{number}-{place}", samples)
            for place in range(3):
                client.call("shutdown_kernel", session_id=f"s{number}-{place}")
    return [
        Row(name="first result of a new session, cold", figures=str(cold)),
        Row(name="the same, from a spare", figures=str(spare), goal="60 ms"),
        Row(
            name="the same, three in a row from three spares",
            figures=", ".join(str(samples) for samples in in_a_row),
            goal="60 ms",
        ),
    ]


def _first_result(client: Client, name: str, samples: Samples) -> None:
    def work() -> None:
        client.call("create_session", name=name)
        client.call("execute_code", code="1+1", session_id=name)

    samples.measure(work)


def _until_spares(server: JupyterServer, client: Client, wanted: int) -> None:
    """Return when so many spare kernels are ready and the server is idle."""
    while True:
        client.call("list_sessions")
        kernels = _get(server, "kernels")
        taken = {model["kernel"]["id"] for model in _get(server, "sessions")}
        ready = [k for k in kernels if k["id"] not in taken and k["execution_state"] == "idle"]
        time.sleep(0.5)
        if len(ready) >= wanted:
            return


def _get(server: JupyterServer, what: str) -> list[dict[str, Any]]:
    answer = server.request("GET", path=f"/api/{what}", headers=server.auth)
    models: list[dict[str, Any]] = json.loads(answer.body)
    return models


def came_back(base: Path) -> list[Row]:
    """The first result in a session after the server was restarted, its kernel's start included."""
    folder = _folder(base)
    samples = {name: Samples() for name in ("empty", "snapshot", "replay")}
    with running_server(folder, command=FRESH) as server:
        client = Client(server, NEW)
        client.call("create_session", name="empty", restore="fresh")
        for name in ("snapshot", "replay"):
            client.call("create_session", name=name, restore=name)
            client.call("execute_code", code=MAKE_FRAME, session_id=name)
    for _ in range(RESTARTS):
        with running_server(folder, command=FRESH) as server:
            client = Client(server, NEW)
            client.call("execute_code", code="1")  # not the server's first
            for name, times in samples.items():
                _come_back(client, name, times)
    empty = samples.pop("empty")
    return [
        Row(name="first result after a restart, empty session", figures=str(empty)),
        *(
            Row(
                name=f"the same with a data frame of 100 MB, {name}",
                figures=f"{times}, {times.median - empty.median:+.0f} ms",
            )
            for name, times in samples.items()
        ),
    ]


def stopped(base: Path) -> Row:
    """The server's stop with unsaved sessions of 60 MB, and how many of them come back."""
    folder = _folder(base)
    names = [f"s{number}" for number in range(SESSIONS)]
    with running_server(folder, command=FRESH) as server:
        client = Client(server, NEW)
        for name in names:
            client.call("create_session", name=name)
            client.call("execute_code", code=MAKE_LISTS, session_id=name)
        begun = time.perf_counter()
        server.process.terminate()
        server.process.wait()
        seconds = time.perf_counter() - begun
    back = 0
    with running_server(folder, command=FRESH) as server:
        client = Client(server, NEW)
        for name in names:
            answer = client.call(
                "execute_code", code="len(globals().get('rows', []))", session_id=name
            )
            back += answer["content"][0]["text"].splitlines()[-1] == str(ROWS)
            client.call("shutdown_kernel", session_id=name, force=True)
    return Row(
        name=f"the server's stop with {SESSIONS} unsaved sessions of 60 MB",
        figures=f"{seconds:.1f} s, {back} of {SESSIONS} come back",
        goal="all, within 10 s",
    )


def _come_back(client: Client, name: str, samples: Samples) -> None:
    code = "1250000" if name == "empty" else "len(frame)"
    results: list[dict[str, Any]] = []
    samples.measure(lambda: results.append(client.call("execute_code", code=code, session_id=name)))
    if "1250000" not in results[0]["content"][0]["text"].splitlines()[-1]:
        raise RuntimeError(results)


def kept(base: Path) -> Row:
    """`1+1` in a session with a notebook, and on a server that has no disk, taking turns."""
    on_disk, in_memory = Samples(), Samples()
    with _server(base) as one, _server(base, IN_MEMORY) as other:
        pairs = [(Client(one, NEW), on_disk), (Client(other, NEW), in_memory)]
        for client, _ in pairs:
            for _ in range(ROUNDS // 10):
                client.call("execute_code", code="1+1")
        before = _processor(one), _processor(other)
        for number in range(ROUNDS):
            for client, samples in pairs[:: 1 if number % 2 else -1]:
                samples.measure(lambda c=client: c.call("execute_code", code="1+1"))  # type: ignore[misc]  # mypy does not know c
        spent = [
            (now - then) / ROUNDS
            for now, then in zip((_processor(one), _processor(other)), before, strict=True)
        ]
    return Row(
        name="`1+1` with the session's notebook, and kept in memory only",
        figures=(
            f"{on_disk}, {in_memory}, {on_disk.median - in_memory.median:+.2f} ms; "
            f"{spent[0]:.2f} and {spent[1]:.2f} ms of the server's processor time each"
        ),
        goal="under 0.3 ms apart",
    )


def _processor(server: JupyterServer) -> float:
    """The server's processor time, in milliseconds."""
    times = psutil.Process(server.process.pid).cpu_times()
    return float(times.user + times.system) * 1_000


def long_stories(base: Path) -> list[Row]:
    """A session of many cells and a new one: an execution, and how writing the story stalls."""
    folder = _folder(base)
    old, new = Samples(), Samples()
    with running_server(folder, command=FRESH) as server:
        client = Client(server, NEW)
        client.call("create_session", name="old")
        for number in range(CELLS):
            code = f"for n in range(20): print({number}, n, 'of a line')"
            client.call("execute_code", code=code, session_id="old")
        client.call("create_session", name="new")
        client.call("execute_code", code="1+1", session_id="new")
        for number in range(ROUNDS // 2):
            pairs = [("old", old), ("new", new)]
            for name, samples in pairs[:: 1 if number % 2 else -1]:
                samples.measure(
                    lambda n=name: client.call("execute_code", code="1+1", session_id=n)  # type: ignore[misc]  # mypy does not know n
                )
        plain = _stall(server, client, "new")
        added = _stall(server, client, "old")
    with running_server(folder, command=FRESH) as server:
        client = Client(server, NEW)
        for name in ("new", "old"):  # their kernels start
            client.call("execute_code", code="1+1", session_id=name)
        again = _stall(server, client, "old")
    [notebook] = (folder / "root").glob("mcp-sessions/*/old.ipynb")
    return [
        Row(
            name=f"`1+1` in a session of {CELLS:,} cells, and in a new one",
            figures=f"{old}, {new}, {old.median - new.median:+.2f} ms",
        ),
        Row(
            name=f"longest stall while a notebook of {CELLS:,} cells is written",
            figures=(
                f"{notebook.stat().st_size / 1e6:.1f} MB, {added.stall:.0f} ms, after a restart "
                f"{again.stall:.0f} ms, in a new session {plain.stall:.0f} ms"
            ),
            goal="under 50 ms",
        ),
    ]


def _stall(server: JupyterServer, client: Client, name: str) -> Cost:
    """What executions cost the server until the notebook has been written a few times."""
    [notebook] = (server.root_dir / "mcp-sessions").glob(f"*/{name}.ipynb")
    cost, written, writes = Cost(), notebook.stat().st_mtime_ns, 0
    with watched(server, cost):
        while writes < 5:
            client.call("execute_code", code="1+1", session_id=name)
            time.sleep(0.05)
            if (now := notebook.stat().st_mtime_ns) != written:
                written, writes = now, writes + 1
    return cost


def _folder(base: Path) -> Path:
    folder = base / f"sessions-{next(NAMES)}"
    folder.mkdir()
    return folder


@contextmanager
def _server(base: Path, *options: str) -> Iterator[JupyterServer]:
    with running_server(_folder(base), *options, command=FRESH) as server:
        yield server
