"""What a call names of notebooks, files and packages, for the audit. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SOURCES = frozenset({"create_notebook", "insert_cells"})
"""Tools whose argument ``cells`` has the code of cells, and not their names."""

MAX_NAMED = 100
MAX_NAME = 300


@dataclass(frozen=True, kw_only=True)
class Touched:
    """Names as the call has them; a path is from Jupyter's root, or from the session's folder."""

    cells: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()


NOTHING = Touched()


def touched(tool: str, arguments: Mapping[str, Any]) -> Touched:
    """What the arguments of a tool name."""
    cells = () if tool in SOURCES else _names(arguments.get("cells"))
    return Touched(
        cells=(*cells, *_names(arguments.get("cell")), *_names(arguments.get("after"))),
        files=(*_names(arguments.get("path")), *_names(arguments.get("cwd"))),
        packages=_names(arguments.get("package")),
    )


def _names(value: object) -> tuple[str, ...]:
    """The texts of an argument, which may be one or a list of them."""
    many = value if isinstance(value, list | tuple) else [value]
    return tuple(one[:MAX_NAME] for one in many[:MAX_NAMED] if isinstance(one, str) and one)
