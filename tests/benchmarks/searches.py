"""`search_files` in a thousand notebooks, and how long others wait at the same time."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.benchmarks.clients import Client
from tests.benchmarks.measures import Row, Samples
from tests.benchmarks.meter import reading
from tests.servers import JupyterServer

ROUNDS = 5
NOTEBOOKS = 1_000
CELLS = 30
PICTURE = 10_000
"""Bytes of an image; every sixth cell has one."""

QUERIES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("a text in 50 of them", {"query": "merge_asof"}),
    ("a text in none", {"query": "nowhere at all"}),
    ("an expression", {"query": r"merge_\w+\(", "regex": True}),
    ("a text, outputs too", {"query": "merge_asof", "outputs": True}),
)


def searches(server: JupyterServer) -> list[Row]:
    """Each query several times, from files that the system has in memory."""
    folder = server.root_dir / "notebooks"
    folder.mkdir()
    size = sum(_write(folder, number) for number in range(NOTEBOOKS)) / 1e6
    client = Client(server, "2026-07-28")
    rows = []
    for words, arguments in QUERIES:
        samples, stalls = Samples(), Samples()
        for _ in range(ROUNDS):
            reading(server)
            samples.measure(
                lambda given=arguments: client.call(  # type: ignore[misc]  # mypy does not know it
                    "search_files", path="notebooks", **given
                )
            )
            stalls.milliseconds.append(reading(server).stall)
        rows.append(
            Row(
                name=f"`search_files`, {NOTEBOOKS:,} notebooks of {size:.0f} MB, {words}",
                figures=f"{samples}, {stalls.longest}",
                goal="1.5 s, no stall over 50 ms",
            )
        )
    return rows


def _write(folder: Path, number: int) -> int:
    notebook = {
        "cells": list(_cells(number)),
        "metadata": {},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return (folder / f"{number:04}.ipynb").write_text(json.dumps(notebook, indent=1))


def _cells(number: int) -> Iterator[dict[str, Any]]:
    chosen = random.Random(number)  # the same files in each run
    for cell in range(CELLS):
        lines = [f"value_{chosen.randrange(10**6)} = compute({cell})\n" for _ in range(8)]
        if cell == CELLS // 2 and number % 20 == 0:
            lines.append("df = merge_asof(left, right)\n")
        printed = [f"line {line} of output {chosen.random()}\n" for line in range(40)]
        outputs = [{"output_type": "stream", "name": "stdout", "text": printed}]
        if cell % 6 == 0:
            data = {"image/png": base64.b64encode(chosen.randbytes(PICTURE)).decode()}
            outputs.append({"output_type": "display_data", "metadata": {}, "data": data})  # type: ignore[dict-item]
        yield {
            "cell_type": "code",
            "id": f"{number:04}-{cell:04}",
            "metadata": {},
            "execution_count": cell,
            "source": lines,
            "outputs": outputs,
        }
