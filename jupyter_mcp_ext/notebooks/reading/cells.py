"""The cells of a notebook that was read: what is odd in one is marked, the others are whole.

Jupyter opens notebooks whose cells are not as nbformat wants them, and so do we. No I/O.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from jupyter_mcp_ext.measured import MAX_DEPTH, is_deep
from jupyter_mcp_ext.notebooks.cells import CELL_TYPES, CellType
from jupyter_mcp_ext.outputs.model import Display, Json, Output, from_nbformat
from jupyter_mcp_ext.outputs.pictures import embedded

HEADING = "heading"
"""A type of cells of nbformat 3, which some programs have kept; they are read as markdown."""

_CELL_ID = re.compile(r"[a-zA-Z0-9-_]{1,64}")
_MAX_LEVEL = 6
_MAX_COUNT = 10**12


@dataclass(frozen=True, kw_only=True)
class Person:
    """A person whose cursor is in a cell."""

    name: str
    selected: str = ""
    """The text that they have selected in it."""
    lines: tuple[int, int] = (0, 0)
    """The first and the last line of that, from 1."""


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
    """Of a cell of text, the images in it."""
    oddities: tuple[str, ...] = ()
    """What does not conform to nbformat, in words."""
    people: tuple[Person, ...] = ()
    """The people whose cursor is in it, where people have it open together."""


def read_cells(nodes: Sequence[Json], *, has_ids: bool) -> Iterator[Cell]:
    """The cells of a notebook; ``has_ids`` when its format gives them ids."""
    seen: set[str] = set()
    for index, node in enumerate(nodes):
        cell_id = stored_id(node) if has_ids else None
        if cell_id in seen:
            cell_id = None
        elif cell_id is not None:
            seen.add(cell_id)
        yield read_cell(node, index, cell_id)


def integer(value: Json) -> int | None:
    """The whole number that a value is, also where a program wrote it as ``4.0``."""
    if isinstance(value, float) and value.is_integer() and abs(value) < _MAX_COUNT:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def count_of(value: Json) -> int | None:
    """The execution count that a value is; None if a notebook has none like it."""
    count = integer(value)
    return count if count is not None and 0 <= count < _MAX_COUNT else None


def read_cell(node: Json, index: int, cell_id: str | None) -> Cell:
    """One cell; ``cell_id`` is None when it has none that stays."""
    if not isinstance(node, dict):
        source = node if isinstance(node, str) else ""
        return Cell(
            index=index, cell_id=None, cell_type="raw", source=source, oddities=("no object",)
        )
    odd: list[str] = []
    cell_type = _cell_type(node, odd)
    source = _source(node, odd)
    if cell_type != "code":
        return Cell(
            index=index,
            cell_id=cell_id,
            cell_type=cell_type,
            source=source,
            outputs=tuple(_images(node, source)) if cell_type == "markdown" else (),
            oddities=tuple(odd),
        )
    return Cell(
        index=index,
        cell_id=cell_id,
        cell_type=cell_type,
        source=source,
        execution_count=_count(node.get("execution_count"), odd),
        outputs=tuple(_outputs(node, odd)),
        oddities=tuple(odd),
    )


def _images(node: dict[str, Json], source: str) -> Iterator[Output]:
    """The images of a cell of text: attached to it, or embedded in its source."""
    attachments = node.get("attachments")
    for bundle in attachments.values() if isinstance(attachments, dict) else ():
        if isinstance(bundle, dict):
            images = {name: value for name, value in bundle.items() if name.startswith("image/")}
            if images:
                yield Display(data={name: _joined(value) for name, value in images.items()})
    for picture in embedded(source):
        yield Display(data={picture.mime_type: picture.value})


def _joined(value: Json) -> Json:
    return "".join(map(str, value)) if isinstance(value, list) else value


def _cell_type(node: dict[str, Json], odd: list[str]) -> CellType:
    kind = node.get("cell_type")
    for cell_type in CELL_TYPES:
        if kind == cell_type:
            return cell_type
    if kind == HEADING:
        return "markdown"
    odd.append(f"type {str(kind)[:50]!r}")
    return "code" if "outputs" in node else "raw"


def _source(node: dict[str, Json], odd: list[str]) -> str:
    value = node.get("source")
    source = ""
    if isinstance(value, str):
        source = value
    elif isinstance(value, list):
        lines = [line for line in value if isinstance(line, str)]
        if len(lines) < len(value):
            odd.append("parts of its source are not text")
        source = "".join(lines)
    else:
        odd.append("no source")
    if node.get("cell_type") != HEADING:
        return source
    level = integer(node.get("level")) or 1
    return f"{'#' * min(max(level, 1), _MAX_LEVEL)} {source}"


def _count(value: Json, odd: list[str]) -> int | None:
    if value is None:
        return None
    count = count_of(value)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        odd.append("its execution_count is text")
        return int(value)
    if count is None:
        odd.append("its execution_count is not a number")
        return None
    return count


def _outputs(node: dict[str, Json], odd: list[str]) -> Iterator[Output]:
    outputs = node.get("outputs")
    if not isinstance(outputs, list):
        odd.append("no list of outputs")
        return
    for output in outputs:
        yield _output(output, odd)


def _output(node: Json, odd: list[str]) -> Output:
    kind = node.get("output_type") if isinstance(node, dict) else None
    if not isinstance(node, dict) or not isinstance(kind, str):
        odd.append("an output without a type")
        return Display(data={"text/plain": "[output without a type]"})
    # A later nbformat may know more kinds; the place of one is kept, and its name.
    if is_deep(node.get("data")):
        odd.append("an output that is nested too deeply")
        return Display(data={"text/plain": f"[output that is nested over {MAX_DEPTH} deep]"})
    output = from_nbformat(node)
    if output is None:
        return Display(data={"text/plain": f"[output of the type {kind[:50]}]"})
    return output


def stored_id(node: Json) -> str | None:
    """The id that a cell has in its file; None if it is none that nbformat allows."""
    cell_id = node.get("id") if isinstance(node, dict) else None
    return cell_id if isinstance(cell_id, str) and is_cell_id(cell_id) else None


def is_cell_id(value: str) -> bool:
    """Whether nbformat allows it as the id of a cell."""
    return _CELL_ID.fullmatch(value) is not None
