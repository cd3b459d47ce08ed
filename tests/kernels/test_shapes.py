"""Answers of every shape: each is read or refused as malformed, and no other error is raised."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from jupyter_mcp_ext.kernels.shapes import Malformed
from jupyter_mcp_ext.sessions.saving import answers as sessions
from jupyter_mcp_ext.variables import answers, variable_words

LISTING = {
    "total": 2,
    "data": 1,
    "variables": [{"name": "a", "type": "int", "bytes": 28, "preview": "1"}],
    "functions": {"total": 1, "names": ["f"]},
    "classes": {"total": 0, "names": []},
    "modules": {"total": 0, "names": []},
}
INSPECTION = {
    "type": "list",
    "facts": [["length", "3"]],
    "sections": [
        {"title": "items", "columns": ["", "type"], "rows": [["0", "int"]]},
        {"title": "value", "text": "[1]"},
    ],
    "notes": ["none"],
    "cut": False,
}
SAVED = {
    "saved": {
        "python": "3.11",
        "implementation": "CPython",
        "records": [{"offset": 0, "size": 1, "sha256": "ab", "names": ["a"]}],
        "modules": {"np": "numpy"},
        "skipped": [{"name": "b", "type": "generator", "why": "it is one"}],
        "holes": [{"name": "c", "where": "[0]", "why": "it is a lock"}],
        "unrestored": [{"name": "locale", "why": "it is not known"}],
    },
    "process": 1,
}
LOADED = {
    "loaded": ["a"],
    "failed": [{"name": "b", "why": "no"}],
    "definitions": ["f"],
    "definitions_failed": [{"name": "g", "why": "no"}],
    "state": ["locale"],
    "state_failed": [{"name": "umask", "why": "no"}],
}


def listed(answer: object) -> None:
    variable_words.listing(answers.listing(answer), filter="", room=1_000, where="")


def inspected(answer: object) -> None:
    variable_words.inspection(answers.inspection(answer), name="x", room=1_000)


def deep() -> Any:
    found: Any = []
    for _ in range(5_000):
        found = [found]
    return found


ODD: tuple[Any, ...] = (
    None,
    True,
    -1,
    7,
    2**70,
    1e300,
    "",
    "x",
    [],
    [[]],
    [1],
    {},
    {"a": 1},
    deep(),
)


def spoiled(answer: Any) -> Iterator[Any]:
    """The answer with each of its parts replaced by each odd value, or left out."""
    yield from ODD
    for key in answer if isinstance(answer, dict) else range(len(answer)):
        without = copy.copy(answer)
        del without[key]
        yield without
        parts = spoiled(answer[key]) if isinstance(answer[key], dict | list) else iter(ODD)
        for part in parts:
            changed = copy.copy(answer)
            changed[key] = part
            yield changed


@pytest.mark.parametrize(
    ("read", "good"),
    [
        (listed, LISTING),
        (inspected, INSPECTION),
        (sessions.saved, SAVED),
        (sessions.process_of, SAVED),
        (sessions.loaded, LOADED),
        (sessions.about, {"python": "3.11", "implementation": "CPython"}),
    ],
    ids=["listing", "inspection", "save", "process", "load", "about"],
)
def test_every_answer_is_read_or_refused(read: Callable[[object], object], good: Any) -> None:
    read(good)

    for answer in spoiled(good):
        with contextlib.suppress(Malformed):
            read(answer)
