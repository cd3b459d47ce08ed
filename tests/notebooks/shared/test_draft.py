"""Drafts of shared documents: what only these have to deal with."""

from __future__ import annotations

import gc
import time
import weakref
from typing import Any

import nbformat
import pytest
from jupyter_ydoc import YNotebook
from pycrdt import Awareness, Doc, Map, Text

from jupyter_mcp_ext.errors import ContentsError
from jupyter_mcp_ext.notebooks.editing import edits
from jupyter_mcp_ext.notebooks.editing.steps import take_back
from jupyter_mcp_ext.notebooks.shared.cell_ids import CellIds
from jupyter_mcp_ext.notebooks.shared.cells import drop_doubles
from jupyter_mcp_ext.notebooks.shared.draft import RoomDraft
from jupyter_mcp_ext.notebooks.shared.people import People, in_cells
from jupyter_mcp_ext.notebooks.shared.values import splice
from tests.notebooks.browsers import cursor
from tests.notebooks.test_draft import STREAM


def code(cell_id: str, source: str = "", **more: Any) -> dict[str, Any]:
    cell = {"cell_type": "code", "id": cell_id, "source": source, "metadata": {}}
    return {**cell, "outputs": [], "execution_count": None, **more}


def shared(*cells: dict[str, Any]) -> YNotebook:
    document = YNotebook()
    document.set({"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    return document


def draft_of(document: YNotebook) -> RoomDraft:
    return RoomDraft(document, CellIds(document.ycells))


def stream(text: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": "stdout", "text": text}


class Cells(list[Any]):
    """What stands for a document's array of cells: so many would take it long."""

    def observe_deep(self, follow: object) -> None:
        """They do not change."""


def stored_ids(document: YNotebook) -> list[str]:
    return [cell["id"] for cell in document.ycells]


def updates(document: YNotebook) -> list[bytes]:
    seen: list[bytes] = []
    document.ydoc.observe(lambda event: seen.append(event.update))
    return seen


def valid(document: YNotebook) -> bool:
    nbformat.validate(document.get())
    return True


def test_a_splice_replaces_what_differs_and_counts_as_the_document_does() -> None:
    server, browser = shared(code("a", "é = 'ä😀'\nprint(é)")), YNotebook()
    browser.ydoc.apply_update(server.ydoc.get_update())
    typed = browser.ycells[0]["source"]
    typed.insert(len("é = 'ä😀'".encode()), "  # a person's")

    splice(server.ycells[0]["source"], "é = 'ö😀😀'\nprint(é)")
    server.ydoc.apply_update(browser.ydoc.get_update())

    assert str(server.ycells[0]["source"]) == "é = 'ö😀😀'  # a person's\nprint(é)"


def test_half_a_surrogate_pair_is_replaced() -> None:
    document = shared(code("a", "x"))
    with draft_of(document) as draft:
        draft.set_source(0, "x = '\ud800'")
        draft.insert(1, [code("b", "\udfff")])

    assert [str(cell["source"]) for cell in document.ycells] == ["x = '?'", "?"]


def test_a_cell_is_read_as_it_is_saved() -> None:
    made = code("a", "x", execution_count=3, outputs=[stream("1\n")], metadata={"n": 1, "f": 0.5})
    document = shared(made)

    with draft_of(document) as draft:
        assert draft.node(0) == made
        cell = draft.cell(0)

    assert (cell.index, cell.cell_id, cell.source, cell.execution_count) == (0, "a", "x", 3)


def test_cells_with_one_id_get_ids_of_their_own_and_a_refused_change_writes_none() -> None:
    document = shared(code("a", "1"), code("b", "2"), code("c", "3"))
    document.ycells[1]["id"] = "a"
    del document.ycells[2]["id"]
    seen = updates(document)

    with draft_of(document) as draft:
        assert draft.ids == ["a", "a-2", "cell-2"]
    assert seen == []

    with draft_of(document) as draft:
        draft.set_source(draft.ids.index("a-2"), "two")

    assert stored_ids(document) == ["a", "a-2", "cell-2"]
    assert [cell["source"] for cell in document.get()["cells"]] == ["1", "two", "3"]


def test_many_cells_with_one_id_are_told_apart_in_time_that_grows_as_they_do() -> None:
    cells = Cells({"id": "a"} for _ in range(20_000))
    ids = CellIds(cells)

    began = time.process_time()
    unique = ids.unique(cells)

    assert time.process_time() - began < 5
    assert (unique[:3], len(set(unique))) == (["a", "a-2", "a-3"], 20_000)


def test_ids_are_followed_through_changes_of_others() -> None:
    document = shared(code("a"), code("b"), code("c"))
    ids = CellIds(document.ycells)
    assert ids.unique(document.ycells) == ["a", "b", "c"]

    with document.ydoc.transaction():
        del document.ycells[1]
        document.ycells.insert(0, document.create_ycell(code("d")))
        document.ycells.append(document.create_ycell(code("e")))
        document.ycells.append(Map({"cell_type": "raw", "source": Text("no id")}))
    assert ids.unique(document.ycells) == ["d", "a", "c", "e", "cell-2"]

    document.ycells[0]["id"] = "f"
    assert ids.unique(document.ycells) == ["f", "a", "c", "e", "cell-2"]


def test_several_changes_of_a_draft_are_one_for_a_browser() -> None:
    document = shared(code("a"), code("b"))
    seen = updates(document)

    with draft_of(document) as draft:
        draft.insert(1, [code("c", "x")])
        draft.set_source(0, "y")
        draft.set_count(2, 7)

    assert len(seen) == 1


def test_a_move_is_two_changes_so_that_no_keystroke_goes_into_another_cell() -> None:
    server, browser = shared(code("a", "1"), code("b", "2"), code("c", "3")), YNotebook()
    browser.ydoc.apply_update(server.ydoc.get_update())
    seen = updates(server)

    with draft_of(server) as draft:
        draft.set_running(0, is_running=True)
        draft.move(0, 2)
        assert draft.ids == ["b", "c", "a"]

    assert len(seen) == 2
    for update in seen:
        browser.ydoc.apply_update(update)
    assert stored_ids(browser) == ["b", "c", "a"]
    assert browser.ycells[2]["execution_state"] == "running"


def test_of_a_cell_that_both_have_moved_the_persons_copy_stays() -> None:
    server, browser = shared(code("a", "1"), code("b", "2"), code("c", "3")), YNotebook()
    browser.ydoc.apply_update(server.ydoc.get_update())
    ids = CellIds(server.ycells)
    with RoomDraft(server, ids) as draft:
        draft.move(0, 2)
    moved = browser.get_cell(0)
    del browser.ycells[0]
    browser.ycells.insert(1, browser.create_ycell({**moved, "source": "1  # a person's"}))
    server.ydoc.apply_update(browser.ydoc.get_update())
    assert sorted(stored_ids(server)) == ["a", "a", "b", "c"]

    drop_doubles(server, ids, {"a", "b"})
    browser.ydoc.apply_update(server.ydoc.get_update())

    for document in (server, browser):
        assert stored_ids(document) == ["b", "a", "c"]
        assert str(document.ycells[1]["source"]) == "1  # a person's"


def test_another_type_keeps_id_source_and_metadata() -> None:
    outputs = [stream("1\n")]
    document = shared(code("a", "# é", metadata={"tags": ["x"]}, outputs=outputs))

    with draft_of(document) as draft:
        draft.set_type(0, "markdown")
    assert document.get()["cells"] == [
        {"cell_type": "markdown", "id": "a", "source": "# é", "metadata": {"tags": ["x"]}}
    ]

    with draft_of(document) as draft:
        draft.set_type(0, "code")
    assert document.get()["cells"] == [code("a", "# é", metadata={"tags": ["x"]})]
    assert valid(document)


def test_a_stream_that_grows_is_appended_to() -> None:
    document = shared(code("a"))
    with draft_of(document) as draft:
        draft.set_outputs(0, [stream("line 1\n"), stream("x")], start=0)
    output = document.ycells[0]["outputs"][0]
    seen = updates(document)

    with draft_of(document) as draft:
        draft.set_outputs(0, [stream("line 1\n" + "line 2 é\n" * 1000)], start=0)
    grown = len(seen[0])
    with draft_of(document) as draft:
        draft.set_outputs(0, [stream("line 1\n" + "line 2 é\n" * 1001)], start=0)

    assert str(output["text"]) == "line 1\n" + "line 2 é\n" * 1001
    assert len(seen[1]) < grown / 50
    assert len(document.ycells[0]["outputs"]) == 1


def test_equal_outputs_are_left_and_others_are_replaced_from_the_start_on() -> None:
    def display(data: Any) -> dict[str, Any]:
        return {"output_type": "display_data", "data": data, "metadata": {}}

    document = shared(code("a"))
    first = [display({"text/plain": "1"}), display({"application/json": {"n": 2}}), stream("x")]
    with draft_of(document) as draft:
        draft.set_outputs(0, first, start=0)
    seen = updates(document)

    with draft_of(document) as draft:
        draft.set_outputs(0, first[1:], start=1)
    assert seen == []

    with draft_of(document) as draft:
        draft.set_outputs(0, [stream("y"), display({"text/plain": "3"})], start=1)
    outputs = document.get()["cells"][0]["outputs"]
    assert outputs == [first[0], stream("y"), display({"text/plain": "3"})]
    assert valid(document)


def test_counts_timings_and_states_are_those_of_jupyterlab() -> None:
    document = shared(code("a", metadata={"tags": []}))
    with draft_of(document) as draft:
        draft.set_running(0, is_running=True)
        draft.set_count(0, 4)
        draft.set_timing(0, {"iopub.status.busy": "2026-01-01T00:00:00Z"})

    cell = document.ycells[0].to_py()
    assert (cell["execution_state"], cell["execution_count"]) == ("running", 4.0)
    assert isinstance(cell["execution_count"], float)
    assert cell["metadata"]["execution"] == {"iopub.status.busy": "2026-01-01T00:00:00Z"}

    with draft_of(document) as draft:
        draft.set_running(0, is_running=False)
        draft.set_count(0, None)
        draft.set_timing(0, None)
    assert document.get()["cells"] == [code("a", metadata={"tags": []})]


def test_a_document_is_freed_although_its_cells_are_followed() -> None:
    document = shared(code("a"))
    ids = CellIds(document.ycells)
    ids.unique(document.ycells)
    freed = weakref.ref(document.ydoc)

    del document
    gc.collect()

    assert freed() is None


class Person:
    """A person's browser, with a cursor in a cell."""

    def __init__(self, server: YNotebook, room: Awareness, name: str) -> None:
        self.room = room
        self.document = YNotebook(Doc())
        self.document.ydoc.apply_update(server.ydoc.get_update())
        self.awareness = Awareness(self.document.ydoc)
        self.name = name

    def go(self, cell_id: str | None, *, at: int = 0) -> None:
        cells = [cell for cell in self.document.ycells if cell["id"] == cell_id]
        cursors = [cursor(cell["source"], at) for cell in cells]
        self.say({"user": {"name": self.name}, "cursors": cursors})

    def say(self, state: Any) -> None:
        self.awareness.set_local_state(state)
        update = self.awareness.encode_awareness_update([self.awareness.client_id])
        self.room.apply_awareness_update(update, self)


def test_a_person_is_in_the_cell_in_which_their_cursor_is() -> None:
    document = shared(code("a", "1"), code("b", ""), code("c", "3"))
    room = Awareness(document.ydoc)
    people = People(room)
    bob = Person(document, room, "Bob")

    def where() -> list[str]:
        with RoomDraft(document, CellIds(document.ycells), people) as draft:
            return [draft.person(index) for index in range(3)]

    assert where() == ["", "", ""]
    bob.go("b")
    assert where() == ["", "Bob", ""]
    bob.go("c", at=1)
    assert where() == ["", "", "Bob"]
    bob.say({"user": {"name": "Bob"}})
    assert where() == ["", "", ""]
    for odd in ({"cursors": "x"}, {"cursors": [1, {}, {"anchor": 3}]}, {"user": 1, "cursors": []}):
        bob.say(odd)
        assert where() == ["", "", ""]


def test_a_person_whose_cursor_has_long_been_still_does_not_type() -> None:
    document = shared(code("a", "1"))
    room = Awareness(document.ydoc)
    now = 1000.0
    people = People(room, clock=lambda: now)
    bob = Person(document, room, "Bob")
    text = document.ycells[0]["source"]
    bob.go("a")
    assert people.typing_in(text) == "Bob"

    now = 1030.0
    bob.go("a")  # the browser says again that it is there
    assert people.typing_in(text) == ""
    assert [p.name for p in in_cells(people.present(), [text])[0]] == ["Bob"]

    bob.go("a", at=1)
    assert people.typing_in(text) == "Bob"


def test_an_id_that_nbformat_does_not_allow_is_another_in_handles_and_once_a_cell_is_changed() -> (
    None
):
    document = shared(code("with spaces!", "1"), code("with-spaces--2", "2"), code("é" * 70, "3"))
    before = stored_ids(document)
    seen = updates(document)

    with draft_of(document) as draft:
        ids = list(draft.ids)
        assert draft.node(0)["id"] == ids[0] == "with-spaces--3"
    assert seen == []
    assert stored_ids(document) == before

    with draft_of(document) as draft:
        draft.set_source(1, "two")

    assert stored_ids(document) == ids
    assert valid(document)


def test_a_person_goes_on_typing_in_a_cell_whose_id_is_made_valid() -> None:
    server = shared(code("with spaces!", "1"), code("b", "2"))
    browser = YNotebook()
    browser.ydoc.apply_update(server.ydoc.get_update())
    typed = browser.ycells[0]["source"]

    with draft_of(server) as draft:
        draft.set_source(1, "two")
    typed.insert(1, "1")
    browser.ydoc.apply_update(server.ydoc.get_update())
    typed.insert(2, "1")
    server.ydoc.apply_update(browser.ydoc.get_update())

    assert [str(cell["source"]) for cell in server.ycells] == ["111", "two"]
    assert stored_ids(server) == stored_ids(browser)


def test_the_outputs_of_a_cell_that_runs_are_not_given_back() -> None:
    document = shared(code("a", "1", outputs=[STREAM]))
    with draft_of(document) as draft:
        cleared = edits.clear(draft, ["a"])
    with draft_of(document) as draft:
        draft.set_running(0, is_running=True)

    with draft_of(document) as draft, pytest.raises(ContentsError):
        take_back(draft, cleared.steps)

    assert document.ycells.to_py()[0]["outputs"] == []


def test_a_cursor_that_moves_to_another_cell_is_in_that_one_alone() -> None:
    document = shared(code("a", "1"), code("b", "2"))
    room = Awareness(document.ydoc)
    people = People(room)
    bob, eve = Person(document, room, "Bob"), Person(document, room, "Eve")
    texts = [cell["source"] for cell in document.ycells]

    bob.go("a")
    eve.go("a")
    bob.go("b")
    assert [people.typing_in(text) for text in texts] == ["Eve", "Bob"]

    eve.go(None)
    bob.go(None)
    assert [people.typing_in(text) for text in texts] == ["", ""]
