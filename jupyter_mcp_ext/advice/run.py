"""Code that has run, as the advisers see it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from jupyter_mcp_ext.outputs.model import Error, Output


def _nothing() -> Sequence[Output]:
    return ()


@dataclass(frozen=True, kw_only=True)
class Run:
    """Code that has run in a kernel, and how it ended."""

    source: str
    status: str
    """``ok``, ``error`` and so on, as the result will say."""
    language: str = "python"
    error: Error | None = None
    """What ended it, if it raised."""
    shown: Callable[[], Sequence[Output]] = _nothing
    """What it has put out; asked for only by those who need it."""
    asked: Mapping[str, str] = field(default_factory=dict)
    """The value of each expression that was asked for and could be evaluated, as text."""
    installing: str = ""
    """The id of an installation that goes on beside it; may be empty."""


@dataclass(frozen=True, kw_only=True)
class Adviser:
    """One kind of notice."""

    says: Callable[[Run], Iterable[str]]
    """The notices about code that has run."""
    asks: Callable[[str], Mapping[str, str]] | None = None
    """Expressions by name, from the source: the kernel evaluates them after the code in the same
    request, when it ended well. They must not change anything, and be none for most code."""
