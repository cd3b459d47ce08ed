"""What a check has found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

Level: TypeAlias = Literal["ok", "warning", "fault"]

_ORDER: tuple[Level, ...] = ("ok", "warning", "fault")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is so, and what to do about it if it should not be."""

    level: Level
    what: str
    do: str = ""


@dataclass(frozen=True, kw_only=True)
class Line:
    """A finding with the name of its check."""

    check: str
    finding: Finding


def ok(what: str, do: str = "") -> Finding:
    """Nothing has to be done; ``do`` is what may be."""
    return Finding(level="ok", what=what, do=do)


def warning(what: str, do: str) -> Finding:
    """Clients can work, but not in all that they do."""
    return Finding(level="warning", what=what, do=do)


def fault(what: str, do: str) -> Finding:
    """Clients cannot work."""
    return Finding(level="fault", what=what, do=do)


def worst(lines: Iterable[Line]) -> Level:
    """The worst level among lines; ok if there are none."""
    return max((line.finding.level for line in lines), key=_ORDER.index, default="ok")
