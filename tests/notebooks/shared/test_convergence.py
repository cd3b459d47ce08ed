"""An agent's edits and a person's in one shared document, in any order: nothing is lost or doubled.

Two documents are synchronised now and then, as the server's and a browser's are. What both will
have in the end is looked at after each step. Not tried: two who move one cell at the same time, and
typing in a cell while it is moved (`Draft.person` is there to prevent that).
"""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from jupyter_ydoc import YNotebook

from jupyter_mcp_ext.notebooks.shared.cell_ids import CellIds
from jupyter_mcp_ext.notebooks.shared.draft import RoomDraft

ANY = st.integers(0, 30)
TYPED = ("é", "😀", "\n", " ")


def code(cell_id: str, source: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "id": cell_id,
        "source": source,
        "metadata": {"made": cell_id},
        "outputs": [],
        "execution_count": None,
    }


class SharedEdits(RuleBasedStateMachine):
    """Each edit adds a text that exists once; ``tokens`` has the cell of each."""

    @initialize()
    def open(self) -> None:
        self.server, self.browser = YNotebook(), YNotebook()
        cells = [code(f"cell{n}", f"<{n}é>") for n in range(4)]
        self.server.set({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
        self.ids = CellIds(self.server.ycells)
        self.tokens = {f"<{n}é>": f"cell{n}" for n in range(4)}
        self.deleted: set[str] = set()
        self.made = 4
        self.sync()

    @rule()
    def sync(self) -> None:
        for source, target in ((self.server, self.browser), (self.browser, self.server)):
            target.ydoc.apply_update(source.ydoc.get_update(target.ydoc.get_state()))

    @rule(which=ANY, place=ANY)
    def agent_edits(self, which: int, place: int) -> None:
        with self.draft() as draft:
            if draft.ids:
                index = which % len(draft.ids)
                source = draft.cell(index).source
                at = self.cut(source, place)
                draft.set_source(index, source[:at] + self.token(draft.ids[index]) + source[at:])

    @rule(which=ANY, place=ANY)
    def person_types(self, which: int, place: int) -> None:
        cells = self.browser.ycells
        if len(cells):
            cell = cells[which % len(cells)]
            at = self.cut(str(cell["source"]), place)
            typed = self.token(cell["id"]) + TYPED[place % len(TYPED)]
            cell["source"].insert(len(str(cell["source"])[:at].encode()), typed)

    @rule(which=ANY)
    def agent_inserts(self, which: int) -> None:
        with self.draft() as draft:
            draft.insert(which % (len(draft.ids) + 1), [self.cell(), self.cell()])

    @rule(which=ANY)
    def person_inserts(self, which: int) -> None:
        cells = self.browser.ycells
        cells.insert(which % (len(cells) + 1), self.browser.create_ycell(self.cell()))

    @rule(which=ANY)
    def agent_deletes(self, which: int) -> None:
        with self.draft() as draft:
            if draft.ids:
                index = which % len(draft.ids)
                self.deleted.add(draft.ids[index])
                draft.remove(index)

    @rule(which=ANY)
    def person_deletes(self, which: int) -> None:
        cells = self.browser.ycells
        if len(cells):
            self.deleted.add(cells.pop(which % len(cells))["id"])

    @rule(which=ANY, to=ANY)
    def agent_moves_while_all_is_quiet(self, which: int, to: int) -> None:
        self.sync()
        with self.draft() as draft:
            if draft.ids:
                moved = draft.ids[which % len(draft.ids)]
                draft.move(which % len(draft.ids), to % len(draft.ids))
                assert draft.ids[to % len(draft.ids)] == moved
        self.sync()

    @rule(which=ANY)
    def agent_changes_a_type_while_all_is_quiet(self, which: int) -> None:
        self.sync()
        with self.draft() as draft:
            if draft.ids:
                index = which % len(draft.ids)
                is_code = draft.cell(index).cell_type == "code"
                draft.set_type(index, "markdown" if is_code else "code")
        self.sync()

    @rule(which=ANY, count=st.integers(1, 5))
    def agent_writes_outputs(self, which: int, count: int) -> None:
        with self.draft() as draft:
            index = which % (len(draft.ids) or 1)
            if draft.ids and draft.cell(index).cell_type == "code":
                mark = f"output of {draft.ids[index]}\n"
                stream = {"output_type": "stream", "name": "stdout", "text": mark * count}
                draft.set_outputs(index, [stream], start=0)

    @invariant()
    def both_will_have_everything_once(self) -> None:
        if not hasattr(self, "server"):
            return
        mine, theirs = YNotebook(), YNotebook()
        for merged, order in (
            (mine, (self.server, self.browser)),
            (theirs, (self.browser, self.server)),
        ):
            for document in order:
                merged.ydoc.apply_update(document.ydoc.get_update())
        found = mine.get(deduplicate=False)
        assert found == theirs.get(deduplicate=False)
        self.check(found["cells"])
        assert self.ids.unique(self.server.ycells) == [cell["id"] for cell in self.server.ycells]

    def check(self, cells: list[dict[str, Any]]) -> None:
        ids = [cell["id"] for cell in cells]
        assert len(set(ids)) == len(ids)
        text = "".join(cell["source"] for cell in cells)
        for token, cell_id in self.tokens.items():
            is_gone = cell_id in self.deleted and cell_id not in ids
            assert text.count(token) == (0 if is_gone else 1), token
        for cell in cells:
            assert cell["metadata"] == {"made": cell["id"]}
            for output in cell.get("outputs", ()):
                assert set(output["text"].splitlines()) == {f"output of {cell['id']}"}

    def draft(self) -> RoomDraft:
        return RoomDraft(self.server, self.ids)

    def token(self, cell_id: str) -> str:
        self.made += 1
        token = f"<{self.made}é>"
        self.tokens[token] = cell_id
        return token

    def cell(self) -> dict[str, Any]:
        cell_id = f"cell{self.made + 1}"
        return code(cell_id, self.token(cell_id))

    @staticmethod
    def cut(source: str, place: int) -> int:
        """Where a text can be inserted without parting another."""
        places = [0, *(at + 1 for at, character in enumerate(source) if character == ">")]
        return places[place % len(places)]


TestSharedEdits = SharedEdits.TestCase
TestSharedEdits.settings = settings(
    max_examples=60,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
