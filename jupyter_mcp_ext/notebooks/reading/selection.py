"""Which part of a notebook a caller asks for, and the calls for more of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal, TypeAlias

from jupyter_mcp_ext.outputs.characters import argument
from jupyter_mcp_ext.outputs.pages import as_offset

What: TypeAlias = Literal["source", "outputs", "outline"]

References: TypeAlias = Sequence[str | int]
"""Cells by handle, id, the beginning of an id, index or range of indices."""

_LONG_REFERENCES = 300


@dataclass(frozen=True)
class Selection:
    """One call of ``read_notebook`` without its offset."""

    path: str
    what: What
    cells: References | None
    grep: str | None
    limit: int | None

    def at(self, offset: int, column: int = 0) -> str:
        """The same from another place on."""
        return self._call(
            cells=self.cells,
            grep=self.grep,
            offset=offset,
            column=column or None,
            limit=self.limit,
        )

    def only(self, handle: str, offset: int | None = None, column: int = 0) -> str:
        """One cell alone, from a line or a character of it on."""
        first = None if offset is None else as_offset(offset)
        return self._call(cells=[handle], offset=first, column=column or None)

    def _call(self, **arguments: References | str | int | None) -> str:
        view = None if self.what == "source" else self.what
        given = [
            f"{name}={argument(value)}"
            for name, value in {"view": view, **arguments}.items()
            if value is not None
        ]
        return f"read_notebook({', '.join([argument(self.path), *given])})"


def shorten(references: References, indices: Sequence[int]) -> References:
    """References that a call can repeat on each page: their indices where they are long."""
    if sum(len(str(reference)) for reference in references) <= _LONG_REFERENCES:
        return references
    # Neighbours have the same distance from their places in the list.
    runs = [list(run) for _, run in groupby(enumerate(indices), lambda pair: pair[1] - pair[0])]
    return [f"{run[0][1]}-{run[-1][1]}" for run in runs]
