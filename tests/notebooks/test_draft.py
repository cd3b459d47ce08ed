"""What every draft does, wherever its notebook is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any, TypeAlias

import pytest
from jupyter_ydoc import YNotebook

from jupyter_mcp_ext.notebooks.draft import Draft
from jupyter_mcp_ext.notebooks.saved.draft import FileDraft
from jupyter_mcp_ext.notebooks.shared.cell_ids import CellIds
from jupyter_mcp_ext.notebooks.shared.draft import RoomDraft

Make: TypeAlias = Callable[[dict[str, Any]], Draft]


def code(cell_id: str, source: str = "", **more: Any) -> dict[str, Any]:
    return {
        "id": cell_id,
        "cell_type": "code",
        "source": source,
        "metadata": {},
        "outputs": [],
        "execution_count": None,
        **more,
    }


def notebook(*cells: dict[str, Any], minor: int = 5) -> dict[str, Any]:
    return {"nbformat": 4, "nbformat_minor": minor, "metadata": {}, "cells": list(cells)}


@pytest.fixture(params=["file", "room"])
def make(request: pytest.FixtureRequest) -> Iterator[Make]:
    with ExitStack() as stack:

        def in_room(node: dict[str, Any]) -> Draft:
            document = YNotebook()
            document.set(node)
            return stack.enter_context(RoomDraft(document, CellIds(document.ycells)))

        yield FileDraft if request.param == "file" else in_room


def sources(draft: Draft) -> Sequence[str]:
    return [draft.cell(index).source for index in range(len(draft.ids))]


STREAM: dict[str, Any] = {"output_type": "stream", "name": "stdout", "text": "a\n"}
RESULT: dict[str, Any] = {
    "output_type": "execute_result",
    "data": {"text/plain": "1"},
    "metadata": {},
    "execution_count": 3,
}


def test_cells_are_read_as_they_are(make: Make) -> None:
    draft = make(notebook(code("a1", "x = 1", outputs=[STREAM], execution_count=3), code("b2")))

    assert list(draft.ids) == ["a1", "b2"]
    cell = draft.cell(0)
    assert (cell.cell_id, cell.cell_type, cell.source) == ("a1", "code", "x = 1")
    assert (cell.index, cell.execution_count) == (0, 3)
    assert draft.node(0)["outputs"] == [STREAM]


def test_cells_are_inserted_removed_and_put_back(make: Make) -> None:
    draft = make(notebook(code("a1", "a"), code("b2", "b", metadata={"tags": ["x"]})))

    draft.insert(1, [code("c3", "c"), code("d4", "d")])
    node = draft.node(3)
    draft.remove(3)
    draft.insert(0, [node])

    assert list(draft.ids) == ["b2", "a1", "c3", "d4"]
    assert sources(draft) == ["b", "a", "c", "d"]
    assert draft.node(0) == node
    assert node["metadata"] == {"tags": ["x"]}


@pytest.mark.parametrize(
    ("index", "to", "order"), [(0, 2, "bca"), (2, 0, "cab"), (1, 1, "abc"), (0, 1, "bac")]
)
def test_a_cell_is_moved_to_the_index_that_it_has_then(
    make: Make, index: int, to: int, order: str
) -> None:
    draft = make(notebook(*(code(letter * 2, letter) for letter in "abc")))

    draft.move(index, to)

    assert "".join(sources(draft)) == order
    assert [cell_id[0] for cell_id in draft.ids] == list(order)


@pytest.mark.parametrize("source", ["x = 2", "", "é\n🙂 y", "x = 1\nz", "0 x = 1"])
def test_a_source_is_replaced(make: Make, source: str) -> None:
    draft = make(notebook(code("a1", "x = 1"), code("b2", "é 🙂")))

    draft.set_source(0, source)
    draft.set_source(1, f"é 🙂{source}")

    assert sources(draft) == [source, f"é 🙂{source}"]


@pytest.mark.parametrize("cell_type", ["markdown", "raw"])
def test_a_cell_of_another_type_keeps_all_but_its_outputs(make: Make, cell_type: Any) -> None:
    cell = code("a1", "# x", metadata={"a": 1}, outputs=[STREAM], execution_count=1)
    draft = make(notebook(cell))

    draft.set_type(0, cell_type)
    text = draft.node(0)
    draft.set_type(0, "code")

    assert text == {"id": "a1", "cell_type": cell_type, "source": "# x", "metadata": {"a": 1}}
    assert draft.node(0) == code("a1", "# x", metadata={"a": 1})


def test_outputs_are_replaced_from_a_number_on(make: Make) -> None:
    draft = make(notebook(code("a1"), code("b2")))

    draft.set_outputs(0, [STREAM], start=0)
    draft.set_outputs(0, [{**STREAM, "text": "a\nb\n"}, RESULT], start=0)
    draft.set_count(0, 3)
    longer = draft.node(0)
    draft.set_outputs(0, [], start=1)

    assert longer["outputs"] == [{**STREAM, "text": "a\nb\n"}, RESULT]
    assert longer["execution_count"] == draft.cell(0).execution_count == 3
    assert draft.node(0)["outputs"] == [{**STREAM, "text": "a\nb\n"}]
    assert draft.node(1)["outputs"] == []


def test_timings_are_set_and_removed(make: Make) -> None:
    draft = make(notebook(code("a1", metadata={"tags": []})))
    timing = {"iopub.execute_input": "2026-01-01T00:00:00Z"}

    draft.set_timing(0, timing)
    timed = draft.node(0)["metadata"]
    draft.set_timing(0, None)

    assert timed == {"tags": [], "execution": timing}
    assert draft.node(0)["metadata"] == {"tags": []}


def test_every_cell_has_one_id_of_its_own(make: Make) -> None:
    nodes = [code("a1", "a"), code("a1", "b"), code("not valid!", "c"), code("d4", "d")]
    del nodes[3]["id"]

    draft = make(notebook(*nodes))

    assert draft.ids[0] == "a1"
    assert len(set(draft.ids)) == 4
    assert [draft.node(n)["id"] for n in range(4)] == list(draft.ids)
    assert sources(draft) == ["a", "b", "c", "d"]
