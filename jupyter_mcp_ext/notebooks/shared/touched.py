"""The cells that edits in a document have touched, to be carried over to its file if it was not
saved. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from jupyter_mcp_ext.notebooks.draft import Change, Draft


@dataclass(kw_only=True)
class Touched:
    """Ids of cells, and the source that each had before."""

    inserted: set[str] = field(default_factory=set)
    removed: dict[str, str] = field(default_factory=dict)
    changed: dict[str, str] = field(default_factory=dict)
    moved: set[str] = field(default_factory=set)
    left: dict[str, str] = field(default_factory=dict)
    """The source that each cell had after the last edit, where it was inserted or changed."""

    def __bool__(self) -> bool:
        return bool(self.inserted or self.removed or self.changed or self.moved)

    def insert(self, cell_id: str) -> None:
        """A cell was inserted, or inserted again."""
        self.inserted.add(cell_id)
        self.removed.pop(cell_id, None)

    def remove(self, cell_id: str, source: str) -> None:
        """A cell was removed."""
        if cell_id in self.inserted:
            self.inserted.discard(cell_id)
        else:
            self.removed[cell_id] = self.changed.get(cell_id, source)
        self.changed.pop(cell_id, None)
        self.moved.discard(cell_id)

    def change(self, cell_id: str, source: str) -> None:
        """A cell that had this source was changed."""
        if cell_id not in self.inserted:
            self.changed.setdefault(cell_id, source)

    def add(self, later: Touched) -> None:
        """Join what later edits have touched."""
        for cell_id, source in later.removed.items():
            self.remove(cell_id, source)
        for cell_id in later.inserted:
            self.insert(cell_id)
        for cell_id, source in later.changed.items():
            self.change(cell_id, source)
        self.moved |= later.moved
        self.left |= later.left

    def leave(self, draft: Draft) -> None:
        """The edits are made: keep the sources that they have left."""
        sought = self.inserted | self.changed.keys()
        for index, cell_id in enumerate(draft.ids if sought else ()):
            if cell_id in sought:
                self.left[cell_id] = draft.cell(index).source

    def is_in(self, draft: Draft) -> bool:
        """Whether a draft still has the edits: cells that are there or not, and their sources."""
        places = {cell_id: index for index, cell_id in enumerate(draft.ids)}
        if any(cell_id in places for cell_id in self.removed):
            return False
        return all(
            cell_id in places and draft.cell(places[cell_id]).source == self.left.get(cell_id)
            for cell_id in (*self.inserted, *self.changed)
        )


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
    if found.source not in {wanted.source, touched.changed[cell_id]}:
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
