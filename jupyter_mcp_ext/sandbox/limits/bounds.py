"""What kernels may use, what they use, and what a limit that is hit is called; pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Literal

from jupyter_mcp_ext.wording import seconds, size

Scope = Literal["session", "user", "all"]
"""Whose use is limited: one kernel's, that of a user's kernels, or that of all kernels."""

SUFFIXES: dict[Scope, str] = {"session": "", "user": "_per_user", "all": "_in_all"}
"""The ends of the traits' names."""

WHOSE: dict[Scope, str] = {
    "session": "",
    "user": " that a user's kernels may use",
    "all": " that all kernels of agents may use",
}


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What may be used; 0 is no limit."""

    memory: int = 0
    """Bytes."""
    cpu: float = 0.0
    """Processor cores."""
    cpu_seconds: float = 0.0
    """CPU time since an execution began."""
    processes: int = 0
    """Processes and threads."""
    file_bytes: int = 0
    """Bytes of one file."""
    disk: int = 0
    """Bytes in the session's folder."""

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) for field in fields(self))

    def words(self, scope: Scope = "session") -> Iterator[str]:
        """The limits that are set: ``memory 2 GB``."""
        after = {"session": "", "user": " for a user", "all": " in all"}[scope]
        for field in fields(self):
            limit = getattr(self, field.name)
            if limit:
                yield f"{NAMES[field.name]} {amount(field.name, limit)}{after}"


NAMES = {
    "memory": "memory",
    "cpu": "CPU",
    "cpu_seconds": "CPU time",
    "processes": "processes",
    "file_bytes": "file size",
    "disk": "disk",
}
"""What the traits limit, in words."""


@dataclass(frozen=True, kw_only=True)
class Use:
    """What is used at one moment; 0 where it was not measured."""

    memory: int = 0
    cpu_seconds: float = 0.0
    processes: int = 0
    disk: int = 0

    def but(self, **changed: float) -> Use:
        """This with other values."""
        return replace(self, **changed)  # type: ignore[arg-type]  # int is a float too

    def __add__(self, other: Use) -> Use:
        return Use(
            memory=self.memory + other.memory,
            cpu_seconds=self.cpu_seconds + other.cpu_seconds,
            processes=self.processes + other.processes,
            disk=self.disk + other.disk,
        )


@dataclass(frozen=True, kw_only=True)
class Excess:
    """A limit that is hit."""

    name: str
    """The trait's, without its scope: ``memory``."""
    used: float
    limit: float
    scope: Scope = "session"

    @property
    def trait(self) -> str:
        """The limit's setting: ``McpLimits.memory_per_user``."""
        return f"McpLimits.{self.name}{SUFFIXES[self.scope]}"

    @property
    def words(self) -> str:
        """``memory 2.1 GB of 2 GB (McpLimits.memory)``."""
        used, limit = amount(self.name, self.used), amount(self.name, self.limit)
        return f"{NAMES[self.name]} {used} of {limit}{WHOSE[self.scope]} ({self.trait})"


def excesses(use: Use, bounds: Bounds, scope: Scope = "session") -> Iterator[Excess]:
    """The limits that are exceeded."""
    for field in fields(use):
        used, limit = getattr(use, field.name), getattr(bounds, field.name)
        if 0 < limit < used:
            yield Excess(name=field.name, used=used, limit=limit, scope=scope)


def amount(name: str, value: float) -> str:
    """A value of a limit in its unit."""
    match name:
        case "memory" | "file_bytes" | "disk":
            return size(int(value), digits=3, base=1024)
        case "cpu_seconds":
            return seconds(value)
        case "cpu":
            return f"{value:g} core{'' if value == 1 else 's'}"
        case _:
            return f"{value:,.0f}"
