"""What an edit has done to single cells, so that it can be taken back. Pure.

A step is taken back only where the cell still is as the step left it: what a person has done since
stays. Steps name cells by id, so they hold wherever the notebook is and wherever its cells move.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import ClassVar, TypeAlias, cast

from jupyter_mcp_ext.errors import ContentsError
from jupyter_mcp_ext.files.edits import compared
from jupyter_mcp_ext.notebooks.cells import CellType
from jupyter_mcp_ext.notebooks.draft import CellNode, Draft
from jupyter_mcp_ext.outputs.model import Json

from .targets import handle_of


@dataclass(frozen=True, kw_only=True)
class Inserted:
    """A cell was inserted."""

    kind: ClassVar[str] = "inserted"
    cell_id: str
    source: str

    def is_as_left(self, draft: Draft) -> bool:
        return _source(draft, self.cell_id) == self.source

    def take_back(self, draft: Draft) -> None:
        draft.remove(draft.ids.index(self.cell_id))


@dataclass(frozen=True, kw_only=True)
class Removed:
    """A cell was removed; ``after`` is the id of the cell before it, empty at the start."""

    kind: ClassVar[str] = "removed"
    cell_id: str
    node: CellNode
    after: str
    index: int

    def is_as_left(self, draft: Draft) -> bool:
        return self.cell_id not in draft.ids

    def take_back(self, draft: Draft) -> None:
        draft.insert(_place_after(draft, self.after, self.index), [self.node])


@dataclass(frozen=True, kw_only=True)
class Rewritten:
    """A cell was given another source or another type."""

    kind: ClassVar[str] = "rewritten"
    cell_id: str
    before: str
    source: str
    type_before: CellType
    cell_type: CellType
    lost: Mapping[str, Json] = field(default_factory=dict)
    """The fields of its node that have gone or changed with its type."""

    def is_as_left(self, draft: Draft) -> bool:
        if self.cell_id not in draft.ids:
            return False
        cell = draft.cell(draft.ids.index(self.cell_id))
        return (cell.source, cell.cell_type) == (self.source, self.cell_type)

    def take_back(self, draft: Draft) -> None:
        index = draft.ids.index(self.cell_id)
        if self.lost:
            draft.set_type(index, self.type_before, self.lost)
        if draft.cell(index).source != self.before:
            draft.set_source(index, self.before)


@dataclass(frozen=True, kw_only=True)
class Moved:
    """A cell was moved from behind one cell to behind another; empty ids are the start."""

    kind: ClassVar[str] = "moved"
    cell_id: str
    from_after: str
    index: int
    to_after: str

    def is_as_left(self, draft: Draft) -> bool:
        return self.cell_id in draft.ids and before(draft, self.cell_id) == self.to_after

    def take_back(self, draft: Draft) -> None:
        index = draft.ids.index(self.cell_id)
        to = _place_after(draft, self.from_after, self.index)
        draft.move(index, to - (to > index))


@dataclass(frozen=True, kw_only=True)
class Cleared:
    """The outputs of a cell were removed, with when it ran."""

    kind: ClassVar[str] = "cleared"
    cell_id: str
    outputs: Sequence[Mapping[str, Json]]
    count: int | None
    timing: Mapping[str, str] = field(default_factory=dict)

    def is_as_left(self, draft: Draft) -> bool:
        if self.cell_id not in draft.ids:
            return False
        cell = draft.cell(draft.ids.index(self.cell_id))
        return cell.cell_type == "code" and not cell.outputs and cell.execution_count is None

    def take_back(self, draft: Draft) -> None:
        index = draft.ids.index(self.cell_id)
        draft.set_outputs(index, self.outputs, start=0)
        draft.set_count(index, self.count)
        draft.set_timing(index, self.timing or None)


Step: TypeAlias = Inserted | Removed | Rewritten | Moved | Cleared

_KINDS = {step.kind: step for step in (Inserted, Removed, Rewritten, Moved, Cleared)}


def take_back(draft: Draft, steps: Sequence[Step]) -> None:
    """Take an edit back, its last step first; nothing if a cell is not as the edit left it.

    Raises ContentsError, which says of which cell that is.
    """
    for step in steps:
        if not step.is_as_left(draft):
            raise ContentsError(_not_as_left(draft, step))
    for step in reversed(steps):
        step.take_back(draft)


def _not_as_left(draft: Draft, step: Step) -> str:
    """What has become of a cell since the edit that cannot be taken back."""
    name = step.cell_id[:8]
    if isinstance(step, Removed):
        return f"The cell {name} is in the notebook again, so its deletion is not taken back."
    if step.cell_id not in draft.ids:
        return f"The cell {name} was deleted since, so the edit is not taken back. Insert a cell."
    handle = handle_of(draft, draft.ids.index(step.cell_id))
    if isinstance(step, Moved):
        return f"The cell {handle} has another cell above it now, so it stays. Move it by handle."
    if isinstance(step, Cleared):
        return f"The cell {handle} was run since, so its old outputs are not put back. Keep it."
    now = draft.cell(draft.ids.index(step.cell_id))
    what, diff = f"is a {now.cell_type} cell now", "."
    if now.source != step.source:
        what, diff = "was changed since", f":\n{compared(step.source, now.source)}"
    return f"The cell {handle} {what}, so the edit is not taken back. Edit it as it is now{diff}"


def sources(draft: Draft) -> dict[str, str]:
    """The sources of all cells by their ids."""
    return {cell_id: draft.cell(index).source for index, cell_id in enumerate(draft.ids)}


def is_gone(steps: Sequence[Step], found: Mapping[str, str]) -> bool:
    """Whether the cells that an edit has left, or removed, are no longer so."""
    return any(
        step.cell_id in found
        if isinstance(step, Removed)
        else isinstance(step, Inserted | Rewritten) and found.get(step.cell_id) != step.source
        for step in steps
    )


def before(draft: Draft, cell_id: str) -> str:
    """The id of the cell before one; empty if it is the first."""
    index = draft.ids.index(cell_id)
    return draft.ids[index - 1] if index else ""


def as_json(step: Step) -> dict[str, Json]:
    """A step as the journal has it."""
    return {"kind": step.kind, **cast("dict[str, Json]", asdict(step))}


def from_json(found: Mapping[str, Json]) -> Step:
    """The step that `as_json` has written. Raises KeyError and TypeError for anything else."""
    fields = {name: value for name, value in found.items() if name != "kind"}
    return _KINDS[str(found["kind"])](**fields)  # type: ignore[arg-type]


def _source(draft: Draft, cell_id: str) -> str | None:
    if cell_id not in draft.ids:
        return None
    return draft.cell(draft.ids.index(cell_id)).source


def _place_after(draft: Draft, cell_id: str, index: int) -> int:
    """The index behind a cell, or the one given if that cell is gone."""
    if not cell_id:
        return 0
    if cell_id in draft.ids:
        return draft.ids.index(cell_id) + 1
    return min(index, len(draft.ids))
