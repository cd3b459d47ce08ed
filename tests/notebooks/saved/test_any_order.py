"""Edits of agents, a person and other programs in one file, in any order: nothing gets lost.

Two agents edit, run and take back; a person has an older copy in a tab, saves it as JupyterLab does
and, where the file is another by then, chooses *Revert*; another program rewrites the file, also
between the moment when an edit reads it and the one when it saves it. The file is compared with
what it has to be after each step. Not tried: a person who chooses *Overwrite*, which is to erase
what others have saved.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from itertools import permutations
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, TypeVar

import nbformat
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager
from traitlets.config import Config

from jupyter_mcp_ext.errors import ToolError
from jupyter_mcp_ext.files.files import McpFiles
from jupyter_mcp_ext.files.paths import Place
from jupyter_mcp_ext.governance.caller import Caller
from jupyter_mcp_ext.notebooks.draft import Draft, Mark
from jupyter_mcp_ext.notebooks.editing import edits
from jupyter_mcp_ext.notebooks.editing.editing import Editing
from jupyter_mcp_ext.notebooks.editing.edits import Edited
from jupyter_mcp_ext.notebooks.editing.steps import Removed, Rewritten, Step
from jupyter_mcp_ext.notebooks.handles import handles
from jupyter_mcp_ext.notebooks.notebooks import Notebooks
from jupyter_mcp_ext.notebooks.running.recording import Recording
from jupyter_mcp_ext.notebooks.running.running_cell import RunningCell
from jupyter_mcp_ext.notebooks.saved.draft import FileDraft
from jupyter_mcp_ext.operations.edit import EditOutcome, edit_notebook
from jupyter_mcp_ext.operations.undo import undo_edits
from jupyter_mcp_ext.rendering.rendering import Rendering
from tests.notebooks import expected
from tests.notebooks.expected import Cells, Done, Edit, Node, Reference
from tests.users import nothing

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore::nbformat.warnings.DuplicateCellId"),
]

T = TypeVar("T")

ANY = st.integers(0, 30)
WHO = st.integers(0, 1)
METADATA = {"kernelspec": {"name": "k", "display_name": "K"}, "of": {"a": [1, "é"]}}


class Derived(AsyncLargeFileManager):
    """A manager of another package, of which nothing is known."""


class SavedEdits(RuleBasedStateMachine):
    """``cells`` is what the file has to have; ``read`` what each agent has read last."""

    cells: Cells

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.root = Path(self.folder.name, "root")
        self.root.mkdir()
        self.loop = asyncio.new_event_loop()
        self.contents: Any = None

    def teardown(self) -> None:
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()
        if self.contents is not None:
            self.contents.notary.store.close()
        self.folder.cleanup()

    @initialize(is_derived=st.booleans(), minor=st.sampled_from([5, 5, 4, 2]))
    def open(self, *, is_derived: bool, minor: int) -> None:
        config = Config({"NotebookNotary": {"db_file": ":memory:", "secret": b"x"}})
        kind = Derived if is_derived else AsyncLargeFileManager
        self.contents = kind(root_dir=str(self.root), config=config)
        files = McpFiles(self.contents, self.root, "/", Rendering(logging.getLogger(__name__)))
        self.storage = files.storage
        self.notebooks = Notebooks(self.contents, self.root, gate=files.gate, storage=self.storage)
        self.names, self.made, self.path = 1, 0, "a.ipynb"
        self.is_derived = is_derived
        self.is_open = False
        self.running: tuple[RunningCell, Recording, str] | None = None
        self.done: dict[tuple[int, str], list[Done]] = {}
        cells = [self.new() for _ in range(4)]
        cells[1] |= {"execution_count": 3, "outputs": [expected.output_of(cells[1])]}
        del cells[2]["outputs"], cells[2]["execution_count"]
        cells[2] |= {"cell_type": "markdown", "attachments": {"a.png": {"image/png": "aGk="}}}
        self.write(cells, minor)
        self.restart_server()
        self.read = [self.look(), self.look()]
        self.person_reloads()

    @rule()
    def restart_server(self) -> None:
        self.services: Any = SimpleNamespace(
            editing=Editing.build(
                self.contents,
                self.storage,
                self.root,
                settings={},
                events=None,
                runtime_dir=Path(self.folder.name),
                name="/",
                key=str.encode,
                log=logging.getLogger(__name__),
            ),
            sessions=SimpleNamespace(directory=self),
            written=SimpleNamespace(by_another=lambda path: None),
        )

    async def on_path(self, caller: Caller, path: str) -> object | None:
        """A person has the notebook open, or not: what the directory of sessions tells."""
        return self if self.is_open else None

    @rule(who=WHO)
    def agent_reads(self, who: int) -> None:
        self.read[who] = self.look()

    @rule(who=WHO, which=ANY, place=ANY, by_id=st.booleans())
    def agent_edits_a_part(self, who: int, which: int, place: int, *, by_id: bool) -> None:
        if edit := self.part(who, which, place, by_id=by_id):
            self.edit(who, edit)

    @rule(who=WHO, which=ANY, keeps=st.booleans())
    def agent_gives_a_source(self, who: int, which: int, *, keeps: bool) -> None:
        if cell := self.one(who, which):
            kept = cell.source if keeps else ""
            self.edit(who, expected.whole(cell, kept + self.token()))

    @rule(who=WHO, which=ANY, cell_type=st.sampled_from(["code", "markdown", "raw"]))
    def agent_changes_a_type(self, who: int, which: int, cell_type: Any) -> None:
        if cell := self.one(who, which):
            self.edit(who, expected.retyped(cell, cell_type))

    @rule(who=WHO, after=ANY, count=st.integers(1, 2))
    def agent_inserts(self, who: int, after: int, count: int) -> None:
        sources = [self.token() for _ in range(count)]
        self.edit(who, expected.inserted(sources, self.one(who, after)))

    @rule(who=WHO, some=st.lists(ANY, min_size=1, max_size=2))
    def agent_deletes(self, who: int, some: list[int]) -> None:
        if found := self.some(who, some):
            self.edit(who, expected.deleted(found))

    @rule(who=WHO, some=st.lists(ANY, min_size=1, max_size=3), after=ANY)
    def agent_moves(self, who: int, some: list[int], after: int) -> None:
        if found := self.some(who, some):
            goal = None if after % 4 == 0 else self.one(who, after)
            self.edit(who, expected.moved(found, goal))

    @rule(who=WHO, some=st.lists(ANY, min_size=1, max_size=3))
    def agent_clears(self, who: int, some: list[int]) -> None:
        if found := self.some(who, some):
            self.edit(who, expected.cleared(found))

    @rule(who=WHO, which=ANY)
    def agent_names_an_index_and_follows_the_refusal(self, who: int, which: int) -> None:
        source = self.token()
        index = str(which)
        words = self.refused(lambda draft: edits.rewrite(draft, index, source=source))
        if advised := re.search(r"is (\S+@\w{6}) now", words):
            self.follow(who, advised[1], index=which)
        else:
            assert which >= len(self.cells)

    @rule(who=WHO, which=ANY)
    def agent_follows_the_refusal_of_a_handle(self, who: int, which: int) -> None:
        cell = self.one(who, which)
        if cell is None or cell.cell_id is None:
            return
        found = [n for n, one in enumerate(self.cells) if one["id"] == cell.cell_id]
        if not found or self.cells[found[0]]["source"] == cell.source:
            return
        words = self.refused(lambda draft: edits.delete(draft, [cell.text]))
        advised = re.search(r"Use its handle (\S+) for", words)
        assert advised
        self.follow(who, advised[1], index=found[0])

    @rule(one=ANY, other=ANY, first=WHO)
    def agents_edit_at_once(self, one: int, other: int, first: int) -> None:
        before = self.cells
        pair = [
            (first, self.part(first, one, other)),
            (1 - first, expected.inserted([self.token()], self.one(1 - first, other))),
        ]
        made = [(who, edit) for who, edit in pair if edit is not None]

        async def at_once() -> list[Any]:
            return await asyncio.gather(*(self.tried(who, edit.make) for who, edit in made))

        outcomes = self.run(at_once())
        done = [(*pair, outcome) for pair, outcome in zip(made, outcomes, strict=True)]
        fits = [order for order in permutations(done) if self.fits(order)]
        assert fits, outcomes
        self.cells = self.in_file()
        for who, edit, outcome in fits[0]:
            if isinstance(outcome, EditOutcome):
                after = edit.wanted(before)
                self.remember(who, before, after, outcome.changed.value)
                before = after
        self.check(before)

    def fits(self, order: Sequence[tuple[int, Edit, Any]]) -> bool:
        """Whether edits can have been made in an order."""
        wanted = self.cells
        for _, edit, outcome in order:
            after = expected.made(edit, wanted)
            if isinstance(outcome, ToolError if after is not None else EditOutcome):
                return False
            wanted = wanted if after is None else after
        return [cell["source"] for cell in wanted] == [cell["source"] for cell in self.in_file()]

    @rule(who=WHO, which=ANY, place=ANY, how=ANY)
    def program_writes_while_an_agent_edits(
        self, who: int, which: int, place: int, how: int
    ) -> None:
        edit = self.part(who, which, place)
        if edit is None:
            return
        made = edit.make
        has_written = False

        def make(draft: Draft) -> Edited:
            nonlocal has_written
            try:
                return made(draft)
            finally:
                if not has_written:
                    has_written = True
                    self.program_writes(how, place)

        if expected.made(edit, self.cells) is None:
            self.refused(make)
        else:
            self.edit(who, Edit(make=make, wanted=edit.wanted))

    @rule(who=WHO, which=ANY)
    def agent_begins_to_run(self, who: int, which: int) -> None:
        """As `run_cells` records a cell."""
        cell = self.one(who, which)
        if self.running is not None or cell is None or cell.cell_id is None:
            return
        running = RunningCell(cell.cell_id)
        homes, place = self.services.editing.homes, self.place
        recording = Recording(
            lambda change: homes.change(place, change),
            see=lambda _: None,
            stamp=lambda: homes.stamp(place),
            on_let_go=lambda _: None,
            on_failure=failed,
        )
        mark = self.run(recording.step(partial(opened, running.id)))
        if mark is not None:
            self.running = (running, recording, self.path)
            running.opened(mark)
            [found] = [one for one in self.cells if one["id"] == running.id]
            found |= {"outputs": [], "execution_count": None}
            found["metadata"].pop("execution", None)

    @rule(count=st.integers(1, 3))
    def agent_ends_to_run(self, count: int) -> None:
        """What the cell has put out is written if the cell is as the run has left it."""
        if self.running is None or self.running[2] != self.path:
            return
        running, recording, _ = self.running
        self.running = None
        running.begin(count)
        found = next((one for one in self.cells if one["id"] == running.id), None)
        if found is not None:
            output = expected.output_of(found, count)
            running.outputs.take("stream", output)
            is_ours = (found.get("outputs"), found.get("execution_count", 0)) == ([], None)
            if is_ours:
                found |= {"outputs": [output], "execution_count": count}
                found["metadata"].pop("execution", None)
        running.end(count, {})

        async def end() -> None:
            recording.note(running)
            await recording.close()

        self.run(end())
        assert (running.let_go is None) == (found is not None and is_ours)
        self.check(self.cells)

    @rule(who=WHO)
    def agent_takes_back(self, who: int) -> None:
        known = self.done.setdefault((who, self.path), [])
        for (other, path), done in self.done.items():  # made when it had another name
            is_earlier = (other, path != self.path) == (who, True) and done
            inserted = {cell_id for each in done for cell_id in each.inserted}
            is_shown = any(each.shows_in(self.cells, inserted) for each in done)
            if is_earlier and is_shown and done[-1].is_known_by(self.cells):
                known += done
                done.clear()
        known.sort(key=lambda done: done.number)
        can = bool(known) and known[-1].is_as_left(self.cells) and known[-1].can_be_of(self.cells)
        try:
            self.run(undo_edits(self.services, self.place, 1, caller=self.caller(who)))
        except ToolError:
            assert not can
            self.check(self.cells)
            return
        assert can
        found = self.in_file()
        known.pop().check_taken_back(self.cells, found)
        self.cells = found

    @rule(which=ANY)
    def person_types(self, which: int) -> None:
        cells = self.tab["content"]["cells"]
        if cells:
            cell = cells[which % len(cells)]
            cell["source"] = expected.joined(cell["source"]) + self.token()

    @rule(which=ANY)
    def person_inserts(self, which: int) -> None:
        content = self.tab["content"]
        cell = self.new()
        if content["nbformat_minor"] < 5:
            del cell["id"]
        content["cells"].insert(which % (len(content["cells"]) + 1), cell)

    @rule(which=ANY)
    def person_deletes(self, which: int) -> None:
        cells = self.tab["content"]["cells"]
        if len(cells) > 1:
            del cells[which % len(cells)]

    @rule(which=ANY, to=ANY)
    def person_moves(self, which: int, to: int) -> None:
        cells = self.tab["content"]["cells"]
        if cells:
            cells.insert(to % len(cells), cells.pop(which % len(cells)))

    @rule(which=ANY)
    def person_runs(self, which: int) -> None:
        cells = self.tab["content"]["cells"]
        if cells and (cell := cells[which % len(cells)])["cell_type"] == "code":
            cell |= {"outputs": [expected.output_of(cell)], "execution_count": which}

    @rule()
    def person_saves(self) -> None:
        """JupyterLab looks at the hash first, and the person reverts to a file that is another."""
        now = self.run(self.contents.get(self.path, content=False, require_hash=True))
        if now["hash"] != self.tab["hash"]:
            self.person_reloads()
            return
        model = {"type": "notebook", "format": "json", "content": self.tab["content"]}
        self.run(self.contents.save(model, self.path))
        self.person_reloads()
        self.cells = self.in_file()

    @rule()
    def person_reloads(self) -> None:
        self.tab = self.run(self.contents.get(self.path, content=True, require_hash=True))

    @rule()
    def person_opens_or_closes_the_tab(self) -> None:
        self.is_open = not self.is_open

    @rule()
    def person_renames(self) -> None:
        self.names += 1
        name = "a.ipynb" if self.names % 2 else "b.ipynb"
        self.run(self.contents.rename(self.path, name))
        self.path = name

    @rule(how=ANY, which=ANY)
    def program_writes(self, how: int, which: int) -> None:
        """Another program adds, types, reorders, doubles an id, or writes an earlier nbformat."""
        cells = [dict(cell) for cell in self.in_file()]
        for cell in cells:
            cell["id"] = cell["id"] or f"{self.number():08d}-given"
        minor = 5
        index = which % len(cells) if cells else 0
        match how % 5:
            case 0:
                cells.insert(index, self.new())
            case 1 if cells:
                cells[index]["source"] += self.token()
            case 2:
                cells = [*cells[index:], *cells[:index]]
            case 3 if cells:
                cells[-1]["id"] = cells[index]["id"]
            case 4:
                minor = (4, 2, 0)[which % 3]
        self.write(cells, minor)

    @invariant()
    def the_file_is_as_it_has_to_be(self) -> None:
        if self.contents is not None:
            self.check(self.cells)
            expected.check_whole(self.cells)

    def check(self, wanted: Cells) -> None:
        """Compare the file with cells; the ids that they have got are known then."""
        node = self.file()
        found = self.in_file()
        expected.check_same(found, wanted)
        assert node["metadata"] == METADATA
        self.cells = found

    def edit(self, who: int, edit: Edit) -> None:
        """Make an edit, and check that it is made or refused as it has to be."""
        outcome = self.run(self.tried(who, edit.make))
        if isinstance(outcome, ToolError):
            assert expected.made(edit, self.cells) is None, outcome
            self.check(self.cells)
            return
        before = self.cells
        wanted = edit.wanted(before)
        self.check(wanted)
        edited = outcome.changed.value
        assert outcome.changed.saved == "saved"
        assert outcome.can_undo
        if edited.steps:
            node = self.file()
            nbformat.validate(node)
            assert node["nbformat_minor"] == 5
            self.remember(who, before, self.cells, edited)
        for cell in edited.cells:
            now = self.cells[cell.index]
            assert (cell.cell_type, now["id"]) == (now["cell_type"], cell.cell_id)

    def remember(self, who: int, before: Cells, after: Cells, edited: Edited) -> None:
        """Keep an edit that was made, with the ids that cells have now."""
        done = Done(
            before=with_ids(before, self.cells, edited.steps),
            after=with_ids(after, self.cells, edited.steps),
            touched=frozenset(step.cell_id for step in edited.steps),
            number=self.number(),
        )
        self.done.setdefault((who, self.path), []).append(done)

    def refused(self, make: Callable[[Draft], Edited]) -> str:
        """Make an edit that has to be refused; what is said of it."""
        outcome = self.run(self.tried(0, make))
        assert isinstance(outcome, ToolError)
        self.check(self.cells)
        return str(outcome)

    def follow(self, who: int, handle: str, *, index: int) -> None:
        """Use the handle that a refusal has named."""
        cell = self.cells[index]
        if cell["id"] is None:
            return  # see `in_file`
        at = Reference(text=handle, cell_id=None, index=index, source=cell["source"])
        self.edit(who, expected.whole(at, cell["source"] + self.token()))

    async def tried(self, who: int, make: Callable[[Draft], Edited]) -> EditOutcome | ToolError:
        caller = self.caller(who)
        try:
            return await edit_notebook(self.services, self.place, make, caller=caller)
        except ToolError as err:
            return err

    def part(self, who: int, which: int, place: int, *, by_id: bool = False) -> Edit | None:
        cell = self.one(who, which)
        if cell is None:
            return None
        if by_id and cell.cell_id is not None:
            cell = Reference(
                text=cell.cell_id,
                cell_id=cell.cell_id,
                index=cell.index,
                source=cell.source,
                has_hash=False,
            )
        tokens = expected.TOKEN.findall(cell.source)
        old = tokens[place % len(tokens)]
        return expected.part(cell, old, old + self.token())

    def look(self) -> list[Reference]:
        """What an agent reads."""
        notebook = self.run(self.notebooks.read(self.path, hides=nothing))
        return [
            Reference(text=text, cell_id=cell.cell_id, index=cell.index, source=cell.source)
            for cell, text in zip(notebook.cells, handles(notebook.cells), strict=True)
        ]

    def one(self, who: int, which: int) -> Reference | None:
        known = self.read[who]
        return known[which % len(known)] if known else None

    def some(self, who: int, which: Sequence[int]) -> list[Reference]:
        known = self.read[who]
        return [known[n % len(known)] for n in which] if known else []

    def caller(self, who: int) -> Caller:
        return Caller(subject="alice", username="alice", client=f"agent {who}")

    @property
    def place(self) -> Place:
        return Place(path=self.path, real=self.path)

    def file(self) -> Node:
        node: Node = json.loads((self.root / self.path).read_text())
        return node

    def in_file(self) -> Cells:
        """The cells of the file; those without an id have the one that a draft gives them."""
        node = self.file()
        cells = expected.cells_of(node)
        if self.is_derived and node["nbformat_minor"] >= 5:
            return cells  # Jupyter itself gives them ids, each time others
        for cell in node["cells"]:
            cell["source"] = expected.joined(cell["source"])
        for cell, cell_id in zip(cells, FileDraft(node).ids, strict=True):
            cell["id"] = cell_id
        return cells

    def write(self, cells: Cells, minor: int) -> None:
        if minor < 5:
            cells = [{key: cell[key] for key in cell if key != "id"} for cell in cells]
        node = {"cells": cells, "metadata": METADATA, "nbformat": 4, "nbformat_minor": minor}
        (self.root / self.path).write_text(json.dumps(node))
        self.cells = self.in_file()

    def run(self, done: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(done)

    def number(self) -> int:
        self.made += 1
        return self.made

    def token(self) -> str:
        return f"<{self.number()}é>"

    def new(self) -> Node:
        number = self.number()
        return expected.code(f"{number:08d}-made", f"<{number}é>")


def failed(err: Exception) -> None:
    """A recording that cannot write is a failure of the test."""
    raise err


def opened(cell_id: str, draft: Draft) -> Mark | None:
    """Open a cell that is to run; None if it is gone, or no code."""
    if cell_id not in draft.ids or draft.cell(draft.ids.index(cell_id)).cell_type != "code":
        return None
    return RunningCell.open(draft, draft.ids.index(cell_id))


def with_ids(before: Cells, after: Cells, steps: Sequence[Step]) -> Cells:
    """Cells with the ids that an edit has given them."""
    ids = {cell["source"]: cell["id"] for cell in after}
    for step in steps:
        if isinstance(step, Removed):
            ids[expected.joined(step.node["source"])] = step.cell_id
        elif isinstance(step, Rewritten):
            ids[step.before] = step.cell_id
    return [{**cell, "id": cell["id"] or ids.get(cell["source"])} for cell in before]


TestSavedEdits = SavedEdits.TestCase
TestSavedEdits.settings = expected.examples(500, 15)
