"""Looking at a value as a client does, in this process."""

from __future__ import annotations

from typing import Any

from jupyter_mcp_ext.in_kernel.variables.inspecting import inspected
from jupyter_mcp_ext.variables.names import parse


def look(
    value: Any,
    name: str = "x",
    *,
    detail: str = "summary",
    idle: bool = False,
    seconds: float = 60,
) -> Any:
    """What is found for ``name``, where ``x`` is the value."""
    steps = [list(step) for step in parse(name)]
    return inspected({"x": value}, steps, detail, is_idle=idle, seconds=seconds)


def facts(found: Any) -> dict[str, str]:
    """The facts of what was found, by name."""
    return dict(found["facts"])
