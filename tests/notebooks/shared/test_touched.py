"""Edits in a room that it has not saved, made again in the file that it has left."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from jupyter_ydoc import YNotebook

from jupyter_mcp_ext.notebooks.draft import Change
from jupyter_mcp_ext.notebooks.saved.draft import FileDraft
from jupyter_mcp_ext.notebooks.shared.cell_ids import CellIds
from jupyter_mcp_ext.notebooks.shared.draft import RoomDraft
from jupyter_mcp_ext.notebooks.shared.touched import Touched, carried_over


def code(cell_id: str, source: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "id": cell_id,
        "source": source,
        "metadata": {},
        "outputs": [],
        "execution_count": None,
    }


def notebook(*cells: dict[str, Any]) -> dict[str, Any]:
    node = {"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    return copy.deepcopy(node)


class Room:
    """A document with one cell, and what edits have touched in it."""

    def __init__(self) -> None:
        self.document = YNotebook()
        self.document.set(notebook(code("one", "1")))
        self.ids = CellIds(self.document.ycells)
        self.touched = Touched()

    def edit(self, change: Change[None]) -> None:
        with RoomDraft(self.document, self.ids) as draft:
            change(draft)
            draft.touched.leave(draft)
        self.touched.add(draft.touched)

    def carried(self) -> Change[Any]:
        with RoomDraft(self.document, self.ids) as draft:
            return carried_over(self.touched, draft)


@pytest.fixture
def room() -> Room:
    return Room()


def left(change: Change[Any], *cells: dict[str, Any]) -> tuple[list[tuple[str, str]], list[str]]:
    """The cells of a file after a change, and those that are lost."""
    node = notebook(*cells)
    lost = change(FileDraft(node))
    return [(cell["id"], cell["source"]) for cell in node["cells"]], lost


def test_what_is_carried_over_is_as_it_was_when_the_room_closed(room: Room) -> None:
    room.edit(lambda draft: draft.insert(1, [code("two", "2")]))
    room.edit(lambda draft: draft.set_source(0, "1 edited"))
    carried = room.carried()
    room.document.set(notebook())

    assert left(carried, code("one", "1")) == ([("one", "1 edited"), ("two", "2")], [])


def test_an_inserted_cell_that_is_edited_after_the_room_has_saved_it_is_carried_over(
    room: Room,
) -> None:
    room.edit(lambda draft: draft.insert(1, [code("two", "2")]))
    room.edit(lambda draft: draft.set_source(1, "2 edited"))

    found = left(room.carried(), code("one", "1"), code("two", "2"))

    assert found == ([("one", "1"), ("two", "2 edited")], [])


def test_an_inserted_cell_that_another_has_edited_in_the_file_is_lost(room: Room) -> None:
    room.edit(lambda draft: draft.insert(1, [code("two", "2")]))
    room.edit(lambda draft: draft.set_source(1, "2 edited"))

    found = left(room.carried(), code("one", "1"), code("two", "of a person"))

    assert found == ([("one", "1"), ("two", "of a person")], ["two"])


def test_of_several_edits_of_a_cell_the_room_may_have_saved_any(room: Room) -> None:
    for source in ("a", "b", "c"):
        room.edit(lambda draft, source=source: draft.set_source(0, source))  # type: ignore[misc]

    for saved in ("1", "a", "b", "c"):
        assert left(room.carried(), code("one", saved)) == ([("one", "c")], [])


def test_an_inserted_cell_that_is_deleted_after_the_room_has_saved_it_is_gone(room: Room) -> None:
    room.edit(lambda draft: draft.insert(1, [code("two", "2")]))
    room.edit(lambda draft: draft.remove(1))

    assert left(room.carried(), code("one", "1"), code("two", "2")) == ([("one", "1")], [])
    assert left(room.carried(), code("one", "1")) == ([("one", "1")], [])


def test_a_cell_that_is_deleted_and_put_back_otherwise_is_carried_over(room: Room) -> None:
    room.edit(lambda draft: draft.remove(0))
    room.edit(lambda draft: draft.insert(0, [code("one", "again")]))

    assert left(room.carried(), code("one", "1")) == ([("one", "again")], [])
