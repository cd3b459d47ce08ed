"""docs/clients/matrix.md: written from what was seen, and read again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from .client import Client

FILE = Path(__file__).parents[2] / "docs" / "clients" / "matrix.md"
COLUMNS: Mapping[str, str] = {
    "tools": "tools",
    "instructions": "instructions",
    "text": "text",
    "image": "plot",
    "http": "plot over HTTP",
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
    rows = {name: {**seen.get(name, {}), "version": version} for name, version in versions.items()}
    columns = {"version": "version", **COLUMNS}
    return TEXT.read_text(encoding="utf-8").format(
        programs=_table(programs, columns, rows),
        libraries=_table(libraries, {k: v for k, v in columns.items() if k != "http"}, rows),
    )


def _table(
    clients: Sequence[Client], columns: Mapping[str, str], rows: Mapping[str, Mapping[str, str]]
) -> str:
    heads = ["client", *columns.values()]
    seen = [[one.name, *(rows[one.name].get(column, "?") for column in columns)] for one in clients]
    lines = [heads, ["---"] * len(heads), *seen]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def read(page: str) -> dict[str, dict[str, str]]:
    """What the page says of each client, by its name; ``version`` is one of the columns."""
    names = {heading: column for column, heading in COLUMNS.items()}
    found: dict[str, dict[str, str]] = {}
    heads: list[str] = []
    for line in page.splitlines():
        name, *cells = line.strip("| ").split(" | ")
        if not line.startswith("|"):
            heads = []
        elif name == "client":
            heads = cells if cells[0] == "version" else []
        elif heads and not name.startswith("---"):
            found[name] = {
                names.get(head, head): cell for head, cell in zip(heads, cells, strict=True)
            }
    return found
