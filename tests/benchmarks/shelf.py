"""Many sessions on disk: what listing them costs, and what a server's start with them costs."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil

from jupyter_mcp_ext.governance.keys import Keys
from jupyter_mcp_ext.sessions.disk.record import parse
from jupyter_mcp_ext.sessions.disk.store import PURPOSE
from jupyter_mcp_ext.sessions.session import new_session_id
from tests.benchmarks.clients import Client
from tests.benchmarks.measures import Row, Samples
from tests.servers import FRESH, running_server

NEW = "2026-07-28"
SESSIONS = 2_000
ROUNDS = 30


def shelf(base: Path) -> list[Row]:
    """`list_sessions` with 2,000 sessions on disk, all of them and by a filter."""
    folder = base / "shelf"
    folder.mkdir()
    few = _started(folder)
    _fill(folder)
    begun = time.perf_counter()
    with running_server(folder, command=FRESH) as server:
        started = time.perf_counter() - begun
        client = Client(server, NEW)
        process = psutil.Process(server.process.pid)
        rows = [
            _listed(client, process, f"`list_sessions` of {SESSIONS:,} sessions"),
            _listed(client, process, "the same with a filter that half of them fit", filter="s1*"),
        ]
    more = f"{started - few:+.1f} s"
    return [*rows, Row(name=f"a server's start with {SESSIONS:,} sessions", figures=more)]


def _listed(client: Client, process: psutil.Process, name: str, **arguments: str) -> Row:
    client.call("list_sessions", **arguments)
    samples, before = Samples(), process.cpu_times()
    for _ in range(ROUNDS):
        samples.measure(lambda: client.call("list_sessions", **arguments))
    goal = "" if arguments else "100 ms"
    after = process.cpu_times()
    spent = (after.user + after.system - before.user - before.system) * 1_000 / ROUNDS
    return Row(name=name, figures=f"{samples}; {spent:.0f} ms of processor time", goal=goal)


def _started(folder: Path) -> float:
    """Make one session; how long the server took to start."""
    begun = time.perf_counter()
    with running_server(folder, command=FRESH) as server:
        seconds = time.perf_counter() - begun
        client = Client(server, NEW)
        client.call("create_session", name="first")
        client.call("shutdown_kernel", session_id="first")
    return seconds


def _fill(folder: Path) -> None:
    """Make the other sessions like the first."""
    [key_file] = folder.rglob("jupyter_mcp_ext.key")
    key = Keys(key_file, logging.getLogger(__name__)).derive(PURPOSE)
    sessions = folder / "root" / "mcp-sessions"
    [first] = sessions.glob("*/.mcp/session.json")
    record, _ = parse(first.read_bytes(), key)
    for number, session_id in enumerate(_ids()):
        hidden = sessions / session_id / ".mcp"
        hidden.mkdir(parents=True)
        another = replace(
            record,
            id=session_id,
            jupyter_id=session_id + record.jupyter_id[8:],
            name=f"s{number}",
            path=f"mcp-sessions/{session_id}/{record.notebook}",
            last_used=record.last_used - number,
        )
        (hidden / "session.json").write_bytes(another.to_bytes(key))
        for name in ("journal.jsonl", "lock", "snapshot.json"):
            (hidden / name).write_text("{}")
        (hidden.parent / record.notebook).write_text("{}")


def _ids() -> Iterator[str]:
    for _ in range(SESSIONS):
        yield new_session_id()
