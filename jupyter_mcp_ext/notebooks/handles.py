"""Cell handles: names of cells that also tell which source the caller has read.

``ab12cd34@9d1e0f`` is a unique beginning of the cell's id and a hash of its source;
``#7@9d1e0f`` is a position, for cells whose file stores no id.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, pairwise, takewhile

from jupyter_mcp_ext.errors import InvalidArgument
from jupyter_mcp_ext.notebooks.reading.cells import Cell
from jupyter_mcp_ext.outputs.characters import visible

SHORTEST = 8
"""Characters of an id that a handle has at least; fewer digits may be an index."""

HANDLE = re.compile(r"(?P<name>.+)@(?P<hash>[0-9a-f]{6})")
POSITION = re.compile(r"#(\d{1,9})")
INDICES = re.compile(r"(\d{1,9})(?:\s*-\s*(\d{1,9}))?")
NUMBERS = re.compile(r"[-+]?\d[\d\s.,:-]*")
"""What can only be meant as an index or some of them, such as ``-1``, ``3-`` or ``0:2``."""


def handles(cells: Sequence[Cell]) -> tuple[str, ...]:
    """The handle of each cell of a whole notebook."""
    names = short_ids(cell.cell_id for cell in cells if cell.cell_id is not None)
    return tuple(
        (f"#{cell.index}" if cell.cell_id is None else names[cell.cell_id])
        + f"@{source_hash(cell.source)}"
        for cell in cells
    )


def source_hash(source: str) -> str:
    """Six hex digits that change with the source."""
    # A file may hold a lone surrogate, which UTF-8 cannot encode.
    return hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()[:6]


def select(cells: Sequence[Cell], references: Iterable[str | int]) -> tuple[int, ...]:
    """The indices, ascending, of the cells that a reader's references name.

    A reference is a handle, an id, the beginning of an id, an index from 0 or a range of indices
    like ``"3-7"``. A handle whose source has changed still names its cell: a reader wants to see
    it as it is now.
    """
    found: set[int] = set()
    unknown: list[str] = []
    for reference in references:
        indices = _find(cells, reference)
        found.update(indices)
        if not indices:
            text = visible(str(reference)[:80])
            unknown.append(text if isinstance(reference, int) else repr(text))
    if unknown:
        names = ", ".join(unknown[:5]) + (" and others" if len(unknown) > 5 else "")
        indices_known = f" (0 to {len(cells) - 1})" if cells else ""
        msg = (
            f"The notebook has {len(cells)} cells{indices_known} and none that {names} names. "
            'read_notebook with view="outline" lists their handles.'
        )
        raise InvalidArgument(msg)
    return tuple(sorted(found))


def _find(cells: Sequence[Cell], reference: str | int) -> Sequence[int]:
    if isinstance(reference, int):
        return _span(cells, reference, reference)
    reference = reference.strip()
    handle = HANDLE.fullmatch(reference)
    name = handle["name"] if handle else reference
    # An id in the file is an id, even if it looks like an index.
    for cell in cells:
        if cell.cell_id == name:
            return (cell.index,)
    if position := POSITION.fullmatch(name):
        return _at_position(cells, int(position[1]), handle["hash"] if handle else None)
    matches = [c for c in cells if name and c.cell_id is not None and c.cell_id.startswith(name)]
    is_id = matches and len(name) >= SHORTEST
    if handle is None and not is_id and (indices := INDICES.fullmatch(name)):
        return _span(cells, int(indices[1]), int(indices[2] or indices[1]))
    if len(matches) > 1:
        every = handles(cells)
        names = ", ".join(every[cell.index] for cell in matches[:5])
        msg = f"{name[:80]} begins the ids of {len(matches)} cells: {names}. Give more of the id."
        raise InvalidArgument(msg)
    return [cell.index for cell in matches]


def _span(cells: Sequence[Cell], first: int, last: int) -> Sequence[int]:
    """The range; its end may be past the last cell."""
    return range(first, min(last + 1, len(cells))) if 0 <= first < len(cells) else ()


def _at_position(cells: Sequence[Cell], position: int, source: str | None) -> Sequence[int]:
    """The cell at that position, or the one with the handle's source if cells have moved."""
    here = _span(cells, position, position)
    if source is None or (here and source_hash(cells[position].source) == source):
        return here
    moved = [c.index for c in cells if c.cell_id is None and source_hash(c.source) == source]
    return moved if len(moved) == 1 else here


def short_ids(ids: Iterable[str], of: Iterable[str] | None = None) -> dict[str, str]:
    """For each id, its shortest unique beginning of eight characters or more.

    ``of`` are those for which it is wanted, if not for all: in a long notebook that is quicker.
    """
    known = set(ids)
    if of is not None:
        starts = {cell_id[:SHORTEST] for cell_id in of}
        known = {cell_id for cell_id in known if cell_id[:SHORTEST] in starts}
    return {cell_id: cell_id[:length] for cell_id, length in _unique_lengths(sorted(known))}


def _unique_lengths(ordered: list[str]) -> Iterator[tuple[str, int]]:
    shared = [_shared_length(one, other) for one, other in pairwise(ordered)]
    # In sorted order, no other id shares more with an id than its two neighbours do.
    neighbours = zip(chain([0], shared), chain(shared, [0]), strict=True)
    for cell_id, (before, after) in zip(ordered, neighbours, strict=False):
        yield cell_id, max(SHORTEST, before + 1, after + 1)


def _shared_length(one: str, other: str) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
