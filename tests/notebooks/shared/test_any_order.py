"""Edits of an agent and two people in one shared document, in any order: nothing gets lost.

Documents are synchronised now and then, as the server's and two browsers' are. What all will have
in the end is looked at after each step. The room saves, closes with edits that are not saved,
opens again from its file, and takes over what another program has written. Not tried: two who move
one cell at the same time, and typing in a cell while it is moved (`Draft.person` is there to
prevent that); what people have typed when a room closes that has not saved it is lost with it.
"""

from __future__ import annotations

import copy
from typing import Any

import nbformat
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from jupyter_ydoc import YNotebook
from pycrdt import UndoManager

from jupyter_mcp_ext.errors import ContentsError, ToolError
from jupyter_mcp_ext.notebooks.editing.steps import Removed, Step, as_json, from_json, take_back
from jupyter_mcp_ext.notebooks.editing.targets import handles_of
from jupyter_mcp_ext.notebooks.running.running_cell import RunningCell
from jupyter_mcp_ext.notebooks.saved.draft import FileDraft
from jupyter_mcp_ext.notebooks.shared.cell_ids import CellIds
from jupyter_mcp_ext.notebooks.shared.draft import RoomDraft
from jupyter_mcp_ext.notebooks.shared.pressed import Pressed
from jupyter_mcp_ext.notebooks.shared.touched import Touched, carried_over
from tests.notebooks import expected
from tests.notebooks.expected import Cells, Done, Edit, Node, Reference

pytestmark = pytest.mark.timeout(600)

ANY = st.integers(0, 30)
WHO = st.integers(0, 1)
TYPED = ("é", "😀", "\n", " ")
METADATA = {
    "kernelspec": {"name": "k", "display_name": "K"},
    "language_info": {"name": "l"},
    "of": {"a": "é"},
}


