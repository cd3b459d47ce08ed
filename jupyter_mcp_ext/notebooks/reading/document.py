"""A notebook as a value, read from the JSON of its file and made from new cells. No I/O.

nbformat's own reader is not used for reading: it gives random ids to cells that have none, logs
what it finds invalid, and its validation takes most of the time that reading a notebook may cost.
Jupyter opens notebooks that are not valid, so they are read here too (``cells.py``).
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias
from uuid import uuid4

import nbformat

from jupyter_mcp_ext.errors import ContentsError
from jupyter_mcp_ext.files.paths import quoted
from jupyter_mcp_ext.notebooks.cells import NewCell
from jupyter_mcp_ext.outputs.model import Json

from . import pieces
from .cells import Cell, Person, integer, read_cells
from .older import upgraded_cells

if TYPE_CHECKING:
    from collections.abc import Iterator

_MANY_CELLS = 300
_MUCH_SOURCE = 50_000

BOM = b"\xef\xbb\xbf"
"""A byte order mark, which some editors put before the text."""


@dataclass(frozen=True, kw_only=True)
class KernelMetadata:
    """What a notebook's metadata says of the kernel that it is meant for."""

    name: str
    display_name: str
    language: str
    language_info: Mapping[str, Json] = field(default_factory=dict)
    """From the kernel's own ``kernel_info``, when it is known: ``file_extension`` and the like."""


@dataclass(frozen=True, kw_only=True)
class Notebook:
    """A notebook at one moment."""

    path: str
    cells: tuple[Cell, ...]
    kernel_name: str
    """``""`` when the notebook names none."""
    language: str
    nbformat: str
    """As in the file: ``"4.5"``."""
    is_open: bool = False
    """Whether people have it open together and it was read there."""

    @property
    def is_long(self) -> bool:
        """Whether a page of its sources takes over 5 ms to make."""
        cells = self.cells
        return len(cells) > _MANY_CELLS or sum(len(cell.source) for cell in cells) > _MUCH_SOURCE


@dataclass(frozen=True, kw_only=True)
class LiveCopy:
    """A notebook that people have open together, at one moment."""

    read: Callable[[], Json]
    """Gives its content as nbformat has it; to be called in a thread."""
    size: int
    """Bytes that its content has, about."""
    people: Callable[[], Mapping[int, Sequence[Person]]] = dict
    """Gives the people whose cursor is in a cell, by the cell's index; in a thread too."""

    def text(self) -> str:
        """Its content as JSON. Takes long: call it in a thread."""
        return json.dumps(self.read(), ensure_ascii=False, indent=1)

    def notebook(self, path: str) -> Notebook:
        """The notebook, with where people are. Takes long: call it in a thread."""
        found = from_node(self.read(), path, is_open=True)
        people = self.people()
        cells = (replace(c, people=tuple(people.get(c.index, ()))) for c in found.cells)
        return replace(found, cells=tuple(cells))


Live: TypeAlias = Callable[[str], Awaitable[LiveCopy | None]]
"""The notebook that people have open under a path; None if they have not."""


def parse(data: str | bytes, path: str) -> Notebook:
    """Parse the content of a file."""
    if isinstance(data, str):
        data = data.encode(errors="surrogatepass")
    data = data.removeprefix(BOM)
    try:
        return from_node(pieces.loads(data), path)
    except UnicodeDecodeError as err:
        msg = f"{quoted(path)} is not a notebook: it is not UTF-8 text. Use another."
        raise ContentsError(msg) from err
    except json.JSONDecodeError as err:
        msg = (
            f"{quoted(path)} is not JSON (line {err.lineno}, column {err.colno}: {err.msg}), so it "
            "cannot be read as a notebook. Use another notebook."
        )
        raise ContentsError(msg) from err
    except (ValueError, RecursionError) as err:
        raise too_much(path) from err


def too_much(path: str) -> ContentsError:
    """The error for a notebook that has more in it than is read."""
    return ContentsError(
        f"{quoted(path)} is nested too deeply or too large to be read as JSON. Use another "
        "notebook."
    )


def text_of(data: bytes, path: str) -> str:
    """The JSON of a notebook's file. Raises ContentsError for what is no notebook."""
    parse(data, path)
    return data.removeprefix(BOM).decode()


def from_node(node: Json, path: str, *, is_open: bool = False) -> Notebook:
    """Read a notebook from a JSON value, leniently: what can be made sense of is read."""
    major = integer(node.get("nbformat")) if isinstance(node, dict) else None
    if not isinstance(node, dict) or major is None:
        msg = f"{quoted(path)} is JSON, but not a notebook. Use another notebook."
        raise ContentsError(msg)
    minor = integer(node.get("nbformat_minor")) or 0
    version = f"{major}.{minor}"
    if not 1 <= major <= 4:
        msg = (
            f"{quoted(path)} has the format nbformat {version}, which is not known here."
            " Use another notebook."
        )
        raise ContentsError(msg)
    # Some programs have put the cells of the fourth format into worksheets.
    nodes = node.get("cells")
    if major < 4 or (nodes is None and "worksheets" in node):
        nodes = upgraded_cells(node)
    if not isinstance(nodes, list):
        msg = f"{quoted(path)} is not a valid notebook: it has no list of cells. Use another."
        raise ContentsError(msg)
    metadata = _object(node, "metadata")
    return Notebook(
        path=path,
        cells=tuple(read_cells(nodes, has_ids=major == 4 and minor >= 5)),
        kernel_name=_string(_object(metadata, "kernelspec"), "name"),
        language=_string(_object(metadata, "language_info"), "name")
        or _string(_object(metadata, "kernelspec"), "language"),
        nbformat=version,
        is_open=is_open,
    )


def compose(cells: Iterable[NewCell], kernel: KernelMetadata | None) -> dict[str, Json]:
    """A new notebook as nbformat 4.5, valid."""
    metadata: dict[str, Json] = {}
    if kernel is not None:
        metadata["kernelspec"] = {
            "name": kernel.name,
            "display_name": kernel.display_name,
            "language": kernel.language,
        }
        metadata["language_info"] = {**kernel.language_info, "name": kernel.language}
    ids = fresh_ids()
    node: dict[str, Json] = {
        "cells": [new_node(cell, next(ids)) for cell in cells],
        "metadata": metadata,
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    nbformat.validate(node)
    return node


def new_node(cell: NewCell, cell_id: str) -> dict[str, Json]:
    """A new cell as nbformat 4.5."""
    node: dict[str, Json] = {
        "id": cell_id,
        "cell_type": cell.cell_type,
        "metadata": {},
        "source": cell.source,
    }
    return node | {"execution_count": None, "outputs": []} if cell.cell_type == "code" else node


def fresh_ids(taken: Iterable[str] = ()) -> Iterator[str]:
    """Ids for cells, none of which is taken."""
    seen = set(taken)
    while True:
        cell_id = uuid4().hex[:8]
        if cell_id not in seen:
            seen.add(cell_id)
            yield cell_id


def _object(node: Mapping[str, Json], key: str) -> Mapping[str, Json]:
    value = node.get(key)
    return value if isinstance(value, dict) else {}


def _string(node: Mapping[str, Json], key: str) -> str:
    value = node.get(key)
    return value if isinstance(value, str) else ""
