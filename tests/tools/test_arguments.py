"""Arguments: understood if their meaning is clear, otherwise refused with a message."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_mcp_ext.errors import InvalidArgument
from jupyter_mcp_ext.tools.arguments import MAX_NUMBER, parse
from jupyter_mcp_ext.tools.registry import BY_NAME, TOOLS

EXECUTE = BY_NAME["execute_code"]
READ = BY_NAME["read_notebook"]


def parsed(name: str, **arguments: Any) -> dict[str, Any]:
    return parse(BY_NAME[name], arguments).model_dump()


def test_left_out_arguments_have_their_defaults() -> None:
    assert parsed("execute_code", code="1") == {
        "code": "1",
        "session_id": None,
        "timeout": None,
        "wait": 50,
    }


def test_numbers_are_understood_where_text_is_expected() -> None:
    assert parsed("execute_code", code="1", session_id=0)["session_id"] == "0"
    assert parsed("execute_code", code=1)["code"] == "1"


def test_numbers_in_text_are_understood() -> None:
    assert parsed("execute_code", code="1", timeout="2.5")["timeout"] == 2.5


@pytest.mark.parametrize(
    ("tool", "alias", "name"),
    [
        ("read_notebook", "filename", "path"),
        ("execute_code", "kernel_id", "session_id"),
        ("create_notebook", "filename", "path"),
        ("get_output", "execution_id", "output_id"),
        ("interrupt_kernel", "output_id", "execution_id"),
        ("read_notebook", "notebook_path", "path"),
        ("list_files", "pattern", "glob"),
    ],
)
def test_other_names_for_an_argument_are_understood(tool: str, alias: str, name: str) -> None:
    required = {"code": "1"} if tool == "execute_code" else {}

    assert parsed(tool, **required, **{alias: "abc"})[name] == "abc"


def test_an_alias_beside_the_argument_itself_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="filename"):
        parse(READ, {"path": "a", "filename": "b"})


def test_a_list_that_arrives_as_json_in_text_is_understood() -> None:
    assert parsed("create_notebook", path="a", cells='["1+1"]')["cells"] == ["1+1"]
    assert parsed("read_notebook", path="a", cells="[0, 2]")["cells"] == ["0", "2"]


def test_code_that_looks_like_json_stays_code() -> None:
    assert parsed("execute_code", code="[1, 2]")["code"] == "[1, 2]"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "needs the argument 'code'"),
        (None, "needs the argument 'code'"),
        ({"code": "1", "tiemout": 1}, "no argument 'tiemout'"),
        ({"code": "1", "timeout": -5}, "'timeout' must be a number over 0, but was -5"),
        ({"code": "1", "timeout": "soon"}, "'timeout' must be a number, but was 'soon'"),
        ({"code": "1", "timeout": float("nan")}, "'timeout' must be a number"),
        ({"code": "1", "wait": -1}, "'wait' must be a number of at least 0"),
        ({"code": ["1"]}, "'code' must be text"),
        ({"code": None}, "'code' must be text"),
    ],
)
def test_wrong_arguments_are_refused_in_words_with_the_known_ones(
    arguments: dict[str, Any] | None, words: str
) -> None:
    with pytest.raises(InvalidArgument) as refused:
        parse(EXECUTE, arguments)

    said = str(refused.value)
    assert words in said
    assert "code, session_id, timeout, wait" in said
    assert "pydantic" not in said
    assert "http" not in said


def test_an_argument_that_is_nearly_one_offers_it() -> None:
    with pytest.raises(InvalidArgument, match=r"no argument 'tiemout'\. Did you mean 'timeout'"):
        parse(EXECUTE, {"code": "1", "tiemout": 1})


def test_a_choice_names_what_there_is() -> None:
    with pytest.raises(InvalidArgument, match="'source', 'outline' or 'outputs'"):
        parse(READ, {"path": "a", "view": "everything"})


def test_a_long_wrong_value_is_cut() -> None:
    with pytest.raises(InvalidArgument) as refused:
        parse(EXECUTE, {"code": "1", "timeout": "x" * 10_000})

    assert len(str(refused.value)) < 300


NUMBERS = [
    (tool.name, name)
    for tool in TOOLS
    for name, schema in tool.input_schema["properties"].items()
    if {o.get("type") for o in schema.get("anyOf", (schema,))} & {"integer", "number"}
]


@pytest.mark.parametrize("number", [1e20, 10**13, 10**400, -(10**400), "9" * 30])
@pytest.mark.parametrize(("tool", "name"), NUMBERS)
def test_no_argument_is_a_number_without_bounds(tool: str, name: str, number: object) -> None:
    text = dict.fromkeys(BY_NAME[tool].input_schema.get("required", ()), "x")

    try:
        value = getattr(parse(BY_NAME[tool], {**text, name: number}), name)
    except InvalidArgument as err:
        assert f"'{name}'" in str(err)  # noqa: PT017  # either is well
    else:
        assert abs(value) <= MAX_NUMBER


@pytest.mark.parametrize("number", [float("inf"), float("-inf"), float("nan")])
@pytest.mark.parametrize(("tool", "name"), NUMBERS)
def test_no_argument_is_a_number_without_an_end(tool: str, name: str, number: float) -> None:
    text = dict.fromkeys(BY_NAME[tool].input_schema.get("required", ()), "x")

    with pytest.raises(InvalidArgument, match=f"'{name}'"):
        parse(BY_NAME[tool], {**text, name: number})


@pytest.mark.parametrize("cells", [[10**400], [1, 10**30], f"[{10**30}]"])
def test_a_number_in_a_list_of_cells_is_text_of_its_digits(cells: object) -> None:
    found = parsed("read_notebook", path="a", cells=cells)["cells"]

    assert all(isinstance(cell, str) and cell.isdecimal() for cell in found)


def test_a_hundred_thousand_arguments_are_not_looked_at() -> None:
    with pytest.raises(InvalidArgument, match=r"100,001 arguments\. Its arguments are: code,"):
        parse(EXECUTE, {"code": "1", **{f"a{n}": n for n in range(100_000)}})


@pytest.mark.parametrize(
    ("given", "understood"),
    [
        ("3-7", ["3-7"]),
        ("ab12cd34@9d1e0f", ["ab12cd34@9d1e0f"]),
        (5, ["5"]),
        ('["1", "2-3"]', ["1", "2-3"]),
        ([1, "2-3"], ["1", "2-3"]),
    ],
)
def test_one_cell_is_understood_where_a_list_is_expected(
    given: object, understood: list[str]
) -> None:
    assert parse(READ, {"path": "a", "cells": given}).cells == understood  # type: ignore[attr-defined]


def test_null_is_as_left_out() -> None:
    assert parsed("run_cells", path="a", cells=None, restart=None, timeout=None, wait=None) == (
        parsed("run_cells", path="a")
    )


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("run_cells", {"timeout": True}, "'timeout' must be a number, but was True"),
        ("undo_edit", {"steps": True}, "'steps' must be a whole number, but was True"),
        ("read_notebook", {"cells": ["a", [1]]}, r"'cells\[1\]' must be text, but was \[1\]"),
        ("insert_cells", {"cells": [[]]}, r"'cells\[0\]' must be text or an object, but was \[\]"),
    ],
)
def test_what_is_wrong_in_an_argument_is_named(
    tool: str, arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidArgument, match=words):
        parsed(tool, path="a", **arguments)


@pytest.mark.parametrize(
    ("tool", "alias", "name"),
    [
        ("edit_cell", "handle", "cell"),
        ("edit_cell", "cell_id", "cell"),
        ("run_cells", "handles", "cells"),
        ("delete_cells", "cell_ids", "cells"),
        ("insert_cells", "source", "cells"),
        ("insert_cells", "content", "cells"),
    ],
)
def test_other_names_for_cells_are_understood(tool: str, alias: str, name: str) -> None:
    assert parsed(tool, path="a", **{alias: "ab"})[name] == ("ab" if name == "cell" else ["ab"])


def test_a_single_new_cell_is_understood() -> None:
    insert = BY_NAME["insert_cells"]

    for cell in ("x = 1", {"cell_type": "markdown", "source": "# A"}):
        assert parse(insert, {"path": "a", "cells": cell}).cells == [cell]  # type: ignore[attr-defined]


def test_a_pattern_is_the_query_of_a_search_or_the_glob_of_a_list() -> None:
    search = parse(BY_NAME["search_files"], {"pattern": "x", "include": "*.py"})
    both = parse(BY_NAME["search_files"], {"query": "x", "pattern": "*.py"})

    assert (search.query, search.glob) == (both.query, both.glob) == ("x", "*.py")  # type: ignore[attr-defined]
    assert parse(BY_NAME["list_files"], {"pattern": "*.py"}).glob == "*.py"  # type: ignore[attr-defined]


def test_a_list_in_text_of_too_many_items_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="'cells' must be a list"):
        parse(READ, {"path": "a", "cells": f"[{'[],' * 100_000}[]]"})
