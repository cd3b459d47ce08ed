"""Files that code in a kernel, or a long session, leaves on disk for the server to read."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from jupyter_mcp_ext.governance.keys import Keys
from jupyter_mcp_ext.sessions.story.journal import Entry, signed
from tests.benchmarks.hostile import Case

TEXT = [{"output_type": "stream", "name": "stdout", "text": "x" * 20_000}]
EMPTY = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}}


def _entries(session_id: str, count: int, code: str) -> Iterator[Entry]:
    for number in range(1, count + 1):
        yield Entry(
            number=number,
            execution_id=f"{session_id}-{number}",
            code=code.format(number),
            client="tests",
            created=1.0,
            status="ok",
            execution_count=number,
            ended=2.0,
            outputs=TEXT,
        )


def _folder(root: Path) -> Path:
    (record,) = (root / "mcp-sessions").glob("*/.mcp/session.json")
    return record.parent.parent


def _journal(root: Path, lines: Iterable[bytes]) -> None:
    with (_folder(root) / ".mcp" / "journal.jsonl").open("wb") as file:
        file.writelines(lines)


def _long(root: Path) -> None:
    session_id = _folder(root).name
    (key_file,) = root.parent.rglob("jupyter_mcp_ext.key")
    key = Keys(key_file, logging.getLogger()).derive(f"journal of {session_id}")
    entries = _entries(session_id, 5_000, "def f{0}(a):\n    return a + {0}\nx = f{0}({0})")
    _journal(root, (signed(said, key) for e in entries for said in (e.beginning, e.end)))


def _endless(root: Path) -> None:
    entries = _entries(_folder(root).name, 400_000, "1")
    _journal(root, (json.dumps({"version": 1, **e.beginning}).encode() + b"\n" for e in entries))


def _sparse(root: Path) -> None:
    with (_folder(root) / ".mcp" / "journal.jsonl").open("ab") as file:
        file.truncate(1_900_000_000)


def _grown(root: Path) -> None:
    record = json.loads((_folder(root) / ".mcp" / "session.json").read_text())
    with (root / record["path"]).open("ab") as file:
        file.truncate(1_900_000_000)


def _broken(root: Path) -> None:
    letters = "abcdefghijklmnopqr"
    for a in letters:
        for b in letters:
            for c in letters[:16]:
                hidden = root / "mcp-sessions" / f"zzzz{a}{b}{c}z" / ".mcp"
                hidden.mkdir(parents=True)
                (hidden / "session.json").write_text("broken")


def _items(root: Path) -> None:
    shown = {"output_type": "display_data", "data": {"application/json": [{"a": 1}] * 11_000_000}}
    cell = {"cell_type": "code", "source": "1", "execution_count": 1, "outputs": [shown]}
    (root / "items.ipynb").write_text(json.dumps({**EMPTY, "cells": [cell]}))


def _pictures(root: Path) -> None:
    shown = {"output_type": "display_data", "data": {"image/png": "A" * 1_000_000}}
    cell = {"cell_type": "code", "source": "1", "execution_count": 1, "outputs": [shown]}
    (root / "pictures.ipynb").write_text(json.dumps({**EMPTY, "cells": [cell] * 60}))


RUN = [("execute_code", {"code": "1 + 1", "wait": 50})]

WRITTEN: Sequence[Case] = (
    Case(name="a session of 5,000 cells, 100 MB", write=_long, restarted=True, calls=RUN),
    Case(name="400,000 executions without an end", write=_endless, restarted=True, calls=RUN),
    Case(name="a sparse journal of 1.9 GB", write=_sparse, restarted=True, calls=RUN),
    Case(name="a session's notebook of 1.9 GB", write=_grown, restarted=True, calls=RUN),
    Case(
        name="5,000 folders that are no sessions",
        write=_broken,
        calls=[("list_sessions", {}), ("get_kernel_status", {"session_id": "nothing"})],
    ),
    Case(
        name="a notebook of 100 MB in small pieces",
        write=_items,
        calls=[("read_notebook", {"path": "items.ipynb"})],
    ),
    Case(
        name="a notebook of 60 MB of pictures",
        write=_pictures,
        calls=[("read_notebook", {"path": "pictures.ipynb"})],
    ),
    Case(
        name="40,000 keys in the arguments",
        calls=[("list_files", {f"k{number}": number for number in range(40_000)})],
    ),
)
"""Files that a kernel or a long session has written."""
