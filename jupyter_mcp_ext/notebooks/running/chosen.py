"""The cells that a run is asked for. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jupyter_mcp_ext.errors import InvalidArgument
from jupyter_mcp_ext.notebooks.editing.targets import is_number, target
from jupyter_mcp_ext.notebooks.handles import INDICES, short_ids, source_hash
from jupyter_mcp_ext.notebooks.reading.cells import read_cell

if TYPE_CHECKING:
    from jupyter_mcp_ext.notebooks.cells import CellType
    from jupyter_mcp_ext.notebooks.draft import CellNode, Draft, Mark

SKIP = "skip-execution"
MAY_RAISE = "raises-exception"


@dataclass(frozen=True, kw_only=True)
class ChosenCell:
    """A cell that a run is asked for, as it is now."""

    cell_id: str
    index: int
    handle: str
    cell_type: CellType
    source: str
    mark: Mark
    tags: frozenset[str] = frozenset()

    @property
    def is_run(self) -> bool:
        """Whether it is executed: it has code, and no tag that says otherwise."""
        return self.cell_type == "code" and SKIP not in self.tags and bool(self.source.strip())

    @property
    def passed_over(self) -> str:
        """Why it is not executed, in words; empty if it is."""
        if self.is_run:
            return ""
        if self.cell_type != "code":
            return self.cell_type
        return f"tagged {SKIP}" if SKIP in self.tags else "empty"


def choose(draft: Draft, references: Sequence[str | int] | None) -> tuple[ChosenCell, ...]:
    """The cells that handles, ids and ranges of indices name, in their order; None is all.

    Raises InvalidArgument, and StaleHandle for a handle whose source has changed.
    """
    if not draft.ids:
        msg = "The notebook has no cells. insert_cells adds some."
        raise InvalidArgument(msg)
    if references == []:
        msg = "cells is empty, so nothing is run. Give handles or a range, or leave it out for all."
        raise InvalidArgument(msg)
    if references is None:
        indices: Sequence[int] = range(len(draft.ids))
    else:
        indices = sorted({index for one in references for index in _indices(draft, one)})
    names = short_ids(draft.ids, of=[draft.ids[index] for index in indices])
    return tuple(
        chosen(
            draft.bare(index), index, draft.ids[index], names[draft.ids[index]], draft.mark(index)
        )
        for index in indices
    )


def chosen(node: CellNode, index: int, cell_id: str, name: str, mark: Mark) -> ChosenCell:
    """A cell as it is in a notebook, outputs apart; ``name`` is the short form of its id."""
    cell = read_cell({**node, "outputs": []}, index, cell_id)
    return ChosenCell(
        cell_id=cell_id,
        index=index,
        handle=f"{name}@{source_hash(cell.source)}",
        cell_type=cell.cell_type,
        source=cell.source,
        mark=mark,
        tags=_tags(node) if cell.cell_type == "code" else frozenset(),
    )


def _tags(node: CellNode) -> frozenset[str]:
    metadata = node.get("metadata")
    tags = metadata.get("tags") if isinstance(metadata, dict) else None
    return (
        frozenset(tag for tag in tags if isinstance(tag, str))
        if isinstance(tags, list)
        else frozenset()
    )


def _indices(draft: Draft, reference: str | int) -> Sequence[int]:
    words = str(reference).strip()
    if words.isdecimal() or not is_number(draft, reference):
        return (target(draft, reference, needs_hash=False),)
    span = INDICES.fullmatch(words)
    if span is not None and span[2] and int(span[1]) <= int(span[2]) < len(draft.ids):
        return range(int(span[1]), int(span[2]) + 1)
    last = len(draft.ids) - 1
    msg = (
        f"{words[:80]} is no range of this notebook, whose cells are 0 to {last}. Give one like "
        f"0-{last}."
    )
    raise InvalidArgument(msg)
