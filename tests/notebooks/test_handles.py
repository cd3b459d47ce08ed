from __future__ import annotations

import pytest

from jupyter_mcp_ext.errors import InvalidArgument
from jupyter_mcp_ext.notebooks.handles import handles, select, short_ids, source_hash
from jupyter_mcp_ext.notebooks.reading.cells import Cell


def cells(*ids: str | None) -> tuple[Cell, ...]:
    return tuple(
        Cell(index=index, cell_id=cell_id, cell_type="code", source=f"x = {index}")
        for index, cell_id in enumerate(ids)
    )


def names(*ids: str | None) -> list[str]:
    return [handle.partition("@")[0] for handle in handles(cells(*ids))]


def test_a_handle_is_eight_characters_of_the_id_and_six_hex_digits_of_the_source() -> None:
    (handle,) = handles(cells("ab12cd34-5678-90ab-cdef-1234567890ab"))

    assert handle == f"ab12cd34@{source_hash('x = 0')}"
    assert len(source_hash("x = 0")) == 6


def test_ids_that_begin_alike_are_shown_until_they_differ() -> None:
    assert names("ab12cd34-one", "ab12cd34-two", "ffffffff") == [
        "ab12cd34-o",
        "ab12cd34-t",
        "ffffffff",
    ]


def test_an_id_that_another_one_begins_with_is_shown_whole() -> None:
    assert names("ab12cd34", "ab12cd34ef") == ["ab12cd34", "ab12cd34e"]


def test_short_ids_are_shown_whole() -> None:
    assert names("a", "abc", "b-1") == ["a", "abc", "b-1"]


def test_a_cell_without_a_stored_id_is_named_by_its_position() -> None:
    assert names(None, "ab12cd34", None) == ["#0", "ab12cd34", "#2"]


def test_the_hash_changes_with_the_source_and_with_nothing_else() -> None:
    one = Cell(index=0, cell_id="ab12cd34", cell_type="code", source="x = 1")
    other = Cell(index=0, cell_id="ab12cd34", cell_type="code", source="x = 2")
    ran = Cell(index=0, cell_id="ab12cd34", cell_type="raw", source="x = 1", execution_count=3)

    assert handles([one]) != handles([other])
    assert handles([one]) == handles([ran])


def test_half_a_surrogate_pair_can_be_hashed() -> None:
    assert source_hash("\ud800") != source_hash("?")


def test_every_handle_of_a_notebook_selects_its_own_cell() -> None:
    notebook = cells("ab12cd34", "ab12cd34ef", "ab12cd34eg", None, "a", "7", "0-1", None, "#-")

    assert [select(notebook, [h]) for h in handles(notebook)] == [(n,) for n in range(9)]


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        (2, (2,)),
        ("2", (2,)),
        ("1-3", (1, 2, 3)),
        ("1 - 3", (1, 2, 3)),
        ("3-99", (3, 4)),
        ("bbbbbbbb", (1,)),
        ("bbbb", (1,)),
        (" bbbbbbbb-1 ", (1,)),
        ("#3", (3,)),
        ("bbbbbbbb@000000", (1,)),
    ],
)
def test_a_cell_is_named_by_index_range_id_beginning_or_handle(
    reference: str | int, expected: tuple[int, ...]
) -> None:
    assert select(cells("aaaaaaaa", "bbbbbbbb-1", "cccccccc", None, None), [reference]) == expected


def test_a_selection_is_in_the_order_of_the_notebook_and_without_doubles() -> None:
    assert select(cells("a", "b", "c", "d"), ["d", "0-1", 1, "b"]) == (0, 1, 3)


def test_what_stands_as_an_id_is_one_though_it_looks_like_an_index() -> None:
    assert select(cells("2", "1", "0"), ["2", 2]) == (0, 2)


def test_digits_that_begin_an_id_are_no_index() -> None:
    notebook = cells("a", "12345678-1234-4abc", "b")

    assert select(notebook, ["12345678"]) == select(notebook, ["12345678-1234"]) == (1,)


@pytest.mark.parametrize("reference", [-1, 3, "3", "5-6", "2-1", "zzzz", "#9", "", "zz@123456"])
def test_a_reference_that_names_no_cell_is_named_beside_the_count(reference: str | int) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        select(cells("aaaa", "bbbb", None), [0, reference])

    assert str(reference) in str(refusal.value)
    assert "3 cells" in str(refusal.value)


def test_the_beginning_of_two_ids_is_refused_with_both_handles() -> None:
    notebook = cells("ab12cd34", "ab99ee00")

    with pytest.raises(InvalidArgument) as refusal:
        select(notebook, ["ab"])

    assert all(handle in str(refusal.value) for handle in handles(notebook))


def test_a_handle_by_position_finds_its_cell_after_others_moved_in() -> None:
    before = cells(None, None)
    moved = Cell(index=2, cell_id=None, cell_type="code", source=before[1].source)
    after = (before[0], Cell(index=1, cell_id=None, cell_type="code", source="new"), moved)

    assert select(after, [handles(before)[1]]) == (2,)


def test_a_name_is_the_same_whether_those_of_all_cells_are_wanted_or_its_own() -> None:
    ids = ["analysis-1", "analysis-10", "analyses", "load", "loaded-data", "loaded-date", "x"]

    every = short_ids(ids)

    assert every["loaded-data"] == "loaded-data"
    assert every["analyses"] == "analyses"
    assert {one: short_ids(ids, of=[one])[one] for one in ids} == every
