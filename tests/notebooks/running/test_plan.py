"""The cells of a run, each as it is when its turn comes."""

from __future__ import annotations

import copy
from typing import Any

from jupyter_mcp_ext.notebooks.running.plan import Plan
from jupyter_mcp_ext.notebooks.saved.draft import FileDraft


def code(cell_id: str, source: str, *tags: Any) -> dict[str, Any]:
    metadata: dict[str, Any] = {"tags": list(tags)} if tags else {}
    outputs = [{"output_type": "stream", "name": "stdout", "text": "earlier"}]
    return {
        "cell_type": "code",
        "id": cell_id,
        "source": source,
        "metadata": metadata,
        "outputs": outputs,
        "execution_count": 1,
    }


def notebook(*cells: dict[str, Any]) -> dict[str, Any]:
    return {"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def planned(*cells: dict[str, Any], references: list[str | int] | None = None) -> Plan:
    plan = Plan()
    plan.choose(FileDraft(copy.deepcopy(notebook(*cells))), references)
    return plan


def turns(plan: Plan) -> list[str | None]:
    """The sources of the cells in the order of their turns; None for those that are gone."""
    found = []
    for turn in range(len(plan)):
        plan.turn = turn
        found.append(None if plan.now is None else plan.now.source)
    return found


CELLS = (code("a", "1"), code("b", "2"), code("c", "3"))


def test_cells_are_edited_deleted_and_moved_before_their_turn() -> None:
    plan = planned(*CELLS)

    plan.see(FileDraft(notebook(CELLS[2], code("a", "10"), code("d", "new"))))

    assert turns(plan) == ["10", None, "3"]
    plan.turn = 2
    assert plan.now is not None
    assert plan.now.index == 0


def test_a_cell_that_was_not_looked_at_again_is_as_it_was_chosen() -> None:
    assert turns(planned(*CELLS, references=["1-2"])) == ["2", "3"]


def test_a_cell_whose_type_or_tag_changes_is_run_or_passed_over_by_what_it_is() -> None:
    text = {"cell_type": "markdown", "id": "a", "source": "1", "metadata": {}}
    plan = planned(text, CELLS[1], code("c", "3", "skip-execution"))

    again = code("b", "2", "skip-execution"), code("c", "3")
    plan.see(FileDraft(notebook(code("a", "1"), *again)))

    are_run = []
    for plan.turn in range(3):
        assert plan.now is not None
        are_run.append(plan.now.is_run)
    assert are_run == [True, False, True]


def test_the_first_cell_that_is_run_is_cleared_when_the_cells_are_chosen() -> None:
    node = notebook(code("a", ""), code("b", "2"), code("c", "3"))
    plan = Plan()

    plan.choose(FileDraft(node), None)

    assert plan.first == 1
    assert [len(cell["outputs"]) for cell in node["cells"]] == [1, 0, 1]


def test_tags_that_are_no_list_of_names_are_none() -> None:
    odd = code("a", "1")
    odd["metadata"] = {"tags": 5}

    assert planned(odd)[0].tags == frozenset()
    assert planned(code("a", "1", 5, None))[0].is_run
