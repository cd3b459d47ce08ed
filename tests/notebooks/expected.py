"""What a notebook's cells have to be after edits: said in plain lists, to compare homes with.

Each written text holds a *token*, which exists once. The outputs of a cell, and its metadata, hold
the cell's own *mark*.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from typing import Any, TypeAlias

import nbformat
from hypothesis import HealthCheck, settings

from jupyter_mcp_ext.notebooks.cells import CellType, NewCell
from jupyter_mcp_ext.notebooks.draft import Draft
from jupyter_mcp_ext.notebooks.editing import edits
from jupyter_mcp_ext.notebooks.editing.edits import Edited

Node: TypeAlias = dict[str, Any]
Cells: TypeAlias = list[Node]
"""Cells of nbformat 4.5 with joined sources; the id is None where it may be any."""

TOKEN = re.compile(r"<\d+é>")
MARK = "made"
"""The key of a cell's metadata that has its mark."""


class Refused(Exception):
    """An edit has to be refused, and changes nothing."""


def examples(count: int, steps: int) -> settings:
    """Settings of a state machine: the same examples in each run."""
    return settings(
        max_examples=count,
        stateful_step_count=steps,
        derandomize=True,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


def cells_of(node: Node) -> Cells:
    """The cells of a notebook's file."""
    has_ids = (node["nbformat"], node.get("nbformat_minor", 0)) >= (4, 5)
    if node["nbformat"] < 4:
        node = nbformat.convert(nbformat.from_dict(node), 4)  # type: ignore[no-untyped-call]
    seen: set[str] = set()
    cells = [_cell(cell) for cell in node["cells"]]
    for cell in cells:
        cell_id = cell.pop("id", None)
        cell["id"] = cell_id if has_ids and cell_id not in seen else None
        seen.add(cell_id)
    return cells


def _cell(node: Any) -> Node:
    cell = {**node, "source": joined(node["source"])}
    cell["metadata"] = {k: v for k, v in dict(node["metadata"]).items() if k != "trusted"}
    if "outputs" in cell:
        cell["outputs"] = [
            {k: joined(v) if k == "text" else v for k, v in dict(output).items()}
            for output in cell["outputs"]
        ]
    return cell


def joined(text: Any) -> str:
    """A text that a file may have as a list of lines."""
    return text if isinstance(text, str) else "".join(text)


def code(cell_id: str, source: str, **more: Any) -> Node:
    """A code cell with its mark."""
    return {
        "cell_type": "code",
        "id": cell_id,
        "source": source,
        "metadata": {MARK: cell_id},
        "outputs": [],
        "execution_count": None,
        **more,
    }


def mark_of(cell: Node) -> str:
    """The mark that a cell's outputs have; those that agents make have one for all."""
    return str(cell["metadata"].get(MARK, "an agent's cell"))


def output_of(cell: Node, count: int = 1) -> Node:
    """What a cell prints."""
    text = f"output of {mark_of(cell)}\n" * count
    return {"output_type": "stream", "name": "stdout", "text": text}


def tokens_in(cells: Sequence[Node]) -> list[str]:
    """The tokens of all sources."""
    return [token for cell in cells for token in TOKEN.findall(cell["source"])]


def check_whole(cells: Sequence[Node]) -> None:
    """Check what holds of every notebook: ids, tokens, marks."""
    ids = [cell["id"] for cell in cells if cell["id"] is not None]
    assert len(set(ids)) == len(ids)
    tokens = tokens_in(cells)
    assert len(set(tokens)) == len(tokens), tokens
    for cell in cells:
        for output in cell.get("outputs", ()):
            assert set(output["text"].splitlines()) == {f"output of {mark_of(cell)}"}


def check_same(found: Sequence[Node], wanted: Sequence[Node]) -> None:
    """Check that cells are as they have to be."""
    assert len(found) == len(wanted), (found, wanted)
    for one, other in zip(found, wanted, strict=True):
        cell_id = other["id"] or one["id"]
        assert one == {**other, "id": cell_id}, (one, other)


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A handle, or a cell's id alone, and what the cell was when it was read."""

    text: str
    cell_id: str | None
    index: int
    source: str
    has_hash: bool = True

    def find(self, cells: Cells) -> int:
        """The index of the cell. Raises Refused if it is gone, or not as it was read."""
        index = self.index
        if self.cell_id is not None:
            index = index_of(cells, self.cell_id)
        if index >= len(cells) or (self.has_hash and cells[index]["source"] != self.source):
            raise Refused
        return index


def index_of(cells: Cells, cell_id: str) -> int:
    """Where a cell is. Raises Refused."""
    for index, cell in enumerate(cells):
        if cell["id"] == cell_id:
            return index
    raise Refused


@dataclass(frozen=True, kw_only=True)
class Edit:
    """An agent's edit, and what it has to make of the cells; ``wanted`` raises Refused."""

    make: Callable[[Draft], Edited]
    wanted: Callable[[Cells], Cells]


def made(edit: Edit, cells: Cells) -> Cells | None:
    """What an edit makes of cells; None if it is refused."""
    try:
        return edit.wanted(cells)
    except Refused:
        return None


def part(cell: Reference, old: str, new: str) -> Edit:
    """Another text in the place of one."""

    def wanted(cells: Cells) -> Cells:
        index = cell.find(cells)
        if cells[index]["source"].count(old) != 1:
            raise Refused
        return _with(cells, index, source=cells[index]["source"].replace(old, new))

    return Edit(make=lambda draft: edits.rewrite(draft, cell.text, old=old, new=new), wanted=wanted)


def whole(cell: Reference, source: str) -> Edit:
    """Another source."""

    def wanted(cells: Cells) -> Cells:
        return _with(cells, cell.find(cells), source=source)

    return Edit(make=lambda draft: edits.rewrite(draft, cell.text, source=source), wanted=wanted)


def retyped(cell: Reference, cell_type: CellType) -> Edit:
    """Another type."""

    def wanted(cells: Cells) -> Cells:
        index = cell.find(cells)
        if cells[index]["cell_type"] == cell_type:
            raise Refused
        changed = {**cells[index], "cell_type": cell_type}
        for key in ("outputs", "execution_count", *(["attachments"] * (cell_type == "code"))):
            changed.pop(key, None)
        if cell_type == "code":
            changed |= {"outputs": [], "execution_count": None}
        return [*cells[:index], changed, *cells[index + 1 :]]

    return Edit(
        make=lambda draft: edits.rewrite(draft, cell.text, cell_type=cell_type), wanted=wanted
    )


def inserted(sources: Sequence[str], after: Reference | None) -> Edit:
    """New cells behind one, or at the start."""

    def wanted(cells: Cells) -> Cells:
        at = 0 if after is None else after.find(cells) + 1
        new = [{**code("", source), "id": None, "metadata": {}} for source in sources]
        return [*cells[:at], *new, *cells[at:]]

    new = [NewCell(source=source) for source in sources]
    place = edits.START if after is None else after.text
    return Edit(make=lambda draft: edits.insert(draft, new, place), wanted=wanted)


def deleted(some: Sequence[Reference]) -> Edit:
    """Cells taken out."""

    def wanted(cells: Cells) -> Cells:
        found = {cell.find(cells) for cell in some}
        return [cell for index, cell in enumerate(cells) if index not in found]

    return Edit(make=lambda draft: edits.delete(draft, [c.text for c in some]), wanted=wanted)


def moved(some: Sequence[Reference], after: Reference | None) -> Edit:
    """Cells behind another, in their order, or at the start."""

    def wanted(cells: Cells) -> Cells:
        found = sorted({cell.find(cells) for cell in some})
        goal = -1 if after is None else after.find(cells)
        if goal in found:
            raise Refused
        rest = [index for index in range(len(cells)) if index not in found]
        at = 0 if after is None else rest.index(goal) + 1
        return [cells[index] for index in (*rest[:at], *found, *rest[at:])]

    place = edits.START if after is None else after.text
    return Edit(make=lambda draft: edits.move(draft, [c.text for c in some], place), wanted=wanted)


def cleared(some: Sequence[Reference]) -> Edit:
    """Cells without outputs."""

    def wanted(cells: Cells) -> Cells:
        changed = list(cells)
        for index in {cell.find(cells) for cell in some}:
            cell = cells[index]
            if cell["cell_type"] == "code" and (cell["outputs"] or cell["execution_count"]):
                metadata = {k: v for k, v in cell["metadata"].items() if k != "execution"}
                changed = _with(changed, index, outputs=[], execution_count=None, metadata=metadata)
        return changed

    return Edit(make=lambda draft: edits.clear(draft, [c.text for c in some]), wanted=wanted)


def _with(cells: Cells, index: int, **fields: Any) -> Cells:
    return [*cells[:index], {**cells[index], **fields}, *cells[index + 1 :]]


@dataclass(frozen=True, kw_only=True)
class Done:
    """An edit that was made: the cells before and after it, and whose they were."""

    before: Cells
    after: Cells
    touched: frozenset[str]
    number: int = 0
    """It is later than those of lower numbers."""

    def is_known_by(self, cells: Cells) -> bool:
        """Whether the notebook with these cells is known to be the one that was edited."""
        ids = {cell["id"] for cell in cells}
        known = {*self.touched, *(cell["id"] for cell in self.after[:20])}
        return self.is_as_left(cells) and not ids.isdisjoint(known - {None})

    def can_be_of(self, cells: Cells) -> bool:
        """Whether the notebook with these cells can be the one that was edited."""
        return not self.after or self.is_known_by(cells)

    @property
    def inserted(self) -> frozenset[str]:
        """The cells that it has added."""
        return self.touched & _by_id(self.after).keys() - _by_id(self.before).keys()

    def shows_in(self, cells: Cells, inserted: Set[str]) -> bool:
        """Whether cells show it, which a copy from before does not.

        ``inserted`` are those that it or others have added.
        """
        old, left = _by_id(self.before), _by_id(self.after)
        for cell_id in self.touched:
            if not self._is_as_left(cell_id, cells):
                continue
            if cell_id in old and cell_id in left:
                one, other = old[cell_id], left[cell_id]
                if (one["source"], one["cell_type"]) != (other["source"], other["cell_type"]):
                    return True
            elif cell_id in left or (cell_id in old and cell_id not in inserted):
                return True
        return False

    def is_as_left(self, cells: Cells) -> bool:
        """Whether the edit can be taken back: its cells are as it left them."""
        return all(self._is_as_left(cell_id, cells) for cell_id in self.touched)

    def check_taken_back(self, cells: Cells, found: Cells) -> None:
        """Check what taking it back has made of cells."""
        if _known(cells) == _known(self.after):
            check_same(found, self.before)
            return
        others = [cell for cell in cells if cell["id"] not in self.touched]
        check_same([cell for cell in found if cell["id"] not in self.touched], others)
        old, now, new = _by_id(self.before), _by_id(cells), _by_id(found)
        for cell_id in self.touched:
            assert (cell_id in new) == (cell_id in old)
            if cell_id in old and cell_id in now:
                for key in {*old[cell_id], *now[cell_id], *new[cell_id]}:
                    is_changed = old[cell_id].get(key) != _by_id(self.after)[cell_id].get(key)
                    source = old if is_changed else now
                    assert new[cell_id].get(key) == source[cell_id].get(key)
            elif cell_id in old:
                assert new[cell_id] == old[cell_id]

    def _is_as_left(self, cell_id: str, cells: Cells) -> bool:
        old, left, now = _by_id(self.before), _by_id(self.after), _by_id(cells)
        if cell_id not in left:
            return cell_id not in now
        if cell_id not in now:
            return False
        if cell_id not in old:
            return bool(now[cell_id]["source"] == left[cell_id]["source"])
        one, other, here = old[cell_id], left[cell_id], now[cell_id]
        if (one["source"], one["cell_type"]) != (other["source"], other["cell_type"]):
            return bool(
                (here["source"], here["cell_type"]) == (other["source"], other["cell_type"])
            )
        if one != other:  # cleared
            return (here.get("outputs"), here.get("execution_count", 0)) == ([], None)
        return bool(_above(cells, cell_id) == _above(self.after, cell_id))


def _by_id(cells: Cells) -> dict[str, Node]:
    return {cell["id"]: cell for cell in cells if cell["id"] is not None}


def _known(cells: Cells) -> list[Node] | None:
    return None if any(cell["id"] is None for cell in cells) else cells


def _above(cells: Cells, cell_id: str) -> Any:
    index = index_of(cells, cell_id)
    return cells[index - 1]["id"] if index else ""
