from __future__ import annotations

import pytest

from jupyter_mcp_ext.errors import InvalidArgument
from jupyter_mcp_ext.notebooks.cells import NewCell, parse_cells
from jupyter_mcp_ext.outputs.model import Json


def test_a_string_is_a_code_cell() -> None:
    assert parse_cells(["x = 1"]) == (NewCell(cell_type="code", source="x = 1"),)


@pytest.mark.parametrize(
    "value", ["x = 1", {"source": "x = 1"}, [{"type": "code", "source": "x = 1"}]]
)
def test_one_cell_need_not_stand_in_a_list(value: Json) -> None:
    assert parse_cells(value) == (NewCell(source="x = 1"),)


@pytest.mark.parametrize("key", ["cell_type", "type"])
def test_the_type_of_a_cell_has_two_names(key: str) -> None:
    (cell,) = parse_cells([{key: "markdown", "source": "# Title"}])

    assert cell == NewCell(cell_type="markdown", source="# Title")


@pytest.mark.parametrize(
    ("lines", "source"),
    [
        (["a\n", "b"], "a\nb"),
        (["a", "b"], "a\nb"),
        (["a\n", "b\n"], "a\nb\n"),
        (["a"], "a"),
        ([], ""),
    ],
)
def test_a_source_may_be_a_list_of_lines_with_or_without_their_ends(
    lines: list[Json], source: str
) -> None:
    assert parse_cells([{"source": lines}]) == (NewCell(source=source),)


def test_the_empty_fields_of_a_cell_copied_from_a_file_are_let_pass() -> None:
    value: Json = {
        "cell_type": "code",
        "source": "1",
        "metadata": {},
        "outputs": [],
        "execution_count": None,
    }

    assert parse_cells([value]) == (NewCell(source="1"),)


def test_no_cells_are_no_cells() -> None:
    assert parse_cells(None) == ()
    assert parse_cells([]) == ()


@pytest.mark.parametrize(
    "cell",
    [
        7,
        None,
        ["x"],
        {},
        {"cell_type": "code"},
        {"cell_type": "heading", "source": ""},
        {"cell_type": None, "source": ""},
        {"source": 1},
        {"source": ["a", 1]},
        {"source": "a", "text": "b"},
        {"source": "a", "outputs": [{"output_type": "stream"}]},
        {"source": "a", "type": "code", "cell_type": "raw"},
        "\ud800",
        {"source": ["\ud800"]},
    ],
)
def test_anything_else_is_refused_in_words_that_name_the_position(cell: Json) -> None:
    with pytest.raises(InvalidArgument, match=r"cells\[1\]"):
        parse_cells(["fine", cell])


@pytest.mark.parametrize("value", [7, True])
def test_what_is_neither_a_list_nor_a_cell_is_refused(value: Json) -> None:
    with pytest.raises(InvalidArgument, match="neither a list nor a cell"):
        parse_cells(value)
