"""From what the functions in the kernel answer to what is known of variables.

The answer comes from a process that runs anybody's code: it is parsed, not trusted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyter_mcp_ext.outputs.text import strip

from .model import Inspection, Listing, Names, Table, Text, Variable
from .way import Unresolved


def listing(found: Mapping[str, Any]) -> Listing:
    """The answer of ``listing``."""
    return Listing(
        total=int(found["total"]),
        data=int(found["data"]),
        variables=tuple(_variable(variable) for variable in found["variables"]),
        functions=_names(found["functions"]),
        classes=_names(found["classes"]),
        modules=_names(found["modules"]),
    )


def _variable(found: Mapping[str, Any]) -> Variable:
    size = found.get("bytes")
    return Variable(
        name=line(found["name"]),
        type=line(found["type"]),
        shape=line(found.get("shape") or ""),
        dtype=line(found.get("dtype") or ""),
        bytes=int(size) if size is not None else None,
        preview=line(found.get("preview") or ""),
    )


def _names(found: Mapping[str, Any]) -> Names:
    return Names(total=int(found["total"]), names=tuple(map(line, found["names"])))


def inspection(found: Mapping[str, Any]) -> Inspection:
    """The answer of ``inspection``. Raises Unresolved."""
    if "unresolved" in found:
        raise Unresolved(strip(str(found["unresolved"])))
    return Inspection(
        type=line(found["type"]),
        facts=tuple((line(name), line(value)) for name, value in found["facts"]),
        sections=tuple(_section(section) for section in found["sections"]),
        notes=tuple(map(line, found["notes"])),
        is_cut=bool(found["cut"]),
    )


def _section(found: Mapping[str, Any]) -> Table | Text:
    if "text" in found:
        return Text(title=line(found["title"]), text=strip(str(found["text"])))
    return Table(
        title=line(found["title"]),
        columns=tuple(map(line, found["columns"])),
        rows=tuple(tuple(map(line, row)) for row in found["rows"]),
    )


def line(value: object) -> str:
    """A text of the kernel on one line, without control characters and lone surrogates."""
    return " ".join(strip(str(value)).split())
