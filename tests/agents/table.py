"""docs/clients-matrix.md: written from what was seen, and read again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from .client import Client

FILE = Path(__file__).parents[2] / "docs" / "clients-matrix.md"
COLUMNS: Mapping[str, str] = {
    "tools": "tools",
    "instructions": "instructions",
    "text": "text",
    "image": "plot",
    "frame": "data frame",
    "exception": "exception",
    "long": "100 kB",
    "running": "`[running]`",
    "rest": "then `get_output`",
    "input": "`input()`",
    "cells": "cell inserted",
    "restart": "server restarted",
    "cancel": "Ctrl-C",
}
"""What is looked at, with the heading of its column."""
TEXT = Path(__file__).with_name("page.md")


def written(
    programs: Sequence[Client],
    libraries: Sequence[Client],
    versions: Mapping[str, str],
    seen: Mapping[str, Mapping[str, str]],
) -> str:
    """The page; versions and what was seen are by the clients' names."""
    rows = {
        name: [version, *(seen.get(name, {}).get(column, "?") for column in COLUMNS)]
        for name, version in versions.items()
    }
    return TEXT.read_text(encoding="utf-8").format(
        programs=_table(programs, rows), libraries=_table(libraries, rows)
    )


def _table(clients: Sequence[Client], rows: Mapping[str, Sequence[str]]) -> str:
    heads = ["client", "version", *COLUMNS.values()]
    lines = [heads, ["---"] * len(heads), *([c.name, *rows[c.name]] for c in clients)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def read(page: str) -> dict[str, dict[str, str]]:
    """What the page says of each client, by its name; ``version`` is one of the columns."""
    names = ["version", *COLUMNS]
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    return {
        name: dict(zip(names, cells, strict=True))
        for name, *cells in rows
        if len(cells) == len(names) and name != "client"
    }
