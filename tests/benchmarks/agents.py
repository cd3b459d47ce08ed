"""Many agents that edit one notebook at once, live and on disk."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.benchmarks.clients import Client
from tests.benchmarks.edits import NEW, done, server_with, written
from tests.benchmarks.measures import Row
from tests.benchmarks.meter import LOADED, Reading, reading
from tests.benchmarks.people import TOGETHER, opened
from tests.servers import JupyterServer

AGENTS = 20
CALLS = 20
"""Calls of each agent that change nothing: what this machine can bear at all."""
LIVE = 50
ON_DISK = {20: 20, 2_000: 2}
"""Edits of each agent, by the number of cells."""


def agents(base: Path) -> list[Row]:
    """Each agent inserts its cells and edits them."""
    with server_with(base, "agents", *LOADED, *TOGETHER) as server:
        path = written(server, 20)
        with opened(server, path) as tab:
            figures = _edited(server, path, LIVE)
        _check(tab.sources, LIVE)
    rows = [
        Row(
            name=f"{AGENTS} agents in one open notebook",
            figures=figures,
            goal="300 edits a second, none lost",
        )
    ]
    with server_with(base, "agents-on-disk", *LOADED) as server:
        for size, each in ON_DISK.items():
            path = written(server, size)
            figures = _edited(server, path, each)
            cells = json.loads((server.root_dir / path).read_text())["cells"]
            _check(["".join(cell["source"]) for cell in cells], each)
            rows.append(
                Row(
                    name=f"{AGENTS} agents in one notebook of {size:,} cells on disk",
                    figures=figures,
                    goal="20 edits a second, none lost",
                )
            )
    return rows


def _edited(server: JupyterServer, path: str, each: int) -> str:
    clients = [Client(server, NEW, scope=f"agent-{n}") for n in range(AGENTS)]
    plain, _ = _at_once(server, lambda n: _call(clients[n]), CALLS)
    rate, found = _at_once(server, lambda n: _edit(clients[n], path, n, each), each)
    return (
        f"{rate:.0f} edits a second over HTTP, none lost, each {found.cpu / AGENTS / each:.1f} ms "
        f"of processor, stall {found.stall:.0f} ms; {plain:.0f} calls a second that list sessions"
    )


def _at_once(
    server: JupyterServer, work: Callable[[int], None], each: int
) -> tuple[float, Reading]:
    """How many calls a second all agents make, of which each makes some."""
    reading(server)
    begun = time.perf_counter()
    with ThreadPoolExecutor(AGENTS) as pool:
        list(pool.map(work, range(AGENTS)))
    return AGENTS * each / (time.perf_counter() - begun), reading(server)


def _call(client: Client) -> None:
    for _ in range(CALLS):
        done(client.call("list_sessions"))


def _edit(client: Client, path: str, agent: int, each: int) -> None:
    made = done(client.call("insert_cells", path=path, cells=[_line(agent, 0)]))
    [cell] = made["_meta"]["jupyter-mcp-ext/notebook"]["cells"]
    for number in range(1, each):
        last = _line(agent, number - 1)
        done(
            client.call(
                "edit_cell",
                path=path,
                cell=cell["cell_id"],
                old_string=last,
                new_string=f"{last}\n{_line(agent, number)}",
            )
        )


def _line(agent: int, number: int) -> str:
    return f"x = {agent:02}, {number:04}"


def _check(sources: list[str], each: int) -> None:
    """Every edit is there, once and in its order."""
    wanted = {"\n".join(_line(agent, n) for n in range(each)) for agent in range(AGENTS)}
    found = [source for source in sources if source.startswith("x = ")]
    if len(found) != AGENTS or set(found) != wanted:
        msg = f"edits were lost: {found}"
        raise RuntimeError(msg)
