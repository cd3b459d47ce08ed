"""A notebook as a value of ours, read from the JSON of its file and made from new cells. No I/O.

nbformat's own reader is not used for reading: it gives random ids to cells that have none, logs
what it finds invalid, and its validation takes most of the time that reading a notebook may cost.
What our views rely on is checked here, so an invalid notebook is still a sentence.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import nbformat

from jupyter_mcp_ext.errors import ContentsError
from jupyter_mcp_ext.files.paths import quoted
from jupyter_mcp_ext.notebooks.cells import CELL_TYPES, CellType, NewCell
from jupyter_mcp_ext.outputs.model import Display, Json, Output, from_nbformat

if TYPE_CHECKING:
    from collections.abc import Iterator

_CELL_ID = re.compile(r"[a-zA-Z0-9-_]{1,64}")


@dataclass(frozen=True, kw_only=True)
class KernelInfo:
    """What a notebook's metadata says of the kernel that it is meant for."""

    name: str
    display_name: str
    language: str
    language_info: Mapping[str, Json] = field(default_factory=dict)
    """From the kernel's own ``kernel_info``, when it is known: ``file_extension`` and the like."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A cell of a notebook that was read."""

    index: int
    cell_id: str | None
    """None when the file has none that stays: before nbformat 4.5, missing, or a second time."""
    cell_type: CellType
    source: str
    execution_count: int | None = None
    outputs: tuple[Output, ...] = ()


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


def parse(data: str | bytes, path: str) -> Notebook:
    """The notebook that the content of a file is."""
    try:
        node = json.loads(data.decode() if isinstance(data, bytes) else data)
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
        msg = f"{quoted(path)} holds JSON too deep or too large to read. Use another notebook."
        raise ContentsError(msg) from err
    return from_node(node, path)


def from_node(node: Json, path: str) -> Notebook:
    """The notebook that a JSON value is."""
    major = node.get("nbformat") if isinstance(node, dict) else None
    if not isinstance(node, dict) or not _is_int(major):
        msg = f"{quoted(path)} is JSON, but not a notebook. Use another notebook."
        raise ContentsError(msg)
    minor = node.get("nbformat_minor")
    version = f"{major}.{minor if _is_int(minor) else 0}"
    match major:
        case 4:
            pass
        case 1 | 2 | 3:
            node = _upgraded(node, path)
        case _:
            msg = (
                f"{quoted(path)} has the format nbformat {version}, which is not known here."
                " Use another notebook."
            )
            raise ContentsError(msg)
    minor = node.get("nbformat_minor")  # of the upgraded one, as the case may be
    if not isinstance(minor, int):
        raise _invalid(path, "it has no nbformat_minor")
    metadata = _object(node, "metadata")
    return Notebook(
        path=path,
        cells=tuple(_cells(node.get("cells"), path, has_ids=major == 4 and minor >= 5)),
        kernel_name=_string(_object(metadata, "kernelspec"), "name"),
        language=_string(_object(metadata, "language_info"), "name")
        or _string(_object(metadata, "kernelspec"), "language"),
        nbformat=version,
    )


