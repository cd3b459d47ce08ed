"""Edits of a draft: what they do, what they refuse, and that they can be taken back."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mcp_ext.errors import ContentsError, InvalidArgument, ToolError
from jupyter_mcp_ext.notebooks.cells import NewCell
from jupyter_mcp_ext.notebooks.editing import edits
from jupyter_mcp_ext.notebooks.editing.edits import Edited
from jupyter_mcp_ext.notebooks.editing.steps import (
    Inserted,
    Rewritten,
    as_json,
    from_json,
    take_back,
)
from jupyter_mcp_ext.notebooks.editing.targets import StaleHandle, handle_of
from jupyter_mcp_ext.notebooks.saved.draft import FileDraft
from tests.notebooks.test_draft import STREAM, code, notebook

TIMES = {"iopub.execute_input": "2026-01-01T00:00:00Z"}
A, B, C = "aaaaaaaa1", "aaaaaaaa2", "cccccccc3"


def three() -> dict[str, Any]:
    return notebook(
        code(A, "a = 1\nb = 2", outputs=[STREAM], execution_count=2, metadata={"execution": TIMES}),
        code(B, "print(a)"),
        {"id": C, "cell_type": "markdown", "source": "# C", "metadata": {}},
    )


class Typed(FileDraft):
    """A draft in whose second cell a person is."""

    def person(self, index: int) -> str:
        return "alice" if self.ids[index] == B else ""


def order(draft: FileDraft) -> str:
    return "".join({A: "A", B: "B", C: "C"}.get(cell_id, "n") for cell_id in draft.ids)


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        *((None, "ABCnn"), ("start", "nnABC"), (A, "AnnBC"), (C, "ABCnn")),
        *(("", "ABCnn"), (" End", "ABCnn"), ("START", "nnABC")),
    ],
)
def test_cells_are_inserted_in_order_behind_a_cell(after: str | None, expected: str) -> None:
    draft = FileDraft(three())

    done = edits.insert(draft, [NewCell(source="x"), NewCell(source="y")], after)

    assert order(draft) == expected
    assert [draft.cell(cell.index).source for cell in done.cells] == ["x", "y"]
    assert [cell.handle for cell in done.cells] == [handle_of(draft, c.index) for c in done.cells]


def test_a_part_is_replaced_in_the_text_as_it_is_now() -> None:
    draft = FileDraft(three())
    draft.set_source(0, "a = 1\nb = 2\nperson = 3")

    done = edits.rewrite(draft, A, old="b = 2", new="b = 20")

    assert draft.cell(0).source == "a = 1\nb = 20\nperson = 3"
    assert "-b = 2\n+b = 20" in done.diff
    assert done.cells[0].handle == handle_of(draft, 0)


def test_a_whole_source_goes_against_its_handle_only() -> None:
    draft = FileDraft(three())
    handle = handle_of(draft, 0)

    edits.rewrite(draft, handle, source="new")

    assert draft.cell(0).source == "new"
    with pytest.raises(StaleHandle, match="was changed since it was read") as refused:
        edits.rewrite(draft, handle, source="newer")
    assert handle_of(draft, 0) in str(refused.value)
    assert str(refused.value).endswith("\nnew")
    with pytest.raises(InvalidArgument, match="no handle"):
        edits.rewrite(draft, A, source="newer")
    assert draft.cell(0).source == "new"


Refused = Callable[[FileDraft], Edited]


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda d: edits.rewrite(d, 1, old="a", new="b"), "An index may mean another cell"),
        (lambda d: edits.rewrite(d, "1", old="a", new="b"), "Cell 1 is aaaaaaaa2@"),
        (lambda d: edits.rewrite(d, "0-2", old="a", new="b"), "An index may mean another cell"),
        (lambda d: edits.rewrite(d, "99", old="a", new="b"), "Give the handle"),
        (lambda d: edits.rewrite(d, "zzzzzzzz", old="a", new="b"), "has no cell 'zzzzzzzz'"),
        (lambda d: edits.rewrite(d, "aaaaaaaa", old="a", new="b"), "begins the ids of 2 cells"),
        (lambda d: edits.rewrite(d, "", old="a", new="b"), "handle is empty"),
        (lambda d: edits.rewrite(d, "-1", old="a", new="b"), "An index may mean another cell"),
        (lambda d: edits.rewrite(d, "1.0", old="a", new="b"), "An index may mean another cell"),
        (lambda d: edits.rewrite(d, "3-", old="a", new="b"), "An index may mean another cell"),
        (lambda d: edits.rewrite(d, f"{A}@000000", old="a", new="b"), "was changed since"),
        (lambda d: edits.rewrite(d, "#1@000000", old="a", new="b"), "#1 has changed"),
        (lambda d: edits.rewrite(d, "#1", old="a", new="b"), "#1 is no handle"),
        (lambda d: edits.rewrite(d, A, old="", new="b"), "old_string is empty"),
        (lambda d: edits.rewrite(d, A, old="q", new="b"), "does not occur in cell"),
        (lambda d: edits.rewrite(d, A, old=" = ", new="b"), "fits 2 places in cell"),
        (lambda d: edits.rewrite(d, A, old="a", new="a"), "are the same"),
        (lambda d: edits.rewrite(d, A, old="a"), "belong together"),
        (lambda d: edits.rewrite(d, A, old="a", new="b", source="c"), "both given"),
        (lambda d: edits.rewrite(d, A), "Nothing is to be changed"),
        (
            lambda d: edits.rewrite(d, handle_of(d, 1), source="print(a)"),
            "this source and type already",
        ),
        (lambda d: edits.rewrite(d, handle_of(d, 1), source="x" * 5_000_001), "too long"),
        (lambda d: edits.insert(d, [], None), "cells is empty"),
        (lambda d: edits.insert(d, [NewCell(source="x")], "1"), "An index may mean"),
        (lambda d: edits.insert(d, [NewCell(source="x")], "zz"), "has no cell"),
        (
            lambda d: edits.insert(d, [NewCell(source="x")] * 1_001, None),
            "1,001 cells are too many",
        ),
        (lambda d: edits.delete(d, ["x"] * 10_000), "10,000 cells are too many"),
        (lambda d: edits.rewrite(d, B, old="a", new="b", cell_type="raw"), "alice is in it"),
        (lambda d: edits.delete(d, []), "cells is empty"),
        (lambda d: edits.delete(d, [A]), "no handle"),
        (lambda d: edits.delete(d, [handle_of(d, 0), "zz"]), "has no cell"),
        (lambda d: edits.delete(d, [handle_of(d, 0), handle_of(d, 1)]), "alice is in it"),
        (lambda d: edits.move(d, [A], A), "behind itself"),
        (lambda d: edits.move(d, [], A), "cells is empty"),
        (lambda d: edits.move(d, [A], " "), "handle is empty"),
        (lambda d: edits.clear(d, ["2"]), "An index may mean"),
        (lambda d: edits.clear(d, []), "cells is empty"),
    ],
)
def test_what_is_refused_changes_nothing(edit: Refused, words: str) -> None:
    node = three()
    draft = Typed(node)

    with pytest.raises(ToolError) as refused:
        edit(draft)

    assert words in str(refused.value)
    assert node == three()
    assert not draft.is_changed


def test_a_cell_without_a_stored_id_is_named_by_its_place_and_its_source() -> None:
    draft = FileDraft(notebook(code("", "a"), code("", "b"), minor=2))
    known = handle_of(draft, 1).partition("@")[2]

    edits.rewrite(draft, f"#1@{known}", source="new")

    assert draft.cell(1).source == "new"
    with pytest.raises(StaleHandle):
        edits.rewrite(draft, f"#1@{known}", source="newer")


@pytest.mark.parametrize(
    ("cells", "after", "expected"),
    [
        ([C], "start", "CAB"),
        ([A], C, "BCA"),
        ([A], B, "BAC"),
        ([B], A, "ABC"),
        ([A, C], B, "BAC"),
        ([C, A], "start", "ACB"),
        ([A], "end", "BCA"),
        ([A, C], "end", "BAC"),
        ([C, B, A], "end", "ABC"),
    ],
)
def test_cells_are_moved_in_their_order(cells: list[str], after: str, expected: str) -> None:
    draft = FileDraft(three())

    done = edits.move(draft, cells, after)

    assert order(draft) == expected
    assert {cell.cell_id for cell in done.cells} == set(cells)


def test_a_cell_in_which_a_person_is_stays_where_it_is() -> None:
    draft = Typed(three())

    done = edits.move(draft, [A, B], C)

    assert order(draft) == "BCA"
    assert "alice is in it" in done.passed[0]


def test_all_cells_are_deleted_and_put_back() -> None:
    draft = FileDraft(three())

    done = edits.delete(draft, [handle_of(draft, index) for index in (2, 0, 1)])
    left = list(draft.ids)
    take_back(draft, done.steps)

    assert left == []
    assert order(draft) == "ABC"


def test_what_changes_nothing_says_so() -> None:
    draft = FileDraft(three())

    stays = edits.move(draft, [B], A)
    clear = edits.clear(draft, [C])

    assert (stays.done, clear.done) == ("No cell was moved in", "No outputs to clear in")
    assert stays.steps == clear.steps == ()
    assert not draft.is_changed


def test_digits_that_begin_an_id_are_no_index() -> None:
    draft = FileDraft(notebook(code("12345678-1234-4abc", "a"), code("34", "b")))

    for reference in ("12345678", "12345678-1234", "34"):
        edits.insert(draft, [NewCell(source="x")], reference)
    with pytest.raises(ToolError, match="An index may mean"):
        edits.insert(draft, [NewCell(source="x")], "1234567")

    assert [draft.cell(n).source for n in range(5)] == ["a", "x", "x", "b", "x"]


def test_outputs_are_cleared() -> None:
    draft = FileDraft(three())

    done = edits.clear(draft, None)

    assert [cell.cell_id for cell in done.cells] == [A]
    assert draft.node(0)["outputs"] == []
    assert draft.cell(0).execution_count is None


def test_empty_texts_beside_a_whole_source_are_as_left_out() -> None:
    draft = FileDraft(three())

    edits.rewrite(draft, handle_of(draft, 1), source="whole", old="", new="")

    assert draft.cell(1).source == "whole"


def test_a_type_is_changed_with_the_source() -> None:
    draft = FileDraft(three())

    alone = edits.rewrite(draft, handle_of(draft, 0), cell_type="raw")
    both = edits.rewrite(draft, handle_of(draft, 0), source="# A", cell_type="markdown")

    assert draft.cell(0).cell_type == "markdown"
    assert draft.cell(0).source == "# A"
    assert (alone.diff, bool(both.diff)) == ("", True)


every_edit = st.sampled_from(
    [
        lambda d: edits.insert(d, [NewCell(source="x"), NewCell(source="y")], d.ids[0]),
        lambda d: edits.insert(d, [NewCell(source="z")], "start"),
        lambda d: edits.rewrite(d, handle_of(d, 1), source=d.cell(1).source + "!"),
        lambda d: (
            edits.rewrite(d, d.ids[0], cell_type="raw", old=d.cell(0).source, new="é")
            if d.cell(0).source != "é"
            else edits.clear(d, None)
        ),
        lambda d: (
            edits.delete(d, [handle_of(d, 1), handle_of(d, len(d.ids) - 1)])
            if len(d.ids) > 3
            else edits.clear(d, None)
        ),
        lambda d: (
            edits.move(d, [d.ids[-1], d.ids[0]], d.ids[1])
            if len(d.ids) > 2
            else edits.clear(d, None)
        ),
        lambda d: edits.move(d, [d.ids[-1]], "start"),
        lambda d: edits.clear(d, None),
    ]
)


@settings(max_examples=100, deadline=None)
@given(st.lists(every_edit, min_size=1, max_size=8))
def test_edits_are_taken_back_to_what_was_before(chosen: list[Refused]) -> None:
    node = three()
    draft = FileDraft(node)
    done: list[tuple[dict[str, Any], Edited]] = []
    for edit in chosen:
        before = copy.deepcopy(node)
        done.append((before, edit(draft)))

    for before, edited in reversed(done):
        steps = [from_json(as_json(step)) for step in edited.steps]
        take_back(draft, steps)
        assert sources_and_types(node) == sources_and_types(before)


def sources_and_types(node: dict[str, Any]) -> list[Any]:
    keys = ("id", "cell_type", "source", "outputs", "execution_count", "metadata")
    return [[cell.get(key) for key in keys] for cell in node["cells"]]


def test_an_edit_of_a_cell_in_which_a_person_is_is_taken_back_if_that_loses_nothing() -> None:
    node = three()
    draft = Typed(node)
    inserted = Inserted(cell_id=B, source="print(a)")
    retyped = Rewritten(
        cell_id=B,
        before="print(a)",
        source="print(a)",
        type_before="markdown",
        cell_type="code",
        lost={"attachments": {}},
    )
    written = edits.rewrite(draft, B, old="a", new="b")

    take_back(draft, written.steps)
    for step in (inserted, retyped):
        with pytest.raises(ContentsError, match="was not taken back: alice is in it"):
            take_back(draft, [step])

    assert node == three()


def deleted(draft: FileDraft) -> None:
    draft.remove(0)


@pytest.mark.parametrize(
    ("edit", "since", "words"),
    [
        (
            lambda d: edits.insert(d, [NewCell(source="x"), NewCell(source="y")], None),
            lambda d: d.set_source(4, "y, and a person's words"),
            r"@\w{6} was changed since.* now:\n@@ -1,1 \+1,1 @@\n-y\n\+y, and a person's words",
        ),
        (
            lambda d: edits.rewrite(d, A, old="a", new="z"),
            lambda d: d.set_type(0, "raw"),
            "is a raw cell now, so the edit is not taken back",
        ),
        (lambda d: edits.rewrite(d, A, old="a", new="z"), deleted, "was deleted since"),
        (
            lambda d: edits.delete(d, [handle_of(d, 0)]),
            lambda d: d.insert(0, [code(A, "")]),
            "is in the notebook again",
        ),
        (lambda d: edits.move(d, [A], B), lambda d: d.remove(0), "another cell above it now"),
        (lambda d: edits.clear(d, [A]), lambda d: d.set_count(0, 9), "was run since"),
    ],
)
def test_an_edit_is_not_taken_back_over_what_came_after_it(
    edit: Callable[[FileDraft], Edited], since: Callable[[FileDraft], None], words: str
) -> None:
    node = three()
    draft = FileDraft(node)
    done = edit(draft)
    since(draft)
    now = copy.deepcopy(node)

    with pytest.raises(ContentsError, match=words):
        take_back(draft, done.steps)

    assert node == now
