"""The table of what comes back, for people: `docs/restoring.md`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from . import State
from .oracle import Outcome, Verdict

FILE = Path(__file__).parents[3] / "docs" / "restoring.md"

INTRODUCTION = """\
# What comes back of a session

A session's variables are saved when its kernel has been idle for a while and when the server \
stops, and they come back when the session is used again: after `shutdown_kernel`, after the \
kernel was killed or ran out of memory, after the server was stopped or killed. Code that \
was saved with its effects is not run again, so nothing is downloaded, trained, written or sent a \
second time.

What comes back equals what was there, or the first result says what does not: `get_kernel_status` \
has the whole list, with a reason for each entry. The tables below are made by the tests, which \
have each state in a kernel, lose the kernel, restore the session in a new one and compare the two \
by values, by what is shared between variables, and by behaviour. *With* and *without* stand for \
kernels whose environment has the package cloudpickle and those that have not.

- **comes back**: it is as it was.
- **named**: it is missing, or something else is in its place, and the session says so.
"""

WORDS: Mapping[Outcome, str] = {
    "equal": "comes back",
    "named": "named",
    "wrong": "differs",
}

DIFFERS = "- **differs**: it is not as it was, and nothing says so. This is a known fault.\n"

NOTES = """\
## What is not compared

Two equal numbers, texts or other values that never change may be one object or two, as in any \
Python program. What lies outside the process, such as files, databases, servers and other \
processes, \
is as they left it.

Variables are loaded by the same version of Python that saved them. In a kernel with another one, \
the imports, functions, classes and constants of the session are run again from their source, and \
the first result says so. The same is done with those of executions that came after the last save.
"""

ROW = re.compile(
    r"^\| (?P<name>[^|]+?) \| (?P<first>[^|]+?) \| (?P<second>[^|]+?) \|$", re.MULTILINE
)

Verdicts = Mapping[bool, Mapping[str, Verdict]]
"""By whether the kernel has cloudpickle, and by state."""


def written(states: Sequence[State], verdicts: Verdicts) -> str:
    """The document."""
    faults = any(one.outcome == "wrong" for each in verdicts.values() for one in each.values())
    parts = [INTRODUCTION + (DIFFERS if faults else "")]
    for kind, members in groupby(states, key=lambda state: state.kind):
        rows = "\n".join(_row(state, verdicts) for state in members)
        parts.append(f"## {kind}\n\n| state | with | without |\n|---|---|---|\n{rows}\n")
    return "\n".join([*parts, NOTES])


def outcomes(text: str, *, has_cloudpickle: bool) -> dict[str, str]:
    """The words of a document for each state."""
    column = "first" if has_cloudpickle else "second"
    return {row["name"]: row[column] for row in _rows(text)}


def words(verdicts: Mapping[str, Verdict], states: Sequence[State]) -> dict[str, str]:
    """The expected words for each state in a column."""
    return {
        state.name: WORDS[verdicts[state.name].outcome] if state.name in verdicts else "-"
        for state in states
    }


def _row(state: State, verdicts: Verdicts) -> str:
    cells = (words(verdicts[has], [state])[state.name] for has in (True, False))
    return f"| {state.name} | {' | '.join(cells)} |"


def _rows(text: str) -> Iterator[re.Match[str]]:
    return (row for row in ROW.finditer(text) if row["name"] not in ("state", "---"))