def compose(cells: Iterable[NewCell], kernel: KernelInfo | None) -> dict[str, Json]:
    """A new notebook as nbformat 4.5, valid."""
    metadata: dict[str, Json] = {}
    if kernel is not None:
        metadata["kernelspec"] = {
            "name": kernel.name,
            "display_name": kernel.display_name,
            "language": kernel.language,
        }
        metadata["language_info"] = {**kernel.language_info, "name": kernel.language}
    ids = _fresh_ids()
    node: dict[str, Json] = {
        "cells": [_new_node(cell, next(ids)) for cell in cells],
        "metadata": metadata,
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    nbformat.validate(node)
    return node


def _new_node(cell: NewCell, cell_id: str) -> dict[str, Json]:
    node: dict[str, Json] = {
        "id": cell_id,
        "cell_type": cell.cell_type,
        "metadata": {},
        "source": cell.source,
    }
    return node | {"execution_count": None, "outputs": []} if cell.cell_type == "code" else node


def _fresh_ids() -> Iterator[str]:
    seen: set[str] = set()
    while True:
        cell_id = uuid4().hex[:8]
        if cell_id not in seen:
            seen.add(cell_id)
            yield cell_id


def _converted(node: dict[str, Json]) -> Any:
    # nbformat is typed only in part.
    return nbformat.convert(nbformat.from_dict(node), 4)  # type: ignore[no-untyped-call]


def _upgraded(node: dict[str, Json], path: str) -> dict[str, Json]:
    try:
        if node["nbformat"] == 3:
            # nbformat has no schema of the formats before; and its upgrade logs what is invalid.
            nbformat.validate(node)
        upgraded: dict[str, Json] = _converted(node)
    except nbformat.ValidationError as err:
        where = "".join(f"[{step!r}]" for step in err.relative_path)
        raise _invalid(path, f"{err.message[:200]} at {where or 'the top'}") from err
    except (AttributeError, LookupError, NameError, TypeError, ValueError) as err:
        # NameError: nbformat's upgrade from version 1 trips over a cell type that it does not know.
        raise _invalid(path, "it cannot be converted from its old format") from err
    return upgraded


def _cells(nodes: Json, path: str, *, has_ids: bool) -> Iterator[Cell]:
    if not isinstance(nodes, list):
        raise _invalid(path, "it has no list of cells")
    seen: set[str] = set()
    for index, node in enumerate(nodes):
        if not isinstance(node, dict):
            raise _invalid(path, f"cell {index} is not an object")
        cell_id = _stored_id(node) if has_ids else None
        if cell_id in seen:
            cell_id = None
        elif cell_id is not None:
            seen.add(cell_id)
        yield _cell(node, path, index, cell_id)


def _cell(node: dict[str, Json], path: str, index: int, cell_id: str | None) -> Cell:
    cell_type: CellType | None = next((t for t in CELL_TYPES if t == node.get("cell_type")), None)
    if cell_type is None:
        kind = str(node.get("cell_type"))[:50]
        raise _invalid(path, f"cell {index} has the type {kind!r}")
    source = _multiline(node.get("source"))
    if source is None:
        raise _invalid(path, f"cell {index} has no source")
    if cell_type != "code":
        return Cell(index=index, cell_id=cell_id, cell_type=cell_type, source=source)
    count = node.get("execution_count")
    if count is not None and not _is_int(count):
        raise _invalid(path, f"the execution_count of cell {index} is not a number")
    outputs = node.get("outputs")
    if not isinstance(outputs, list):
        raise _invalid(path, f"cell {index} has no list of outputs")
    return Cell(
        index=index,
        cell_id=cell_id,
        cell_type=cell_type,
        source=source,
        execution_count=count if isinstance(count, int) else None,
        outputs=tuple(_output(output, path, index, n) for n, output in enumerate(outputs)),
    )


def _output(node: Json, path: str, index: int, position: int) -> Output:
    kind = node.get("output_type") if isinstance(node, dict) else None
    if not isinstance(node, dict) or not isinstance(kind, str):
        raise _invalid(path, f"output {position} of cell {index} has no output_type")
    # A later nbformat may know more kinds; the place of one is kept, and its name.
    return from_nbformat(node) or Display(data={"text/plain": f"[output of the type {kind[:50]}]"})


def _stored_id(node: dict[str, Json]) -> str | None:
    cell_id = node.get("id")
    return cell_id if isinstance(cell_id, str) and _CELL_ID.fullmatch(cell_id) else None


def _multiline(value: Json) -> str | None:
    match value:
        case str():
            return value
        case list() if all(isinstance(line, str) for line in value):
            return "".join(map(str, value))
        case _:
            return None


def _object(node: Mapping[str, Json], key: str) -> Mapping[str, Json]:
    value = node.get(key)
    return value if isinstance(value, dict) else {}


def _string(node: Mapping[str, Json], key: str) -> str:
    value = node.get(key)
    return value if isinstance(value, str) else ""


def _is_int(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _invalid(path: str, what: str) -> ContentsError:
    return ContentsError(f"{quoted(path)} is not a valid notebook: {what}. Use another notebook.")
