"""`edit_cell` in notebooks that people have open together, and on disk."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from tests.benchmarks.clients import Client
from tests.benchmarks.measures import Row, Samples
from tests.benchmarks.meter import LOADED, reading
from tests.benchmarks.people import TOGETHER, opened
from tests.servers import FRESH, JupyterServer, running_server

NEW = "2026-07-28"
SIZES = (20, 2_000)
LIVE = {20: 200, 2_000: 100}
ON_DISK = {20: 40, 2_000: 10}
"""Edits, by the number of cells."""
FIRST = 3
"""Edits before those that are measured."""
SAVES_NOTHING = "--YDocExtension.document_save_delay=None"
GOALS = {20: "under 50 ms, no stall over 50 ms", 2_000: "under 400 ms, no stall over 50 ms"}


@dataclass(frozen=True, kw_only=True)
class Live:
    """Edits in an open notebook."""

    whole: Samples
    """The calls as a client sees them."""
    ours: Samples
    """What of each is the tool's own code."""
    cpu: float
    """Milliseconds of the processor that the server needs for one."""


def edits(base: Path) -> list[Row]:
    """An edit after another, with each number of cells."""
    with server_with(base, "quiet", *LOADED, *TOGETHER, SAVES_NOTHING) as server:
        quiet = {size: _live(server, size) for size in SIZES}
    with server_with(base, "saving", *LOADED, *TOGETHER) as server:
        saving = {size: _live(server, size) for size in SIZES}
    with server_with(base, "alone", *LOADED) as server:
        on_disk = [_on_disk(server, size) for size in SIZES]
    live = [
        Row(
            name=f"`edit_cell` in an open notebook of {size:,} cells",
            figures=(
                f"{quiet[size].ours} in our code, {quiet[size].whole} for the whole call with "
                f"{quiet[size].cpu:.1f} ms of processor, {saving[size].whole} beside the room's "
                "own saves"
            ),
            goal="under 5 ms in our code",
        )
        for size in SIZES
    ]
    return [*live, *on_disk]


def cell_id(number: int) -> str:
    """The id of a cell, as JupyterLab makes them."""
    return str(UUID(int=random.Random(number).getrandbits(128)))


def notebook(cells: int) -> dict[str, Any]:
    """A notebook with as many code cells, each with the output that a run has left."""
    made = [
        {
            "cell_type": "code",
            "id": cell_id(n),
            "metadata": {},
            "execution_count": n + 1,
            "source": f"x{n} = {n}\nfor y in range(x{n}):\n    print(x{n}, y)\n"
            + "# a line\n" * 20,
            "outputs": [
                {"output_type": "stream", "name": "stdout", "text": "a line of output\n" * 40}
            ],
        }
        for n in range(cells)
    ]
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": made}


def written(server: JupyterServer, cells: int) -> str:
    """The path of such a notebook below a server's root."""
    name = f"{cells}.ipynb"
    (server.root_dir / name).write_text(json.dumps(notebook(cells), indent=1))
    return name


def _live(server: JupyterServer, size: int) -> Live:
    path, client, whole = written(server, size), Client(server, NEW), Samples()
    with opened(server, path):
        for number in range(-FIRST, LIVE[size]):
            if number == 0:
                reading(server)
            _edit(client, path, size, number, whole if number >= 0 else Samples())
        found = reading(server)
    return Live(whole=whole, ours=Samples(found.calls), cpu=found.cpu / LIVE[size])


def _on_disk(server: JupyterServer, size: int) -> Row:
    path, client = written(server, size), Client(server, NEW)
    samples, stalls, cpu = Samples(), Samples(), Samples()
    for number in range(-FIRST, ON_DISK[size]):
        is_kept = number >= 0
        reading(server)
        _edit(client, path, size, number, samples if is_kept else Samples())
        found = reading(server)
        if is_kept:
            stalls.milliseconds.append(found.stall)
            cpu.milliseconds.append(found.cpu)
    megabytes = (server.root_dir / path).stat().st_size / 1e6
    return Row(
        name=f"`edit_cell` on disk, {size:,} cells of {megabytes:.1f} MB",
        figures=f"{samples}, {cpu.median:.0f} ms of processor, {stalls.longest}",
        goal=GOALS[size],
    )


def _edit(client: Client, path: str, size: int, number: int, samples: Samples) -> None:
    """Add a line to a cell; it is another one each time."""
    cell = (number * 37) % size
    line = f"x{cell} = {cell}\n"
    samples.measure(
        lambda: done(
            client.call(
                "edit_cell",
                path=path,
                cell=cell_id(cell),
                old_string=line,
                new_string=f"# {number}\n{line}",
            )
        )
    )


def done(result: dict[str, Any]) -> dict[str, Any]:
    """A result, if it is no error."""
    if result.get("isError"):
        raise RuntimeError(result["content"])
    return result


@contextmanager
def server_with(base: Path, name: str, *options: str) -> Iterator[JupyterServer]:
    """A server with a folder of its own."""
    folder = base / name
    folder.mkdir()
    with running_server(folder, *options, command=FRESH) as running:
        yield running
