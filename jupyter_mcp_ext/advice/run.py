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
    """Its outputs; a function, since few advisers need them."""
    asked: Mapping[str, str] = field(default_factory=dict)
    """The value of each expression that was asked for and could be evaluated, as text."""
    installing: str = ""
    """The id of an installation that is still running; may be empty."""


@dataclass(frozen=True, kw_only=True)
class Adviser:
    """One kind of notice."""

    says: Callable[[Run], Iterable[str]]
    """The notices about code that has run."""
    asks: Callable[[str], Mapping[str, str]] | None = None
    """Expressions by name, for a source: the kernel evaluates them in the same request, after code
    that ended well. They must have no effect, and there must be none for most code."""
