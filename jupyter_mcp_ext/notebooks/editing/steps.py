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

    def is_as_left(self, draft: Draft, at: int | None) -> bool:
        return at is not None and draft.cell(at).source == self.source

    def take_back(self, draft: Draft, at: int) -> None:
        draft.remove(at)


@dataclass(frozen=True, kw_only=True)
class Removed:
    """A cell was removed; ``after`` is the id of the cell before it, empty at the start."""

    kind: ClassVar[str] = "removed"
    cell_id: str
    node: CellNode
    after: str
    index: int

    def is_as_left(self, draft: Draft, at: int | None) -> bool:
        return at is None

    def take_back(self, draft: Draft, at: int) -> None:
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

    def is_as_left(self, draft: Draft, at: int | None) -> bool:
        if at is None:
            return False
        cell = draft.cell(at)
        return (cell.source, cell.cell_type) == (self.source, self.cell_type)

    def take_back(self, draft: Draft, at: int) -> None:
        if self.lost:
            draft.set_type(at, self.type_before, self.lost)
        if draft.cell(at).source != self.before:
            draft.set_source(at, self.before)


@dataclass(frozen=True, kw_only=True)
class Moved:
    """A cell was moved from behind one cell to behind another; empty ids are the start."""

    kind: ClassVar[str] = "moved"
    cell_id: str
    from_after: str
    index: int
    to_after: str

    def is_as_left(self, draft: Draft, at: int | None) -> bool:
        return at is not None and before(draft, at) == self.to_after

    def take_back(self, draft: Draft, at: int) -> None:
        to = _place_after(draft, self.from_after, self.index)
        draft.move(at, to - (to > at))


@dataclass(frozen=True, kw_only=True)
class Cleared:
    """The outputs of a cell were removed, with when it ran."""

    kind: ClassVar[str] = "cleared"
    cell_id: str
    outputs: Sequence[Mapping[str, Json]]
    count: int | None
    timing: Mapping[str, str] = field(default_factory=dict)

    def is_as_left(self, draft: Draft, at: int | None) -> bool:
        if at is None:
            return False
        mark = draft.mark(at)
        is_empty = not mark.outputs and mark.count is None
        return mark.cell_type == "code" and is_empty and not mark.is_running

    def take_back(self, draft: Draft, at: int) -> None:
        draft.set_outputs(at, self.outputs, start=0)
        draft.set_count(at, self.count)
        draft.set_timing(at, self.timing or None)


Step: TypeAlias = Inserted | Removed | Rewritten | Moved | Cleared

_KINDS = {step.kind: step for step in (Inserted, Removed, Rewritten, Moved, Cleared)}


def is_as_left(draft: Draft, steps: Sequence[Step]) -> bool:
    """Whether all cells are as an edit has left them."""
    places = {cell_id: index for index, cell_id in enumerate(draft.ids)}
    return all(step.is_as_left(draft, places.get(step.cell_id)) for step in steps)


def is_edited(draft: Draft, steps: Sequence[Step]) -> bool:
    """Whether a notebook shows any of these steps, which a copy from before does not."""
    places = {cell_id: index for index, cell_id in enumerate(draft.ids)}
    inserted = {step.cell_id for step in steps if isinstance(step, Inserted)}
    return any(
        step.is_as_left(draft, places.get(step.cell_id))
        for step in steps
        if isinstance(step, Inserted)
        or (
            isinstance(step, Rewritten)
            and (step.before, step.type_before) != (step.source, step.cell_type)
        )
        or (isinstance(step, Removed) and step.cell_id not in inserted)
    )


def take_back(draft: Draft, steps: Sequence[Step]) -> None:
    """Take an edit back, its last step first; nothing if a cell is not as the edit left it.

    Raises ContentsError, which says of which cell that is.
    """
    places = {cell_id: index for index, cell_id in enumerate(draft.ids)}
    for step in steps:
        at = places.get(step.cell_id)
        if not step.is_as_left(draft, at):
            raise ContentsError(_not_as_left(draft, step, at))
        if _replaces(step) and at is not None and (who := draft.person(at)):
            raise ContentsError(typed_in(draft, at, who, "taken back"))
    for step in reversed(steps):
        # What the later steps have moved or removed stands behind, more often than not.
        guess = places.get(step.cell_id, len(draft.ids))
        is_there = guess < len(draft.ids) and draft.ids[guess] == step.cell_id
        is_gone = isinstance(step, Removed)
        step.take_back(draft, guess if is_there or is_gone else draft.ids.index(step.cell_id))


def _replaces(step: Step) -> bool:
    """Whether to take it back is to remove a cell, or to put another in its place."""
    return isinstance(step, Inserted | Moved) or (isinstance(step, Rewritten) and bool(step.lost))


def typed_in(draft: Draft, index: int, who: str, done: str) -> str:
    """Why a cell in which a person may be typing was not changed."""
    return (
        f"{handle_of(draft, index)} was not {done}: {who} is in it and may be typing. Ask them, or "
        "try again later."
    )


def _not_as_left(draft: Draft, step: Step, at: int | None) -> str:
    """What has become of a cell since the edit that cannot be taken back."""
    name = step.cell_id[:8]
    if isinstance(step, Removed):
        return f"The cell {name} is in the notebook again, so its deletion is not taken back."
    if at is None:
        return f"The cell {name} was deleted since, so the edit is not taken back. Insert a cell."
    handle = handle_of(draft, at)
    if isinstance(step, Moved):
        return f"The cell {handle} has another cell above it now, so it stays. Move it by handle."
    if isinstance(step, Cleared):
        return f"The cell {handle} was run since, so its old outputs are not put back. Keep it."
    now = draft.cell(at)
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


def before(draft: Draft, index: int) -> str:
    """The id of the cell before the one at an index; empty if that is the first."""
    return draft.ids[index - 1] if index else ""


def as_json(step: Step) -> dict[str, Json]:
    """A step as the journal has it."""
    return {"kind": step.kind, **cast("dict[str, Json]", asdict(step))}


def from_json(found: Mapping[str, Json]) -> Step:
    """The step that `as_json` has written. Raises KeyError and TypeError for anything else."""
    fields = {name: value for name, value in found.items() if name != "kind"}
    return _KINDS[str(found["kind"])](**fields)  # type: ignore[arg-type]


def _place_after(draft: Draft, cell_id: str, index: int) -> int:
    """The index behind a cell, or the one given if that cell is gone."""
    if not cell_id:
        return 0
    if cell_id in draft.ids:
        return draft.ids.index(cell_id) + 1
    return min(index, len(draft.ids))
