"""The notices about code that has run: add an `Adviser` to `ADVISERS`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import commands, debuggers, fences, figures, modules, shell, shown, unsent, whitespace
from .run import Adviser, Run

ADVISERS: tuple[Adviser, ...] = (
    shown.ADVISER,
    shell.ADVISER,
    figures.ADVISER,
    modules.ADVISER,
    debuggers.ADVISER,
    whitespace.ADVISER,
    unsent.ADVISER,
    fences.ADVISER,
    commands.ADVISER,
)
"""In the order of their notices."""

MAX_VALUE = 1_000
"""Characters of an expression's value that are read."""


def notices(run: Run) -> list[str]:
    """The notices about code that has run."""
    return [notice for adviser in ADVISERS for notice in adviser.says(run)]


def expressions(source: str) -> dict[str, str]:
    """Expressions that an ipykernel evaluates after the code, by name; none for most code."""
    asked: dict[str, str] = {}
    for adviser in ADVISERS:
        if adviser.asks is not None:
            asked.update(adviser.asks(source))
    return asked


def values(reply: Mapping[str, Any]) -> dict[str, str]:
    """The values in a reply's ``user_expressions``, as text."""
    found = reply.get("user_expressions")
    if not isinstance(found, dict):
        return {}
    return {str(name): text for name, each in found.items() if (text := _text(each)) is not None}


def _text(answer: object) -> str | None:
    data = answer.get("data") if isinstance(answer, dict) else None
    text = data.get("text/plain") if isinstance(data, dict) else None
    return text[:MAX_VALUE] if isinstance(text, str) else None
