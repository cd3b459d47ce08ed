"""The cell that a reference names for a change: stricter than what a reader may write. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from jupyter_mcp_ext.errors import InvalidArgument, ToolError
from jupyter_mcp_ext.notebooks.draft import Draft
from jupyter_mcp_ext.notebooks.handles import (
    HANDLE,
    NUMBERS,
    POSITION,
    SHORTEST,
    short_ids,
    source_hash,
)
from jupyter_mcp_ext.notebooks.reading.cells import Cell
from jupyter_mcp_ext.outputs.characters import visible

MAX_SHOWN = 3_000
"""Characters of a source that a refusal repeats."""


class StaleHandle(ToolError):
    """The cell's source is no longer the one that the caller has read."""


def handle_of(draft: Draft, index: int) -> str:
    """The handle of a cell as it is now."""
    return handles_of(draft, [draft.cell(index)])[0]


def handles_of(draft: Draft, cells: Sequence[Cell]) -> list[str]:
    """The handles of cells of a draft."""
    ids = {cell.index: draft.ids[cell.index] for cell in cells}
    names = short_ids(draft.ids, of=ids.values())  # looks at all cells, so not once for each
    return [f"{names[ids[cell.index]]}@{source_hash(cell.source)}" for cell in cells]


def target(draft: Draft, reference: str | int, *, needs_hash: bool) -> int:
    """The index of the cell that a reference names.

    ``needs_hash`` for a change that would go over a source that the caller has not seen: then only
    a handle names a cell. Raises InvalidArgument, and StaleHandle for a handle whose source has
    changed.
    """
    words = str(reference).strip()
    if is_number(draft, reference):
        raise InvalidArgument(_index_words(draft, words))
    handle = HANDLE.fullmatch(words)
    name = handle["name"] if handle else words
    wanted = handle["hash"] if handle else None
    if position := POSITION.fullmatch(name):
        return _at_position(draft, int(position[1]), wanted)
    index = _named(draft, name)
    if wanted is None and needs_hash:
        msg = (
            f"{words[:80]} is no handle, so it does not tell which source was read. "
            f"{_now(draft, index)}"
        )
        raise InvalidArgument(msg)
    _check(draft, index, wanted)
    return index


def is_number(draft: Draft, reference: str | int) -> bool:
    """Whether a reference is an index, or some, and not the id of a cell that looks like one."""
    if isinstance(reference, int):
        return True
    words = reference.strip()
    is_long = len(words) >= SHORTEST
    return NUMBERS.fullmatch(words) is not None and not any(
        one == words or (is_long and one.startswith(words)) for one in draft.ids
    )


def targets(draft: Draft, references: Iterable[str | int], *, needs_hash: bool) -> list[int]:
    """The indices of several cells, ascending, each once."""
    return sorted({target(draft, one, needs_hash=needs_hash) for one in references})


def _named(draft: Draft, name: str) -> int:
    if name in draft.ids:
        return draft.ids.index(name)
    found = [n for n, cell_id in enumerate(draft.ids) if name and cell_id.startswith(name)]
    if len(found) == 1:
        return found[0]
    if found:
        handles = ", ".join(handle_of(draft, n) for n in found[:5])
        msg = f"{name[:80]} begins the ids of {len(found)} cells: {handles}. Give more of the id."
        raise InvalidArgument(msg)
    if not name:
        msg = "A cell's handle is empty. Give one that read_notebook shows."
        raise InvalidArgument(msg)
    msg = (
        f"The notebook has no cell {visible(name[:80])!r} among its {len(draft.ids)}: it may have "
        'been deleted. read_notebook with view="outline" lists the handles.'
    )
    raise InvalidArgument(msg)


def _at_position(draft: Draft, position: int, wanted: str | None) -> int:
    """A cell without a stored id is named by its place and its source together."""
    is_there = position < len(draft.ids)
    if wanted and is_there and source_hash(draft.cell(position).source) == wanted:
        return position
    what = "has changed" if wanted else "is no handle without the hash that was shown"
    msg = f"#{position} {what}, so no cell is changed. Read the notebook again."
    raise StaleHandle(msg)


def _check(draft: Draft, index: int, wanted: str | None) -> None:
    if wanted is not None and source_hash(draft.cell(index).source) != wanted:
        msg = f"The cell was changed since it was read. {_now(draft, index)}"
        raise StaleHandle(msg)


def _now(draft: Draft, index: int) -> str:
    source = draft.cell(index).source
    rest = f"\n… {len(source) - MAX_SHOWN:,} more characters" if len(source) > MAX_SHOWN else ""
    return (
        f"Use its handle {handle_of(draft, index)} for this source, which it has now:\n"
        f"{visible(source[:MAX_SHOWN])}{rest}"
    )


def _index_words(draft: Draft, words: str) -> str:
    known: Sequence[str] = ()
    if words.isdecimal() and len(words) < SHORTEST and int(words) < len(draft.ids):
        known = (handle_of(draft, int(words)),)
    which = f"Cell {words} is {known[0]} now. " if known else ""
    return (
        f"An index may mean another cell by now, so none changes a notebook. {which}"
        "Give the handle that read_notebook shows."
    )
