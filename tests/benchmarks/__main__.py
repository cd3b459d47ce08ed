"""Prints the table: everything in one run, the things that are compared taking turns.

With names of `PARTS` as arguments only those are measured.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path

import psutil

from tests.benchmarks.agents import agents
from tests.benchmarks.audit import audits
from tests.benchmarks.bridge import bridge
from tests.benchmarks.clients import Client, RawLink
from tests.benchmarks.downloads import downloads
from tests.benchmarks.edits import edits
from tests.benchmarks.endurance import a_thousand, died, followed, interrupted, two_hundred
from tests.benchmarks.files import files
from tests.benchmarks.floods import flooded
from tests.benchmarks.governance import limits
from tests.benchmarks.hostile import hostile
from tests.benchmarks.load import load
from tests.benchmarks.measures import Row, Samples
from tests.benchmarks.meter import LOADED
from tests.benchmarks.monitoring import counted, scraped
from tests.benchmarks.reads import reads
from tests.benchmarks.runs import runs
from tests.benchmarks.sandboxes import sandboxes
from tests.benchmarks.saves import saves
from tests.benchmarks.searches import searches
from tests.benchmarks.sessions import sessions
from tests.benchmarks.shelf import shelf
from tests.benchmarks.tabs import tabs
from tests.benchmarks.variables import looked_at
from tests.benchmarks.written import WRITTEN
from tests.servers import FRESH, READY, JupyterServer, running_server

ROUNDS = 300
STARTS = 7
NEW, OLD = "2026-07-28", "2025-11-25"
WITHOUT = "--ServerApp.jpserver_extensions=jupyter_mcp_ext=False"
FOLDERS = count()


def main() -> None:
    """Measure and print."""
    wanted = sys.argv[1:] or list(PARTS)
    unknown = [name for name in wanted if name not in PARTS]
    if unknown:
        sys.exit(f"There is no part {unknown[0]!r}. The parts are: {', '.join(PARTS)}.")
    with tempfile.TemporaryDirectory() as name:
        rows = [row for part in wanted for row in PARTS[part](Path(name))]
    sys.stdout.write("| what | median | goal |\n|---|---|---|\n")
    sys.stdout.write("".join(f"{row}\n" for row in rows))


def calls(base: Path) -> list[Row]:
    """What a call costs."""
    with server(base) as running:
        rows = [*one_plus_one(running), *lists(running), *notebook(running), *prints(running)]
    with server(base) as running:
        return [*rows, *in_parallel(running), limits()]


def monitoring(base: Path) -> list[Row]:
    """What metrics cost."""
    with server(base) as with_us, server(base, WITHOUT, ready="is running at") as without:
        without.until_answered()
        return [counted(), scraped(with_us, without)]


def endurance(base: Path) -> list[Row]:
    """Interrupts, deaths, and many executions."""
    with server(base) as running:
        rows = [interrupted(running), followed(running), a_thousand(running), died(running)]
    with server(base) as running:
        return [*rows, two_hundred(running)]


def floods(base: Path) -> list[Row]:
    """Endless outputs, beside the same server without the extension."""
    with server(base) as with_us, server(base, WITHOUT, ready="is running at") as without:
        without.until_answered()
        return flooded(with_us, without)


def variables(base: Path) -> list[Row]:
    """The tools that look at variables."""
    with server(base) as running:
        return looked_at(running)


def large_files(base: Path) -> list[Row]:
    """The file tools."""
    with server(base) as running:
        return files(running)


def searched(base: Path) -> list[Row]:
    """The search in notebooks."""
    with server(base, *LOADED) as running:
        return searches(running)


@contextmanager
def server(base: Path, *options: str, ready: str = READY) -> Iterator[JupyterServer]:
    """A server with a folder of its own."""
    folder = base / str(next(FOLDERS))
    folder.mkdir()
    with running_server(folder, *options, ready=ready, command=FRESH) as running:
        yield running


def one_plus_one(running: JupyterServer) -> list[Row]:
    """`1+1` on one kernel: a raw link, and through MCP in both eras, taking turns."""
    new, old = Client(running, NEW), Client(running, OLD)
    new.call("execute_code", code="1+1")
    [connection_file] = (running.root_dir.parent / "runtime").glob("kernel-*.json")
    raw = RawLink(connection_file)
    samples = {"raw": Samples(), NEW: Samples(), OLD: Samples()}
    for number in range(ROUNDS):
        kept = samples if number > ROUNDS // 10 else {name: Samples() for name in samples}
        kept["raw"].measure(lambda: raw.execute("1+1"))
        kept[NEW].measure(lambda: new.call("execute_code", code="1+1"))
        kept[OLD].measure(lambda: old.call("execute_code", code="1+1"))
    return [
        Row(name="`1+1`, raw standing link", figures=str(samples["raw"])),
        *(
            Row(
                name=f"`1+1`, `/mcp`, {era}",
                figures=f"{samples[era]}, {samples[era].median / samples['raw'].median:.2f} times",
                goal="at most 1.5 times the raw link",
            )
            for era in (NEW, OLD)
        ),
    ]


def lists(running: JupyterServer) -> list[Row]:
    """`tools/list` in both eras."""
    rows = []
    for era in (NEW, OLD):
        client, samples = Client(running, era), Samples()
        for _ in range(ROUNDS):
            samples.measure(lambda c=client: c.request("tools/list"))  # type: ignore[misc]  # mypy does not know c
        rows.append(Row(name=f"`tools/list`, {era}", figures=str(samples)))
    return rows


def notebook(running: JupyterServer) -> list[Row]:
    """`read_notebook` of 200 cells with outputs."""
    output = {"output_type": "stream", "name": "stdout", "text": "a line of output\n" * 5}
    cells = [
        {
            "cell_type": "code",
            "id": f"cell-{n}",
            "source": f"x{n} = {n}\nprint(x{n})",
            "execution_count": n,
            "metadata": {},
            "outputs": [output],
        }
        for n in range(200)
    ]
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}
    (running.root_dir / "big.ipynb").write_text(json.dumps(notebook))
    rows = []
    for view in ("source", "outputs"):
        client, samples = Client(running, NEW), Samples()
        for _ in range(100):
            samples.measure(
                lambda c=client, v=view: c.call("read_notebook", path="big.ipynb", view=v)  # type: ignore[misc]  # mypy does not know them
            )
        goal = "under 15 ms" if view == "source" else ""
        name = f"`read_notebook`, 200 cells, {view}"
        rows.append(Row(name=name, figures=str(samples), goal=goal))
    return rows


def prints(running: JupyterServer) -> list[Row]:
    """10 MB of prints in 100,000 lines: the time, and the size of the answer."""
    client, samples, size = Client(running, NEW), Samples(), 0

    def run() -> None:
        nonlocal size
        result = client.call("execute_code", code="for i in range(100_000): print('x' * 99)")
        size = sum(len(block.get("text", "")) for block in result["content"])

    for _ in range(3):
        samples.measure(run)
    return [Row(name="10 MB of prints", figures=f"{samples}, {size:,} characters answered")]


def in_parallel(running: JupyterServer) -> list[Row]:
    """Several clients at once on four kernels."""
    rows = []
    for clients in (1, 4, 16):
        made = [Client(running, NEW, scope=f"kernel-{n % 4}") for n in range(clients)]
        for client in made[:4]:
            client.call("execute_code", code="1+1")
        each = max(10, 240 // clients)
        begun = time.perf_counter()
        threads = [threading.Thread(target=_calls, args=(client, each)) for client in made]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        rate = clients * each / (time.perf_counter() - begun)
        name = f"`1+1`, {clients} client{'' if clients == 1 else 's'} on 4 kernels"
        rows.append(Row(name=name, figures=f"{rate:.0f} a second"))
    return rows


def _calls(client: Client, times: int) -> None:
    for _ in range(times):
        client.call("execute_code", code="1+1")


def starts(base: Path) -> list[Row]:
    """Start-up and memory of `jupyter server`, with and without the extension, taking turns."""
    times = {True: Samples(), False: Samples()}
    idle: dict[bool, list[float]] = {True: [], False: []}
    served: list[float] = []
    for _ in range(STARTS):
        for is_with in (True, False):
            begun = time.perf_counter()
            options = () if is_with else (WITHOUT,)
            with server(base, *options, ready="is running at") as running:
                running.until_answered()
                times[is_with].milliseconds.append((time.perf_counter() - begun) * 1_000)
                idle[is_with].append(memory(running))
                if is_with:
                    Client(running, NEW).request("tools/list")
                    served.append(memory(running))
    added = times[True].median - times[False].median
    plain = sorted(idle[False])[STARTS // 2]
    with_us, after = sorted(idle[True])[STARTS // 2], sorted(served)[STARTS // 2]
    return [
        Row(name="start, without the extension", figures=f"{times[False]}, {plain:.0f} MB"),
        Row(
            name="start, with it, until the server answers",
            figures=f"{times[True]}, {added / 1_000:+.2f} s, {with_us - plain:+.0f} MB",
            goal="at most +0.2 s",
        ),
        Row(
            name="memory once it has served MCP",
            figures=f"{after:.0f} MB, {after - plain:+.0f} MB",
            goal="at most +45 MB",
        ),
    ]


def memory(running: JupyterServer) -> float:
    """The resident memory of the server's process, in megabytes."""
    return float(psutil.Process(running.process.pid).memory_info().rss / 1e6)


PARTS: Mapping[str, Callable[[Path], list[Row]]] = {
    "calls": calls,
    "bridge": bridge,
    "load": load,
    "audit": audits,
    "monitoring": monitoring,
    "endurance": endurance,
    "floods": floods,
    "hostile": hostile,
    "confined": partial(hostile, options=("--McpSandbox.mode=bubblewrap",)),
    "written": partial(hostile, cases=WRITTEN),
    "sandboxes": sandboxes,
    "sessions": sessions,
    "shelf": shelf,
    "saves": saves,
    "variables": variables,
    "files": large_files,
    "searches": searched,
    "edits": edits,
    "runs": runs,
    "agents": agents,
    "reads": reads,
    "tabs": tabs,
    "starts": starts,
    "downloads": downloads,
}

main()