class SharedEdits(RuleBasedStateMachine):
    """Each edit adds a text that exists once; ``tokens`` has the cell of each."""

    @initialize()
    def open(self) -> None:
        self.made = 0
        self.done: list[tuple[Done, tuple[Step, ...]]] = []
        cells = [self.new() for _ in range(4)]
        node = {"cells": cells, "metadata": METADATA, "nbformat": 4, "nbformat_minor": 5}
        self.open_room(node)
        self.read = self.look()

    def open_room(self, node: Node) -> None:
        """Open the room of a file, and two tabs."""
        self.file = copy.deepcopy(node)
        self.server, self.tabs = YNotebook(), (YNotebook(), YNotebook())
        self.server.set(copy.deepcopy(node))
        self.ids, self.pressed = CellIds(self.server.ycells), Pressed(self.server.ycells)
        self.touched = Touched()
        self.running: RunningCell | None = None
        self.tokens = {
            token: cell["id"] for cell in node["cells"] for token in expected.tokens_in([cell])
        }
        self.unsaved: set[str] = set()
        self.gone: set[str] = set()
        self.deleted: set[str] = set()
        self.sync()
        self.undo = [
            UndoManager(scopes=[tab.ycells], capture_timeout_millis=0) for tab in self.tabs
        ]
        for manager in self.undo:
            manager.include_origin("typing")

    @rule(tab=WHO)
    def tab_is_synchronised(self, tab: int) -> None:
        exchange(self.server, self.tabs[tab])

    @rule()
    def sync(self) -> None:
        for tab in (*self.tabs, *self.tabs):
            exchange(self.server, tab)

    @rule()
    def agent_reads(self) -> None:
        self.read = self.look()

    @rule(which=ANY, place=ANY)
    def agent_edits_a_part(self, which: int, place: int) -> None:
        if cell := self.one(which):
            tokens = expected.tokens_in([{"source": cell.source}])
            old = tokens[place % len(tokens)] if tokens else ""
            if old:
                self.edit(expected.part(cell, old, old + self.token(None)))

    @rule(which=ANY)
    def agent_gives_a_source(self, which: int) -> None:
        if cell := self.one(which):
            self.edit(expected.whole(cell, cell.source + self.token(None)))

    @rule(after=ANY, count=st.integers(1, 2))
    def agent_inserts(self, after: int, count: int) -> None:
        self.edit(expected.inserted([self.token(None) for _ in range(count)], self.one(after)))

    @rule(some=st.lists(ANY, min_size=1, max_size=2))
    def agent_deletes(self, some: list[int]) -> None:
        if self.read:
            self.edit(expected.deleted([self.read[n % len(self.read)] for n in some]))

    @rule(some=st.lists(ANY, min_size=1, max_size=2), after=ANY)
    def agent_moves_while_all_is_quiet(self, some: list[int], after: int) -> None:
        self.sync()
        if self.read:
            cells = [self.read[n % len(self.read)] for n in some]
            self.edit(expected.moved(cells, None if after % 4 == 0 else self.one(after)))
        self.sync()

    @rule(which=ANY, cell_type=st.sampled_from(["code", "markdown", "raw"]))
    def agent_changes_a_type_while_all_is_quiet(self, which: int, cell_type: Any) -> None:
        self.sync()
        if cell := self.one(which):
            self.edit(expected.retyped(cell, cell_type))
        self.sync()

    @rule(some=st.lists(ANY, min_size=1, max_size=2))
    def agent_clears(self, some: list[int]) -> None:
        if self.read:
            self.edit(expected.cleared([self.read[n % len(self.read)] for n in some]))

    @rule()
    def agent_takes_back_while_all_is_quiet(self) -> None:
        if not self.done:
            return
        self.sync()
        cells = self.cells
        done, steps = self.done[-1]
        draft = self.draft()
        try:
            with draft:
                take_back(draft, [from_json(as_json(step)) for step in steps])
        except ContentsError:
            assert not done.is_as_left(cells)
            assert self.cells == cells
            return
        assert done.is_as_left(cells)
        self.done.pop()
        self.note(cells, draft)
        done.check_taken_back(cells, self.cells)
        back = {step.cell_id for step in steps if isinstance(step, Removed)}
        here = expected.tokens_in(self.cells)
        self.gone |= {t for t, c in self.tokens.items() if c in back and t not in here}
        self.sync()

    @rule(which=ANY)
    def agent_begins_to_run(self, which: int) -> None:
        with (draft := self.draft()):
            index = which % (len(draft.ids) or 1)
            if draft.ids and draft.cell(index).cell_type == "code":
                self.running = RunningCell(draft.ids[index])
                self.running.opened(RunningCell.open(draft, index))
                self.running.begin(which + 1)
        self.touched.add(draft.touched)

    @rule(has_ended=st.booleans())
    def agents_cell_prints(self, *, has_ended: bool) -> None:
        running = self.running
        if running is None:
            return
        text = f"output of {running.id}\n"
        running.outputs.take("stream", {"name": "stdout", "text": text})
        if has_ended:
            running.end(None, {})
        with (draft := self.draft()):
            found = draft.ids.index(running.id) if running.id in draft.ids else None
            running.wrote(running.write(draft, found))
        self.touched.add(draft.touched)
        if has_ended or running.let_go:
            self.running = None

    @rule(tab=WHO, which=ANY)
    def person_runs_while_all_is_quiet(self, tab: int, which: int) -> None:
        """JupyterLab clears the cell at once; what it puts out comes later."""
        self.sync()
        document = self.tabs[tab]
        cell = chosen(document, which)
        if cell is None or cell["cell_type"] != "code":
            return
        with document.ydoc.transaction():
            cell["execution_count"] = None
            del cell["outputs"][:]
            cell["execution_state"] = "idle"
        cell["execution_state"] = "running"
        self.sync()
        if self.running is not None and self.running.id == cell["id"]:
            self.agents_cell_prints(has_ended=False)
            assert self.running is None
        text = f"output of {cell['id']}, run by a person\n"
        output = {"output_type": "stream", "name": "stdout", "text": text}
        cell["outputs"].append(document.ycells[0].__class__(output))
        cell["execution_count"] = float(which)
        self.sync()

    @rule(tab=WHO, which=ANY, place=ANY)
    def person_types(self, tab: int, which: int, place: int) -> None:
        document = self.tabs[tab]
        if (cell := chosen(document, which)) is not None:
            source = str(cell["source"])
            at = len(source[: cut(source, place)].encode())
            typed = self.token(cell["id"]) + TYPED[place % len(TYPED)]
            with document.ydoc.transaction(origin="typing"):
                cell["source"].insert(at, typed)

    @rule(tab=WHO)
    def person_undoes_typing(self, tab: int) -> None:
        before = expected.tokens_in(self.tabs[tab].get(deduplicate=False)["cells"])
        self.undo[tab].undo()
        after = expected.tokens_in(self.tabs[tab].get(deduplicate=False)["cells"])
        self.gone |= set(before) - set(after)

    @rule(tab=WHO, which=ANY)
    def person_inserts(self, tab: int, which: int) -> None:
        cells = self.tabs[tab].ycells
        new = self.new()
        self.tokens[new["source"]] = new["id"]
        cells.insert(which % (len(cells) + 1), self.tabs[tab].create_ycell(new))

    @rule(tab=WHO, which=ANY)
    def person_deletes(self, tab: int, which: int) -> None:
        cells = self.tabs[tab].ycells
        if len(cells) > 1:
            self.deleted.add(cells.pop(which % len(cells))["id"])

    @rule(tab=WHO, which=ANY, to=ANY)
    def person_moves_while_all_is_quiet(self, tab: int, which: int, to: int) -> None:
        """JupyterLab deletes the cell and inserts a copy in one transaction."""
        self.sync()
        document = self.tabs[tab]
        if len(document.ycells):
            with document.ydoc.transaction():
                node = document.ycells.pop(which % len(document.ycells))
                at = to % (len(document.ycells) + 1)
                document.ycells.insert(at, document.create_ycell(node))
        self.sync()

    @rule()
    def room_saves(self) -> None:
        self.file = self.server.get()
        nbformat.validate(self.file)
        self.touched = Touched()
        self.unsaved.clear()

    @rule(which=ANY)
    def program_writes_and_the_room_reloads(self, which: int) -> None:
        """The room takes over what is in the file; edits that it had not saved are gone."""
        self.sync()
        if self.file["cells"]:
            cell = self.file["cells"][which % len(self.file["cells"])]
            cell["source"] += self.token(cell["id"])
        self.server.set(copy.deepcopy(self.file))
        self.sync()
        self.touched, self.running = Touched(), None
        self.unsaved.clear()
        here = expected.tokens_in(self.file["cells"])
        self.tokens = {token: self.tokens[token] for token in here}
        self.gone, self.deleted = set(), set()

    @rule(which=ANY, does_write=st.booleans())
    def room_closes_and_opens_again(self, which: int, *, does_write: bool) -> None:
        """What the agent has edited since the room saved is in the file then, or told as lost."""
        saved = expected.tokens_in(self.file["cells"])
        node = copy.deepcopy(self.file)
        if does_write and node["cells"]:
            cell = node["cells"][which % len(node["cells"])]
            cell["source"] += (token := self.token(cell["id"]))
            saved.append(token)
        with self.draft() as document:
            shown = {document.ids[n]: document.cell(n).source for n in range(len(document.ids))}
            lost = carried_over(self.touched, document)(FileDraft(node))
        there = expected.tokens_in(node["cells"])
        text = "".join(shown.values())
        for token in saved:
            cell_id = self.tokens[token]
            is_gone = token in self.gone or cell_id in self.touched.removed
            assert token in there or is_gone or (token not in text and cell_id in shown)
        for token in self.unsaved & set(expected.tokens_in([{"source": text}])):
            assert token in there or self.tokens[token] in lost
        for cell_id in self.touched.removed:
            assert cell_id in lost or cell_id not in [cell["id"] for cell in node["cells"]]
        nbformat.validate(node)
        self.open_room(node)

    @invariant()
    def all_will_have_everything_once(self) -> None:
        if not hasattr(self, "server"):
            return
        documents = (self.server, *self.tabs)
        merged = [YNotebook(), YNotebook()]
        for one, order in zip(merged, (documents, documents[::-1]), strict=True):
            for document in order:
                one.ydoc.apply_update(document.ydoc.get_update())
        found = merged[0].get(deduplicate=False)
        assert found == merged[1].get(deduplicate=False)
        assert found["metadata"] == METADATA
        self.check(found["cells"])
        assert self.ids.unique(self.server.ycells) == [cell["id"] for cell in self.server.ycells]

    def check(self, cells: Cells) -> None:
        ids = [cell["id"] for cell in cells]
        assert len(set(ids)) == len(ids)
        text = "".join(cell["source"] for cell in cells)
        for token, cell_id in self.tokens.items():
            is_gone = token in self.gone or (cell_id in self.deleted and cell_id not in ids)
            assert text.count(token) == (0 if is_gone else 1), token
        for cell in cells:
            assert cell["metadata"].get(expected.MARK, cell["id"]) == cell["id"]
            lines = {o["text"] for o in cell.get("outputs", ())}
            marks = {line for text in lines for line in text.splitlines()}
            mark = f"output of {cell['id']}"
            assert marks in (set(), {mark}, {f"{mark}, run by a person"})

    def edit(self, edit: Edit) -> None:
        """Make an edit, and check that it is made or refused as it has to be."""
        before = self.cells
        wanted = expected.made(edit, before)
        draft = self.draft()
        try:
            with draft:
                edited = edit.make(draft)
        except ToolError:
            assert wanted is None
            assert self.cells == before
            return
        assert wanted is not None
        expected.check_same(self.cells, wanted)
        self.note(before, draft)
        if edited.steps:
            touched = frozenset(step.cell_id for step in edited.steps)
            self.done.append((Done(before=before, after=self.cells, touched=touched), edited.steps))

    def note(self, before: Cells, draft: RoomDraft) -> None:
        """What the agent has changed in the document."""
        self.touched.add(draft.touched)
        after = self.cells
        here = {token: cell["id"] for cell in after for token in expected.tokens_in([cell])}
        was = set(expected.tokens_in(before))
        self.gone = (self.gone | (was - set(here))) - (set(here) - was)
        self.tokens |= {token: here[token] for token in here if token not in was}
        self.unsaved |= set(here) - was
        self.deleted |= {cell["id"] for cell in before} - {cell["id"] for cell in after}

    @property
    def cells(self) -> Cells:
        """What the server's document has."""
        return expected.cells_of(self.server.get(deduplicate=False))

    def look(self) -> list[Reference]:
        """What an agent reads."""
        with self.draft() as draft:
            cells = [draft.cell(index) for index in range(len(draft.ids))]
            return [
                Reference(text=text, cell_id=cell.cell_id, index=cell.index, source=cell.source)
                for cell, text in zip(cells, handles_of(draft, cells), strict=True)
            ]

    def one(self, which: int) -> Reference | None:
        return self.read[which % len(self.read)] if self.read else None

    def draft(self) -> RoomDraft:
        return RoomDraft(self.server, self.ids, pressed=self.pressed)

    def token(self, cell_id: str | None) -> str:
        """A text that exists once; without a cell it is to be in one that is new."""
        self.made += 1
        token = f"<{self.made}é>"
        if cell_id is not None:
            self.tokens[token] = cell_id
        return token

    def new(self) -> Node:
        self.made += 1
        return expected.code(f"{self.made:08d}-made", f"<{self.made}é>")


def exchange(one: YNotebook, other: YNotebook) -> None:
    """Synchronise two documents."""
    for source, target in ((one, other), (other, one)):
        target.ydoc.apply_update(source.ydoc.get_update(target.ydoc.get_state()))


def chosen(document: YNotebook, which: int) -> Any:
    """A cell of a document, if it has any."""
    cells = document.ycells
    return cells[which % len(cells)] if len(cells) else None


def cut(source: str, place: int) -> int:
    """Where a text can be inserted without parting another."""
    places = [0, *(at + 1 for at, character in enumerate(source) if character == ">")]
    return places[place % len(places)]


TestSharedEdits = SharedEdits.TestCase
TestSharedEdits.settings = expected.examples(300, 20)
