"""Edits of a notebook's cells: functions that change a draft in one step. No I/O.

Each checks everything first, and raises before it has changed anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from jupyter_mcp_ext.errors import ContentsError, InvalidArgument
from jupyter_mcp_ext.files import edits as texts
from jupyter_mcp_ext.notebooks.cells import CellType, NewCell
from jupyter_mcp_ext.notebooks.draft import CellNode, Draft
from jupyter_mcp_ext.notebooks.reading.document import fresh_ids, new_node
from jupyter_mcp_ext.notebooks.saved.draft import MINOR, FileDraft
from jupyter_mcp_ext.outputs.model import Json
from jupyter_mcp_ext.wording import counted

from .steps import Cleared, Inserted, Moved, Removed, Rewritten, Step, before, typed_in
from .targets import handle_of, handles_of, target, targets

START = "start"
"""The place before the first cell, where an argument names the cell before."""

END = "end"
"""The place behind the last cell."""

MAX_CELLS = 1_000
"""Cells that one edit names or inserts."""

MAX_SOURCE = 5_000_000
"""Characters of a source that an edit may give a cell."""


_GONE = object()


@dataclass(frozen=True, kw_only=True)
class EditedCell:
    """Where a cell now stands."""

    handle: str
    cell_id: str
    index: int
    cell_type: CellType


@dataclass(frozen=True, kw_only=True)
class Edited:
    """What an edit has done."""

    done: str
    """The beginning of a sentence that says it, like ``Inserted 2 cells in``."""
    cells: tuple[EditedCell, ...]
    """The cells that were inserted or changed, as they are now."""
    steps: tuple[Step, ...]
    diff: str = ""
    how: str = ""
    """What the comparison with ``old_string`` ignored; empty when it matched exactly."""
    passed: tuple[str, ...] = ()
    """Why some cells were left as they are."""


def insert(draft: Draft, cells: Sequence[NewCell], after: str | None) -> Edited:
    """Insert cells behind one, at the start, or at the end. Raises InvalidArgument."""
    if not cells:
        msg = "cells is empty, so nothing is inserted. Give at least one source."
        raise InvalidArgument(msg)
    _check_count(len(cells))
    for cell in cells:
        _check_size(cell.source)
    at = _place(draft, after)
    ids = fresh_ids(draft.ids)
    nodes = [new_node(cell, next(ids)) for cell in cells]
    draft.insert(at, nodes)
    places = range(at, at + len(nodes))
    return Edited(
        done=f"Inserted {counted(len(nodes), 'cell')} in",
        cells=_described(draft, places),
        steps=tuple(Inserted(cell_id=draft.ids[n], source=draft.cell(n).source) for n in places),
    )


def rewrite(
    draft: Draft,
    reference: str | int,
    *,
    source: str | None = None,
    old: str | None = None,
    new: str | None = None,
    cell_type: CellType | None = None,
) -> Edited:
    """Change a cell's source, in part or as a whole, and its type.

    Raises InvalidArgument, StaleHandle and ContentsError.
    """
    if source is not None and not old and not new:
        old = new = None  # some clients send empty texts for what is left out
    _check_arguments(source, old, new, cell_type)
    index = target(draft, reference, needs_hash=old is None)
    cell = draft.cell(index)
    after, how = cell.source if source is None else source, ""
    if old is not None:
        named = _named(draft, index)
        edit = texts.replace(cell.source, old, new or "", replace_all=False, named=named)
        after, how = edit.text, edit.how
    _check_size(after)
    kind = cell_type or cell.cell_type
    if (after, kind) == (cell.source, cell.cell_type):
        msg = "The cell has this source and type already, so nothing was changed. Give another."
        raise InvalidArgument(msg)
    if kind != cell.cell_type and (who := draft.person(index)):
        raise ContentsError(typed_in(draft, index, who, "changed"))
    step = _rewritten(draft, index, after, kind)
    return Edited(
        done="Edited a cell in",
        cells=_described(draft, [index]),
        steps=(step,),
        diff=texts.compared(cell.source, after) if after != cell.source else "",
        how=how,
    )


def _rewritten(draft: Draft, index: int, source: str, cell_type: CellType) -> Rewritten:
    cell = draft.cell(index)
    # The type in the notebook may be one that is shown as another, and changes with the source.
    node = draft.node(index) if draft.bare(index).get("cell_type") != cell_type else None
    if cell_type != cell.cell_type:
        draft.set_type(index, cell_type)
    if source != cell.source:
        draft.set_source(index, source)
    return Rewritten(
        cell_id=draft.ids[index],
        before=cell.source,
        source=draft.cell(index).source,
        type_before=cell.cell_type,
        cell_type=cell_type,
        lost={} if node is None else _lost(node, draft.node(index)),
    )


def _lost(before: CellNode, after: CellNode) -> dict[str, Json]:
    """The fields that a cell no longer has so, if its type is among them."""
    if before["cell_type"] == after["cell_type"]:
        return {}
    return {key: value for key, value in before.items() if after.get(key, _GONE) != value}


def delete(draft: Draft, references: Sequence[str | int]) -> Edited:
    """Delete cells that are as the caller has read them. Raises InvalidArgument, StaleHandle."""
    found = _some(draft, references, needs_hash=True)
    passed = [typed_in(draft, n, who, "deleted") for n in found if (who := draft.person(n))]
    if passed:
        raise ContentsError(passed[0])
    steps: list[Step] = []
    for index in reversed(found):
        cell_id = draft.ids[index]
        above = before(draft, index)
        steps.append(Removed(cell_id=cell_id, node=draft.node(index), after=above, index=index))
        draft.remove(index)
    return Edited(done=f"Deleted {counted(len(steps), 'cell')} from", cells=(), steps=tuple(steps))


def move(draft: Draft, references: Sequence[str | int], after: str) -> Edited:
    """Move cells, in their order, behind another; one in which a person types stays where it is."""
    found = _some(draft, references, needs_hash=False)
    ids = [draft.ids[index] for index in found]
    goal = _goal(draft, after, ids)
    if goal in ids:
        msg = "A cell cannot be moved behind itself. Name another cell in after."
        raise InvalidArgument(msg)
    steps: list[Step] = []
    passed: list[str] = []
    for cell_id in ids:
        index = draft.ids.index(cell_id)
        above = before(draft, index)
        if above == goal:
            goal = cell_id
            continue
        if who := draft.person(index):
            passed.append(typed_in(draft, index, who, "moved"))
            continue
        to = draft.ids.index(goal) + 1 if goal else 0
        draft.move(index, to - (to > index))
        steps.append(Moved(cell_id=cell_id, from_after=above, index=index, to_after=goal))
        goal = cell_id
    moved = [draft.ids.index(cell_id) for cell_id in ids]
    return Edited(
        done=f"Moved {counted(len(steps), 'cell')} in" if steps else "No cell was moved in",
        cells=_described(draft, moved),
        steps=tuple(steps),
        passed=tuple(passed),
    )


def clear(draft: Draft, references: Sequence[str | int] | None) -> Edited:
    """Remove the outputs of some code cells, or of all."""
    found: Sequence[int] = range(len(draft.ids))
    if references is not None:
        found = _some(draft, references, needs_hash=False)
    steps: list[Step] = []
    cleared: list[int] = []
    for index in found:
        mark = draft.mark(index)
        if mark.cell_type != "code" or (not mark.outputs and mark.count is None):
            continue
        steps.append(as_before(draft, index))
        cleared.append(index)
        draft.set_outputs(index, [], start=0)
        draft.set_count(index, None)
        draft.set_timing(index, None)
    return Edited(
        done=f"Cleared {counted(len(steps), 'cell')} in" if steps else "No outputs to clear in",
        cells=_described(draft, cleared),
        steps=tuple(steps),
    )


def as_before(draft: Draft, index: int) -> Cleared:
    """The step that puts back what a code cell has now, once it was cleared."""
    node = draft.node(index)
    return Cleared(
        cell_id=draft.ids[index],
        outputs=_outputs(node),
        count=draft.mark(index).count,
        timing=_timing(node),
    )


def rehearse(draft: Draft, edit: Callable[[Draft], Edited]) -> None:
    """Make an edit in a copy without outputs. Raises what the edit would raise."""
    cells = [{**draft.bare(index), "id": one} for index, one in enumerate(draft.ids)]
    edit(FileDraft({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": MINOR}))


def _place(draft: Draft, after: str | None) -> int:
    place = (after or "").strip().lower()
    if place in {"", END}:
        return len(draft.ids)
    return 0 if place == START else target(draft, after or "", needs_hash=False) + 1


def _goal(draft: Draft, after: str, moved: Sequence[str]) -> str:
    """The id of the cell behind which cells are moved; empty for the start."""
    place = after.strip().lower()
    if place == END:
        return next((one for one in reversed(draft.ids) if one not in moved), "")
    return "" if place == START else draft.ids[target(draft, after, needs_hash=False)]


def _check_arguments(
    source: str | None, old: str | None, new: str | None, cell_type: CellType | None
) -> None:
    if source is not None and old is not None:
        msg = "source and old_string are both given. Give a whole source, or a part to be replaced."
        raise InvalidArgument(msg)
    if (old is None) != (new is None):
        msg = "old_string and new_string belong together. Give both, or a whole source."
        raise InvalidArgument(msg)
    if source is None and old is None and cell_type is None:
        msg = "Nothing is to be changed. Give old_string and new_string, source, or cell_type."
        raise InvalidArgument(msg)


def _check_size(source: str) -> None:
    if len(source) > MAX_SOURCE:
        msg = (
            f"A source of {len(source):,} characters is too long for a cell. Write the text to a "
            "file (write_file) and read it in the cell."
        )
        raise InvalidArgument(msg)


def _check_count(count: int) -> None:
    if count > MAX_CELLS:
        msg = f"{count:,} cells are too many for one edit. Give at most {MAX_CELLS:,} at a time."
        raise InvalidArgument(msg)


def _some(draft: Draft, references: Sequence[str | int], *, needs_hash: bool) -> list[int]:
    """The indices of the cells that references name, which are some."""
    if not references:
        msg = "cells is empty, so nothing is done. Give the handles of the cells."
        raise InvalidArgument(msg)
    _check_count(len(references))
    return targets(draft, references, needs_hash=needs_hash)


def _named(draft: Draft, index: int) -> texts.Named:
    return texts.Named(
        name=f"cell {handle_of(draft, index)}",
        shown_by="read_notebook",
        whole="source replaces all of it",
        every="",
    )


def _outputs(node: CellNode) -> list[Mapping[str, Json]]:
    outputs = node.get("outputs")
    return [one for one in outputs if isinstance(one, dict)] if isinstance(outputs, list) else []


def _timing(node: CellNode) -> dict[str, str]:
    metadata = node.get("metadata")
    timing = metadata.get("execution") if isinstance(metadata, dict) else None
    return {k: str(v) for k, v in timing.items()} if isinstance(timing, dict) else {}


def _described(draft: Draft, indices: Iterable[int]) -> tuple[EditedCell, ...]:
    cells = [draft.cell(index) for index in indices]
    return tuple(
        EditedCell(
            handle=handle,
            cell_id=draft.ids[cell.index],
            index=cell.index,
            cell_type=cell.cell_type,
        )
        for cell, handle in zip(cells, handles_of(draft, cells), strict=True)
    )
