"""The cells of a new notebook, as they come in an argument."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from jupyter_mcp_ext.errors import InvalidArgument
from jupyter_mcp_ext.outputs.model import Json

CellType: TypeAlias = Literal["code", "markdown", "raw"]

CELL_TYPES: tuple[CellType, ...] = get_args(CellType)

_EXAMPLE = 'Give a source string or {"cell_type": "code", "source": "…"}.'
_EMPTY_OF_NBFORMAT = frozenset({"id", "metadata", "outputs", "execution_count", "attachments"})


@dataclass(frozen=True, kw_only=True)
class NewCell:
    """A cell to be made."""

    cell_type: CellType = "code"
    source: str


def parse_cells(value: Json) -> tuple[NewCell, ...]:
    """The cells of an argument: a list of source strings and of objects, or one of either."""
    match value:
        case None:
            return ()
        case str() | dict():
            return (_parse_cell(value, 0),)
        case list():
            return tuple(_parse_cell(item, position) for position, item in enumerate(value))
        case _:
            msg = f"cells is neither a list nor a cell. {_EXAMPLE}"
            raise InvalidArgument(msg)


def _parse_cell(value: Json, position: int) -> NewCell:
    match value:
        case str():
            return NewCell(source=_encodable(value, position))
        case dict():
            return _parse_object(value, position)
        case _:
            msg = f"cells[{position}] is neither a string nor an object. {_EXAMPLE}"
            raise InvalidArgument(msg)


def _parse_object(value: dict[str, Json], position: int) -> NewCell:
    # A cell copied from a notebook file brings nbformat's other fields; empty ones say nothing.
    unknown = [
        key
        for key, content in value.items()
        if key not in {"cell_type", "type", "source"}
        and not (key in _EMPTY_OF_NBFORMAT and not content)
    ]
    if unknown:
        names = ", ".join(repr(key[:50]) for key in unknown[:5])
        msg = f"cells[{position}] has {names}, which a new cell cannot have. {_EXAMPLE}"
        raise InvalidArgument(msg)
    kind = value.get("cell_type", value.get("type", "code"))
    if value.get("type", kind) != kind:
        msg = f"cells[{position}] has two types. {_EXAMPLE}"
        raise InvalidArgument(msg)
    for cell_type in CELL_TYPES:
        if kind == cell_type:
            return NewCell(cell_type=cell_type, source=_parse_source(value.get("source"), position))
    msg = f"cells[{position}] has the type {str(kind)[:50]!r}; types are {', '.join(CELL_TYPES)}."
    raise InvalidArgument(msg)


def _parse_source(value: Json, position: int) -> str:
    match value:
        case str():
            return _encodable(value, position)
        case list() if all(isinstance(line, str) for line in value):
            lines = [str(line) for line in value]
            # nbformat keeps each line with its end; a list written by hand has none.
            has_ends = any(line.endswith("\n") for line in lines)
            return _encodable(("" if has_ends else "\n").join(lines), position)
        case None:
            msg = f"cells[{position}] has no source. {_EXAMPLE}"
            raise InvalidArgument(msg)
        case _:
            msg = f"The source of cells[{position}] is neither text nor a list of lines. {_EXAMPLE}"
            raise InvalidArgument(msg)


def _encodable(source: str, position: int) -> str:
    try:
        source.encode()
    except UnicodeEncodeError as err:
        msg = f"The source of cells[{position}] is not valid Unicode. Send it again as UTF-8 text."
        raise InvalidArgument(msg) from err
    return source
