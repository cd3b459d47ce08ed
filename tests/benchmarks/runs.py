"""Cells that are inserted and run in an open notebook, beside `execute_code` of the same code."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.benchmarks.clients import Client
from tests.benchmarks.edits import NEW, done, server_with, written
from tests.benchmarks.measures import Row, Samples
from tests.benchmarks.meter import LOADED, reading
from tests.benchmarks.people import TOGETHER, Tab, opened
from tests.servers import JupyterServer

ROUNDS = 60
FIRST = 5
"""Rounds before those that are measured."""
TEN_ROUNDS = 15
CODE = "sum(range(1_000))"
TEN = [f"x{n} = {n}\nprint(x{n})" for n in range(10)]
PRINTS = 20_000
FLUSHED = f"for n in range({PRINTS}): print(n, flush=True)"


def runs(base: Path) -> list[Row]:
    """Both ways in turns, in one server."""
    with server_with(base, "runs", *LOADED, *TOGETHER) as server:
        path, client = written(server, 20), Client(server, NEW)
        with opened(server, path) as tab:
            return [one(client, path), ten(client, path), flushed(server, client, path, tab)]


def one(client: Client, path: str) -> Row:
    """A cell that is inserted and run, and its code alone."""
    cell, code = Samples(), Samples()
    for number in range(-FIRST, ROUNDS):
        kept = (cell, code) if number >= 0 else (Samples(), Samples())
        kept[0].measure(lambda: insert(client, path, [CODE]))
        kept[1].measure(lambda: execute(client, CODE))
    return Row(
        name="one cell inserted and run in an open notebook, beside `execute_code` of its code",
        figures=f"{cell}, beside {code}: {cell.median / code.median:.2f} times",
        goal="at most 1.5 times",
    )


def ten(client: Client, path: str) -> Row:
    """Ten cells in one call, and their code in a session: in ten calls, and in one."""
    cells, calls, call = Samples(), Samples(), Samples()
    for number in range(-1, TEN_ROUNDS):
        kept = (cells, calls, call) if number >= 0 else (Samples(), Samples(), Samples())
        kept[0].measure(lambda: insert(client, path, TEN))
        kept[1].measure(lambda: one_by_one(client, TEN))
        kept[2].measure(lambda: execute(client, "\n".join(TEN)))
    return Row(
        name="ten cells inserted and run in one call, beside their code in one session",
        figures=(
            f"{cells}: {cells.median / calls.median:.2f} times ten calls of `execute_code` "
            f"({calls.median:.0f} ms), {cells.median / call.median:.2f} times one with all of it "
            f"({call.median:.0f} ms)"
        ),
        goal="at most 1.2 times",
    )


def flushed(server: JupyterServer, client: Client, path: str, tab: Tab) -> Row:
    """Prints that are flushed one by one: what it costs to show them in the open cell."""
    plain, plain_cpu = _timed(server, lambda: execute(client, FLUSHED))
    before = tab.transactions
    shown, cpu = _timed(server, lambda: insert(client, path, [FLUSHED]))
    transactions = (tab.transactions - before) / shown
    each = [(one - other) * 1_000 / PRINTS for one, other in ((shown, plain), (cpu, plain_cpu))]
    return Row(
        name=f"{PRINTS:,} flushed prints into an open cell, beyond those of `execute_code`",
        figures=(
            f"{each[0]:+.3f} ms each ({shown:.1f} s beside {plain:.1f}), {each[1]:+.3f} of the "
            f"server's processor, {transactions:.1f} transactions a second"
        ),
        goal="under 1 ms each, at most 10 transactions a second",
    )


def insert(client: Client, path: str, cells: list[str]) -> None:
    """Insert cells at the end and run them."""
    _ok(done(client.call("insert_cells", path=path, cells=cells, run=True, wait=300)))


def execute(client: Client, code: str) -> None:
    """Run code in the default session."""
    _ok(done(client.call("execute_code", code=code, wait=300)))


def one_by_one(client: Client, codes: list[str]) -> None:
    """Run each code in the default session, in a call of its own."""
    for code in codes:
        execute(client, code)


def _ok(result: dict[str, Any]) -> None:
    text = result["content"][0]["text"]
    if not text.startswith("[ok]"):
        raise RuntimeError(text)


def _timed(server: JupyterServer, work: Callable[[], None]) -> tuple[float, float]:
    """The seconds that something takes, and those of the server's processor."""
    reading(server)
    begun = time.perf_counter()
    work()
    seconds = time.perf_counter() - begun
    return seconds, reading(server).cpu / 1_000
