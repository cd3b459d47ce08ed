"""The cells that edits in a document have touched, to be carried over to its file if it was not
saved. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, field, replace

from jupyter_mcp_ext.notebooks.draft import Change, Draft, Mark


@dataclass(frozen=True)
class State:
    """What a cell has at one moment."""

    source: str
    mark: Mark


@dataclass(kw_only=True)
class Touched:
    """Ids of cells, and what each was before."""

    inserted: set[str] = field(default_factory=set)
    removed: dict[str, str] = field(default_factory=dict)
    """The source that each had."""
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
        return self.inserted | self.removed.keys() | self.changed.keys() | self.moved.keys()

    def insert(self, cell_id: str) -> None:
        """A cell was inserted, or inserted again."""
        self.inserted.add(cell_id)
        self.removed.pop(cell_id, None)

    def remove(self, cell_id: str, source: str) -> None:
        """A cell was removed."""
        if cell_id in self.inserted:
            self.inserted.discard(cell_id)
        else:
            known = self.changed.get(cell_id)
            self.removed[cell_id] = source if known is None else known.source
        self.changed.pop(cell_id, None)
        self.moved.pop(cell_id, None)

    def change(self, cell_id: str, before: State) -> None:
        """A cell was changed."""
        if cell_id not in self.inserted:
            self.changed.setdefault(cell_id, before)

    def move(self, cell_id: str, above: str) -> None:
        """A cell was moved from behind another; that is empty for the start."""
        self.moved.setdefault(cell_id, above)

    def add(self, later: Touched) -> None:
        """Join what later edits have touched."""
        for cell_id, source in later.removed.items():
            self.remove(cell_id, source)
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
                self.left[cell_id] = state_of(draft, index)
            if cell_id in self.moved:
                self.placed[cell_id] = _above(draft, index)

    def lost(self, draft: Draft) -> Set[str]:
        """The cells that a draft no longer has as the edits have left them.

        Of places, types and outputs, which change in other ways too, those that are as before.
        """
        places = {cell_id: index for index, cell_id in enumerate(draft.ids)}
        lost = self.removed.keys() & places.keys()
        for cell_id in self.inserted | self.changed.keys():
            if cell_id not in places or self._is_undone(draft, places[cell_id]):
                lost.add(cell_id)
        for cell_id in self.moved.keys() & places.keys():
            if _above(draft, places[cell_id]) == self.moved[cell_id] != self.placed.get(cell_id):
                lost.add(cell_id)
        return lost

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


def carried_over(touched: Touched, document: Draft) -> Change[Sequence[str]]:
    """A change that makes touched cells as they are in a document.

    Where a cell has been changed since in another way, that stays; the change gives the ids of
    these. It changes nothing that is as it should be.
    """

    def change(draft: Draft) -> Sequence[str]:
        lost = [cell_id for cell_id in touched.removed if not _remove(draft, cell_id, touched)]
        for index, cell_id in enumerate(document.ids):
            if cell_id in touched.inserted and cell_id not in draft.ids:
                draft.insert(_place(draft, document, index), [document.node(index)])
            elif cell_id in touched.changed and not _change(draft, document, index, touched):
                lost.append(cell_id)
            if cell_id in touched.moved and cell_id in draft.ids:
                _move(draft, document, index)
        return lost

    return change


def _remove(draft: Draft, cell_id: str, touched: Touched) -> bool:
    """Whether a cell is no longer there."""
    if cell_id not in draft.ids:
        return True
    index = draft.ids.index(cell_id)
    if draft.cell(index).source != touched.removed[cell_id]:
        return False
    draft.remove(index)
    return True


def _change(draft: Draft, document: Draft, index: int, touched: Touched) -> bool:
    """Whether a cell is now as it is in the document."""
    cell_id = document.ids[index]
    if cell_id not in draft.ids:
        return False
    at, wanted, node = draft.ids.index(cell_id), document.cell(index), document.node(index)
    found, is_code = draft.cell(at), wanted.cell_type == "code"
    if found.source not in {wanted.source, touched.changed[cell_id].source}:
        return False
    if found.source != wanted.source:
        draft.set_source(at, wanted.source)
    if found.cell_type != wanted.cell_type:
        draft.set_type(at, wanted.cell_type)
    outputs = node.get("outputs")
    if is_code and isinstance(outputs, list) and draft.node(at).get("outputs") != outputs:
        draft.set_outputs(at, [one for one in outputs if isinstance(one, dict)], start=0)
    if is_code and found.execution_count != wanted.execution_count:
        draft.set_count(at, wanted.execution_count)
    return True


def _move(draft: Draft, document: Draft, index: int) -> None:
    at = draft.ids.index(document.ids[index])
    place = _place(draft, document, index)
    to = place - (place > at)
    if to != at:
        draft.move(at, to)


def _place(draft: Draft, document: Draft, index: int) -> int:
    """The index behind the cell that is before one in the document."""
    for before in reversed(document.ids[:index]):
        if before in draft.ids:
            return draft.ids.index(before) + 1
    return 0
