"""The cells that edits in a document have touched, to be carried over to its file if it was not
saved. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, field, replace

from jupyter_mcp_ext.notebooks.draft import CellNode, Change, Draft, Mark
from jupyter_mcp_ext.notebooks.reading.cells import Cell


@dataclass(frozen=True)
class State:
    """What a cell has at one moment."""

    source: str
    mark: Mark


@dataclass(kw_only=True)
class Touched:
    """Ids of cells, and what each was before."""

    inserted: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)
    sources: dict[str, set[str]] = field(default_factory=dict)
    """Those that each had before an edit and after it: the room may have saved any of them."""
    changed: dict[str, State] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    """The id of the cell above each; empty at the start."""
    left: dict[str, State] = field(default_factory=dict)
    """What each cell had after the last edit, where it was inserted or changed."""
    placed: dict[str, str] = field(default_factory=dict)
    """The id of the cell above each that was moved, after the last edit."""

    def __bool__(self) -> bool:
        return bool(self.inserted or self.removed or self.changed or self.moved)

    @property
    def ids(self) -> Set[str]:
        """The ids of all of them."""
        return self.inserted | self.removed | self.changed.keys() | self.moved.keys()

    def insert(self, cell_id: str) -> None:
        """A cell was inserted, or inserted again."""
        self.inserted.add(cell_id)
        self.removed.discard(cell_id)

    def remove(self, cell_id: str, *sources: str) -> None:
        """A cell was removed, which had this source."""
        self._had(cell_id, *sources)
        self.inserted.discard(cell_id)
        self.removed.add(cell_id)  # also one that was inserted: the room may have saved it since
        self.changed.pop(cell_id, None)
        self.moved.pop(cell_id, None)

    def change(self, cell_id: str, before: State) -> None:
        """A cell was changed."""
        self._had(cell_id, before.source)
        if cell_id not in self.inserted:
            self.changed.setdefault(cell_id, before)

    def move(self, cell_id: str, above: str) -> None:
        """A cell was moved from behind another; that is empty for the start."""
        self.moved.setdefault(cell_id, above)

    def add(self, later: Touched) -> None:
        """Join what later edits have touched."""
        for cell_id, sources in later.sources.items():
            self._had(cell_id, *sources)
        for cell_id in later.removed:
            self.remove(cell_id)
        for cell_id in later.inserted:
            self.insert(cell_id)
        for cell_id, before in later.changed.items():
            self.change(cell_id, before)
        for cell_id, above in later.moved.items():
            self.move(cell_id, above)
        self.left |= later.left
        self.placed |= later.placed

    def leave(self, draft: Draft) -> None:
        """The edits are made: keep what they have left."""
        sought = self.inserted | self.changed.keys()
        for index, cell_id in enumerate(draft.ids if sought or self.moved else ()):
            if cell_id in sought:
                state = self.left[cell_id] = state_of(draft, index)
                self._had(cell_id, state.source)
            if cell_id in self.moved:
                self.placed[cell_id] = _above(draft, index)

    def lost(self, draft: Draft) -> Set[str]:
        """The cells that a draft no longer has as the edits have left them.

        Of places, types and outputs, which change in other ways too, those that are as before.
        """
        places = {cell_id: index for index, cell_id in enumerate(draft.ids)}
        lost = self.removed & places.keys()
        for cell_id in self.inserted | self.changed.keys():
            if cell_id not in places or self._is_undone(draft, places[cell_id]):
                lost.add(cell_id)
        for cell_id in self.moved.keys() & places.keys():
            if _above(draft, places[cell_id]) == self.moved[cell_id] != self.placed.get(cell_id):
                lost.add(cell_id)
        return lost

    def _had(self, cell_id: str, *sources: str) -> None:
        self.sources.setdefault(cell_id, set()).update(sources)

    def _is_undone(self, draft: Draft, index: int) -> bool:
        found, left = state_of(draft, index), self.left.get(draft.ids[index])
        if left is None or found.source != left.source:
            return True
        before = self.changed.get(draft.ids[index])
        return before is not None and found.mark == before.mark != left.mark


def state_of(draft: Draft, index: int) -> State:
    """What a cell has now; how often people have pressed Run in it is none of that."""
    return State(draft.cell(index).source, replace(draft.mark(index), pressed=0))


def _above(draft: Draft, index: int) -> str:
    return draft.ids[index - 1] if index else ""


@dataclass(frozen=True)
class _Wanted:
    """A cell that was inserted or changed, as its room had it."""

    cell: Cell
    node: CellNode


def carried_over(touched: Touched, document: Draft) -> Change[Sequence[str]]:
    """A change that makes touched cells as they are in a document, which is read now.

    Where a cell has been changed since in another way, that stays; the change gives the ids of
    these. It changes nothing that is as it should be.
    """
    ids = tuple(document.ids)
    sought = touched.inserted | touched.changed.keys()
    wanted = {
        cell_id: _Wanted(document.cell(index), document.node(index))
        for index, cell_id in enumerate(ids)
        if cell_id in sought
    }

    def change(draft: Draft) -> Sequence[str]:
        lost = [cell_id for cell_id in touched.removed if not _remove(draft, cell_id, touched)]
        for index, cell_id in enumerate(ids):
            if cell_id in touched.inserted and cell_id not in draft.ids:
                draft.insert(_place(draft, ids[:index]), [wanted[cell_id].node])
            elif cell_id in wanted and not _change(draft, cell_id, wanted[cell_id], touched):
                lost.append(cell_id)
            if cell_id in touched.moved and cell_id in draft.ids:
                _move(draft, cell_id, ids[:index])
        return lost

    return change


def _remove(draft: Draft, cell_id: str, touched: Touched) -> bool:
    """Whether a cell is no longer there."""
    if cell_id not in draft.ids:
        return True
    index = draft.ids.index(cell_id)
    if draft.cell(index).source not in touched.sources[cell_id]:
        return False
    draft.remove(index)
    return True


def _change(draft: Draft, cell_id: str, wanted: _Wanted, touched: Touched) -> bool:
    """Whether a cell is now as it is wanted."""
    if cell_id not in draft.ids:
        return False
    at, cell = draft.ids.index(cell_id), wanted.cell
    found, is_code = draft.cell(at), cell.cell_type == "code"
    if found.source not in {cell.source, *touched.sources.get(cell_id, ())}:
        return False
    if found.source != cell.source:
        draft.set_source(at, cell.source)
    if found.cell_type != cell.cell_type:
        draft.set_type(at, cell.cell_type)
    outputs = wanted.node.get("outputs")
    if is_code and isinstance(outputs, list) and draft.node(at).get("outputs") != outputs:
        draft.set_outputs(at, [one for one in outputs if isinstance(one, dict)], start=0)
    if is_code and found.execution_count != cell.execution_count:
        draft.set_count(at, cell.execution_count)
    return True


def _move(draft: Draft, cell_id: str, above: Sequence[str]) -> None:
    at = draft.ids.index(cell_id)
    place = _place(draft, above)
    to = place - (place > at)
    if to != at:
        draft.move(at, to)


def _place(draft: Draft, above: Sequence[str]) -> int:
    """The index behind the last cell of these that is there."""
    for before in reversed(above):
        if before in draft.ids:
            return draft.ids.index(before) + 1
    return 0
