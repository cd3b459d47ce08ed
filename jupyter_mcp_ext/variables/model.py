"""What is known about variables of any kernel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Variable:
    """A variable in a list; what a kernel does not tell of it is empty or None."""

    name: str
    type: str = ""
    shape: str = ""
    """``10,000,000 x 3``, or a length."""
    dtype: str = ""
    bytes: int | None = None
    bytes_mark: str = ""
    """``over ``, where not all of it was counted, and ``~`` where it was estimated."""
    preview: str = ""


@dataclass(frozen=True, kw_only=True)
class Names:
    """Functions, classes or modules: how many there are, and the names of the newest."""

    total: int = 0
    names: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The variables of a kernel that fit a filter, newest first where the kernel tells."""

    total: int
    """All that the user has, whether they fit or not."""
    data: int
    """How many of them are data and fit."""
    variables: tuple[Variable, ...]
    """Of those, the ones that are shown."""
    functions: Names = Names()
    classes: Names = Names()
    modules: Names = Names()
    notes: tuple[str, ...] = ()
    """What the kernel cannot tell, in words."""
    order: Literal["age", "name"] = "age"
    """Newest first, or by name."""


@dataclass(frozen=True, kw_only=True)
class FactTable:
    """A table in the report on a variable."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Text:
    """A text in the report on a variable: a documentation string, a source, a repr."""

    title: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """What is known of one variable."""

    type: str
    facts: tuple[tuple[str, str], ...] = ()
    """``("shape", "3 x 4")``, in the order in which they are told."""
    sections: tuple[FactTable | Text, ...] = ()
    notes: tuple[str, ...] = ()
    """What was left out, and why."""
    picture: bytes = b""
    """A PNG of it, where it is a figure."""
    is_cut: bool = False
    """Whether more is known than was asked for."""
