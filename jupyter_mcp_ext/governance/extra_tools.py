"""Which tools of other packages the operator wants, found before any of their code is loaded."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points

from jupyter_mcp_ext.errors import did_you_mean, shown

from .tool_names import TOOL_NAMES

GROUP = "jupyter_mcp_ext.tools"
"""The group of entry points; the name of each is the name of the tool that it gives."""

NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


class ExtraToolsUnusable(Exception):
    """`McpApp.extra_tools` names what cannot be a tool; the message says which."""


class ExtraTools:
    """The tools that ``McpApp.extra_tools`` names, each with the entry point that gives it."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)
        self.points: tuple[EntryPoint, ...] = ()

    def open(self) -> None:
        """Find the entry points. Raises ExtraToolsUnusable."""
        if not self._names:  # looking through all packages takes time
            return
        provided = entry_points(group=GROUP)
        self.points = tuple(self._point(name, provided) for name in self._names)

    def _point(self, name: str, provided: Sequence[EntryPoint]) -> EntryPoint:
        found = [point for point in provided if point.name == name]
        words = ""
        if self._names.count(name) > 1:
            words = " twice"
        elif name in TOOL_NAMES:
            words = ", which is a tool of jupyter-mcp-ext itself"
        elif not found:
            known = {point.name for point in provided}
            near = did_you_mean(name, known).rstrip("?")
            words = f", which no installed package has among its {GROUP}.{near}".rstrip(".")
        elif not NAME.fullmatch(name):
            words = ", which no tool can be called: use a-z, 0-9 and _, up to 64 of them"
        elif len(found) > 1:
            words = f", which several packages have: {', '.join(map(package_of, found))}"
        if words:
            msg = f"McpApp.extra_tools names {shown(name)}{words}"
            raise ExtraToolsUnusable(msg)
        return found[0]


def package_of(point: EntryPoint) -> str:
    """The package that an entry point belongs to, with its version."""
    return f"{point.dist.name} {point.dist.version}" if point.dist is not None else "a package"
