"""Kernels without a sandbox and in one: how fast they start, and what `1+1` costs, taking turns."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from itertools import count
from pathlib import Path

from tests.benchmarks.clients import Client
from tests.benchmarks.measures import Row, Samples
from tests.servers import FRESH, running_server

NEW = "2026-07-28"
STARTS = 15
ROUNDS = 400
WARM_UP = 40
MODES = ("none", "bubblewrap", "landlock")
GOALS = {"start": 1.05, "1+1": 1.10}
NAMES = count()


def sandboxes(base: Path) -> list[Row]:
    """Each mode on a server of its own; the order changes from round to round."""
    started = {mode: Samples() for mode in MODES}
    summed = {mode: Samples() for mode in MODES}
    with ExitStack() as stack:
        clients = {}
        for mode in MODES:
            folder = base / f"sandboxes-{mode}"
            folder.mkdir()
            server = running_server(folder, f"--McpSandbox.mode={mode}", command=FRESH)
            clients[mode] = Client(stack.enter_context(server), NEW)
        for client in clients.values():
            client.call("execute_code", code="1+1")
            client.call("shutdown_kernel", session_id="default", force=True)
        for number in range(STARTS):
            for mode in _order(number):
                _start(clients[mode], started[mode])
        for client in clients.values():
            for _ in range(WARM_UP):
                client.call("execute_code", code="1+1")
        for number in range(ROUNDS):
            for mode in _order(number):
                summed[mode].measure(lambda c=clients[mode]: c.call("execute_code", code="1+1"))  # type: ignore[misc]  # mypy does not know c
    return [*_rows("start", started), *_rows("1+1", summed)]


def _order(number: int) -> tuple[str, ...]:
    at = number % len(MODES)
    return MODES[at:] + MODES[:at]


def _start(client: Client, samples: Samples) -> None:
    """Time a new session until its kernel answers, and end it."""
    name = f"s{next(NAMES)}"
    samples.measure(lambda: client.call("create_session", name=name))
    client.call("shutdown_kernel", session_id=name, force=True)


def _rows(what: str, times: Mapping[str, Samples]) -> list[Row]:
    names = {"start": "start of a kernel", "1+1": "`1+1`"}
    plain = times["none"]
    return [Row(name=f"{names[what]}, no sandbox", figures=str(plain))] + [
        Row(
            name=f"{names[what]}, {mode}",
            figures=f"{times[mode]}, {times[mode].median / plain.median:.3f} times",
            goal=f"at most {GOALS[what]:.2f} times",
        )
        for mode in MODES[1:]
    ]
