from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp_ext.errors import ContentsError
from jupyter_mcp_ext.notebooks.cells import NewCell
from jupyter_mcp_ext.notebooks.reading import pieces
from jupyter_mcp_ext.notebooks.reading.document import KernelMetadata, compose, from_node, parse
from jupyter_mcp_ext.notebooks.reading.words import page_of
from jupyter_mcp_ext.outputs.limits import Limits
from jupyter_mcp_ext.outputs.model import Display, Error, Json, Stream
from jupyter_mcp_ext.outputs.presentation import TextBlock

CODE: dict[str, Json] = {
    "id": "ab12cd34",
    "cell_type": "code",
    "metadata": {},
    "source": ["import os\n", "os"],
    "execution_count": 3,
    "outputs": [
        {"output_type": "stream", "name": "stdout", "text": ["a\n", "b\n"]},
        {
            "output_type": "execute_result",
            "data": {"text/plain": "1"},
            "metadata": {},
            "execution_count": 3,
        },
        {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["t"]},
    ],
}


def node(*cells: Json, minor: int = 5, **metadata: Json) -> dict[str, Json]:
    return {"nbformat": 4, "nbformat_minor": minor, "metadata": metadata, "cells": list(cells)}


def markdown(**fields: Json) -> dict[str, Json]:
    cell: dict[str, Json] = {"id": "md", "cell_type": "markdown", "metadata": {}, "source": "# T"}
    return {**cell, **fields}


def test_a_code_cell_is_read_with_its_source_count_and_outputs() -> None:
    notebook = parse(json.dumps(node(CODE)), "a.ipynb")

    (cell,) = notebook.cells
    assert (cell.index, cell.cell_id, cell.cell_type) == (0, "ab12cd34", "code")
    assert cell.source == "import os\nos"
    assert cell.execution_count == 3
    assert [type(output) for output in cell.outputs] == [Stream, Display, Error]
    assert cell.outputs[0] == Stream(name="stdout", text="a\nb\n")


def test_the_kernel_is_the_one_that_the_metadata_names() -> None:
    notebook = from_node(
        node(kernelspec={"name": "ir", "display_name": "R"}, language_info={"name": "R"}), "a.ipynb"
    )

    assert (notebook.kernel_name, notebook.language, notebook.nbformat) == ("ir", "R", "4.5")


def test_a_notebook_need_not_name_a_kernel() -> None:
    notebook = from_node(node(kernelspec="?"), "a.ipynb")

    assert (notebook.kernel_name, notebook.language) == ("", "")


@pytest.mark.parametrize(
    ("cells", "minor"),
    [
        ([markdown()], 4),
        ([{"cell_type": "markdown", "metadata": {}, "source": ""}], 5),
        ([markdown(id="")], 5),
        ([markdown(id="not an id")], 5),
        ([markdown(id=7)], 5),
    ],
)
def test_an_id_that_would_not_stay_counts_as_none(cells: list[Json], minor: int) -> None:
    assert from_node(node(*cells, minor=minor), "a.ipynb").cells[0].cell_id is None


def test_of_two_cells_with_one_id_only_the_first_keeps_it() -> None:
    notebook = from_node(node(markdown(), markdown()), "a.ipynb")

    assert [cell.cell_id for cell in notebook.cells] == ["md", None]


def test_reading_a_cell_without_an_id_twice_gives_the_same_notebook() -> None:
    text = json.dumps(node({"cell_type": "raw", "metadata": {}, "source": "x"}))

    assert parse(text, "a.ipynb") == parse(text, "a.ipynb")


def test_a_notebook_of_version_3_is_upgraded_without_a_word_in_the_log(
    caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder
) -> None:
    heading: Json = {"cell_type": "heading", "level": 2, "metadata": {}, "source": "Title"}
    code: Json = {
        "cell_type": "code",
        "collapsed": False,
        "input": "1+1",
        "language": "python",
        "metadata": {},
        "outputs": [{"output_type": "stream", "stream": "stdout", "text": "hello\n"}],
        "prompt_number": 4,
    }
    old: Json = {
        "nbformat": 3,
        "nbformat_minor": 0,
        "metadata": {"name": ""},
        "worksheets": [{"cells": [heading, code], "metadata": {}}],
    }
    with caplog.at_level(logging.DEBUG):
        notebook = parse(json.dumps(old), "old.ipynb")

    assert notebook.nbformat == "3.0"
    assert [(cell.cell_type, cell.cell_id) for cell in notebook.cells] == [
        ("markdown", None),
        ("code", None),
    ]
    assert notebook.cells[0].source == "## Title"
    assert notebook.cells[1].outputs == (Stream(name="stdout", text="hello\n"),)
    assert not caplog.records
    assert not recwarn.list


def test_an_output_of_a_kind_that_is_not_known_keeps_its_place() -> None:
    cell = CODE | {"outputs": [{"output_type": "hologram"}]}

    (output,) = from_node(node(cell, minor=9), "a.ipynb").cells[0].outputs

    assert output == Display(data={"text/plain": "[output of the type hologram]"})


@pytest.mark.parametrize("text", ["", "{", "not json", '{"nbformat": 4,}', "<<<<<<< HEAD\n{}"])
def test_what_is_not_json_says_where(text: str) -> None:
    with pytest.raises(ContentsError, match=r"is not JSON \(line 1, column"):
        parse(text, "a.ipynb")


def test_json_too_deep_to_read_is_a_sentence() -> None:
    with pytest.raises(ContentsError, match="too deeply"):
        parse("[" * 200_000, "a.ipynb")


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "[" * 600_000,
        "null",
        "1",
        "{}",
        '{"cells": []}',
        '{"nbformat": "4"}',
        '{"nbformat": true}',
    ],
)
def test_json_of_another_kind_is_not_a_notebook(text: str) -> None:
    with pytest.raises(ContentsError, match="but not a notebook"):
        parse(text, "a.ipynb")


def test_a_notebook_of_a_later_major_version_is_not_guessed_at() -> None:
    with pytest.raises(ContentsError, match=r"nbformat 5\.0"):
        from_node({"nbformat": 5, "nbformat_minor": 0}, "a.ipynb")


@pytest.mark.parametrize(
    "broken",
    [
        {"nbformat": 4, "nbformat_minor": 5},
        {"nbformat": 4, "nbformat_minor": 5, "cells": {}},
        {"nbformat": 4, "cells": None},
        {"nbformat": 3, "nbformat_minor": 0},
        {"nbformat": 2, "worksheets": 7},
        {"nbformat": 1},
    ],
)
def test_a_file_without_a_list_of_cells_is_not_a_notebook(broken: Json) -> None:
    with pytest.raises(ContentsError, match="no list of cells"):
        from_node(broken, "a.ipynb")


UNTYPED = Display(data={"text/plain": "[output without a type]"})


@pytest.mark.parametrize(
    ("odd", "expected"),
    [
        ("x", {"cell_type": "raw", "source": "x", "oddities": ("no object",)}),
        (7, {"cell_type": "raw", "source": "", "oddities": ("no object",)}),
        (None, {"cell_type": "raw", "source": "", "oddities": ("no object",)}),
        ({}, {"cell_type": "raw", "source": "", "oddities": ("type 'None'", "no source")}),
        (markdown(cell_type="html"), {"cell_type": "raw", "oddities": ("type 'html'",)}),
        (CODE | {"cell_type": ["code"]}, {"cell_type": "code", "source": "import os\nos"}),
        (
            {"cell_type": "heading", "level": 2, "source": "T", "metadata": {}},
            {"cell_type": "markdown", "source": "## T", "oddities": ()},
        ),
        (
            {"cell_type": "heading", "level": "?", "source": "T"},
            {"cell_type": "markdown", "source": "# T"},
        ),
        (markdown(source=None), {"source": "", "oddities": ("no source",)}),
        (markdown(source={"a": 1}), {"source": "", "oddities": ("no source",)}),
        (
            markdown(source=["a", 1, None, "b"]),
            {"source": "ab", "oddities": ("parts of its source are not text",)},
        ),
        (markdown(metadata=None), {"source": "# T", "oddities": ()}),
        (markdown(attachments="?"), {"source": "# T", "oddities": ()}),
        (CODE | {"outputs": None}, {"outputs": (), "oddities": ("no list of outputs",)}),
        ({"cell_type": "code", "source": "1"}, {"outputs": (), "source": "1"}),
        (CODE | {"outputs": {"0": {}}}, {"outputs": (), "oddities": ("no list of outputs",)}),
        (CODE | {"outputs": ["x"]}, {"outputs": (UNTYPED,)}),
        (CODE | {"outputs": [{}]}, {"outputs": (UNTYPED,)}),
        (CODE | {"execution_count": "3"}, {"execution_count": 3}),
        (CODE | {"execution_count": 3.0}, {"execution_count": 3, "oddities": ()}),
        (CODE | {"execution_count": "*"}, {"execution_count": None}),
        (CODE | {"execution_count": 1e999}, {"execution_count": None}),
        (CODE | {"execution_count": 10**400}, {"execution_count": None}),
        (CODE | {"execution_count": True}, {"execution_count": None}),
        (
            CODE | {"outputs": [{"output_type": "error", "traceback": "one\ntwo"}]},
            {"outputs": (Error(ename="", evalue="", traceback=("one", "two")),), "oddities": ()},
        ),
        (
            CODE | {"outputs": [{"output_type": "error", "ename": None, "traceback": None}]},
            {"oddities": ()},
        ),
        (
            CODE | {"outputs": [{"output_type": "display_data", "data": None, "metadata": None}]},
            {"outputs": (Display(data={}),)},
        ),
        (CODE | {"outputs": [{"output_type": "stream", "text": None}]}, {"oddities": ()}),
    ],
)
def test_an_odd_cell_is_read_and_marked_and_the_others_are_whole(
    odd: Json, expected: dict[str, Any]
) -> None:
    notebook = parse(json.dumps(node(odd, CODE | {"id": "last"})), "a.ipynb")

    cell, last = notebook.cells
    assert {name: getattr(cell, name) for name in expected} == expected
    assert (last.source, last.oddities) == ("import os\nos", ())
    for what in ("source", "outline", "outputs"):
        page = page_of(notebook, what=what, limits=Limits())
        words = "".join(block.text for block in page.blocks if isinstance(block, TextBlock))
        for oddity in cell.oddities:
            assert oddity in words


def test_deep_json_in_an_output_is_named_in_its_place() -> None:
    deep: Json = 1
    for _ in range(500):
        deep = [deep]
    shown: Json = {"output_type": "display_data", "data": {"application/json": deep}}

    (cell,) = parse(json.dumps(node(CODE | {"outputs": [shown]})), "a.ipynb").cells

    assert "nested" in str(cell.outputs)


@pytest.mark.parametrize(
    "odd",
    [
        {"nbformat": 4, "cells": [CODE]},
        {"nbformat": 4.0, "nbformat_minor": 5.0, "metadata": None, "cells": [CODE]},
        {"nbformat": 4, "nbformat_minor": "5", "metadata": [], "cells": [CODE]},
        {"nbformat": 4, "nbformat_minor": 5, "worksheets": [{"cells": [CODE | {"input": "1"}]}]},
        {"nbformat": 3, "worksheets": [{"cells": [{"cell_type": "code", "input": "1"}]}]},
        {"nbformat": 3, "worksheets": [7, {"cells": [{"cell_type": "code", "input": ["1"]}]}, {}]},
        {"nbformat": 2, "worksheets": [{"cells": [{"cell_type": "code", "input": "1"}]}]},
        {"nbformat": 1, "cells": [{"cell_type": "code", "code": "1"}]},
    ],
)
def test_an_odd_notebook_is_read(odd: Json) -> None:
    (cell,) = parse(b"\xef\xbb\xbf" + json.dumps(odd).encode(), "a.ipynb").cells

    assert cell.cell_type == "code"
    assert cell.source


def test_outputs_of_a_notebook_of_version_3_are_those_of_today() -> None:
    outputs: Json = [
        {"output_type": "pyout", "prompt_number": 2, "text": ["a\n", "b"], "html": "<b>a</b>"},
        {"output_type": "display_data", "png": "iVBORw0="},
        {"output_type": "pyerr", "ename": "E", "evalue": "v", "traceback": ["t"]},
        {"output_type": "stream", "stream": "stderr", "text": "w"},
        7,
    ]
    cell: Json = {"cell_type": "code", "input": "1", "prompt_number": 2, "outputs": outputs}

    (read,) = from_node({"nbformat": 3, "worksheets": [{"cells": [cell]}]}, "a.ipynb").cells

    assert read.execution_count == 2
    assert read.outputs == (
        Display(
            data={"text/plain": "a\nb", "text/html": "<b>a</b>"},
            is_result=True,
            execution_count=2,
        ),
        Display(data={"image/png": "iVBORw0="}),
        Error(ename="E", evalue="v", traceback=("t",)),
        Stream(name="stderr", text="w"),
        UNTYPED,
    )


# -- large ones, which are parsed cell by cell -------------------------------------------------


def large(*cells: Json, **fields: Json) -> str:
    """A notebook over the size up to which one is parsed at once."""
    filler = markdown(source="x" * pieces.SMALL, id="filler")
    return json.dumps({**node(filler, *cells), **fields}, indent=1)


def test_a_large_notebook_is_read_as_a_small_one() -> None:
    odd = ["a \\" * 5, 'b"', "c\\", "{[,]}", "ü🙂", "\x00"]
    cells = [*(markdown(id=f"c{n}", source=source) for n, source in enumerate(odd)), CODE]
    kernel: Json = {"kernelspec": {"name": "ir", "language": "R"}}

    notebook = parse(large(*cells, metadata=kernel), "a.ipynb")

    small = from_node({**node(*cells), "metadata": kernel}, "a.ipynb")
    assert [replace(cell, index=cell.index - 1) for cell in notebook.cells[1:]] == [*small.cells]
    assert (notebook.kernel_name, notebook.nbformat) == ("ir", "4.5")


def test_a_notebook_with_too_many_items_in_all_is_a_sentence() -> None:
    cell = CODE | {"outputs": [[0] * 160_000]}

    with pytest.raises(ContentsError, match="too deeply or too large"):
        parse(large(*[cell] * 10), "a.ipynb")


def test_commas_in_the_text_of_a_notebook_are_not_counted_as_items() -> None:
    source = ',"[\\' * 700_000

    notebook = parse(large(markdown(id="last", source=source)), "a.ipynb")

    assert notebook.cells[1].source == source


@pytest.mark.parametrize("end", [500_040, 500_100, -1, -40])
def test_a_large_notebook_that_is_cut_off_says_so(end: int) -> None:
    with pytest.raises(ContentsError, match="is not JSON") as refusal:
        parse(large(CODE)[:end], "a.ipynb")

    assert "line" in str(refusal.value)


def test_a_composed_notebook_is_valid_nbformat_4_5() -> None:
    kernel = KernelMetadata(
        name="python3",
        display_name="Python 3",
        language="python",
        language_info={"file_extension": ".py", "mimetype": "text/x-python"},
    )

    made = compose(
        [NewCell(source="1"), NewCell(cell_type="markdown", source="# T"), NewCell(source="")],
        kernel,
    )

    nbformat.validate(made)
    assert (made["nbformat"], made["nbformat_minor"]) == (4, 5)
    assert made["metadata"] == {
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
        "language_info": {
            "file_extension": ".py",
            "mimetype": "text/x-python",
            "name": "python",
        },
    }


def test_composed_cells_have_ids_of_their_own() -> None:
    notebook = from_node(compose([NewCell(source="x")] * 1_000, None), "a.ipynb")

    assert len({cell.cell_id for cell in notebook.cells}) == 1_000
    assert None not in {cell.cell_id for cell in notebook.cells}


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.sampled_from([",", '","', '",\n', "\\"]),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=20,
)


@given(
    cells=st.lists(st.dictionaries(st.sampled_from(["source", "cell_type", "a"]), VALUES)),
    indent=st.sampled_from([None, 0, 1]),
    line_end=st.sampled_from(["\n", "\r\n"]),
    small=st.integers(1, 60),
)
def test_json_that_is_parsed_part_by_part_has_the_value_that_it_has_as_a_whole(
    cells: Any, indent: int | None, line_end: str, small: int
) -> None:
    text = json.dumps({"cells": cells, "more": [1]}, indent=indent, ensure_ascii=False)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "SMALL", small)
        found = pieces.loads(text.replace("\n", line_end).encode())

    assert found == {"cells": cells, "more": [1]}


@pytest.mark.parametrize("end", ["", "]", '"', ',"x"', "}]", "]]}"])
def test_json_that_is_parsed_part_by_part_is_refused_where_it_is_wrong(end: str) -> None:
    data = b'{"cells": [{"source": ["a",\n"b",\n"c"' + end.encode()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "SMALL", 4)
        with pytest.raises(json.JSONDecodeError):
            pieces.loads(data)


@pytest.mark.parametrize(
    "text",
    [
        '{"cells": [], "a": 1,}',
        '{"cells": [{"source": "x"},]}',
        '{"cells": [{"source": ["a", "b",]}]}',
        '{"cells": [{"source": "x",}]}',
        '{"cells": [{"source": ["a", 1,]}]}',
        '{"cells": [], 1: 2}',
        '{"cells": [], null: 2}',
    ],
)
def test_json_that_is_parsed_part_by_part_is_as_strict_as_a_whole(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "SMALL", 1)
        with pytest.raises(json.JSONDecodeError):
            pieces.loads(text.encode())


@given(
    cells=st.lists(st.dictionaries(st.sampled_from(["source", "cell_type"]), VALUES), min_size=1),
    small=st.integers(1, 60),
    place=st.floats(0, 1),
    put=st.sampled_from(["", ",", "]", "}", "[", "{", '"', "1", ":", "\\"]),
)
def test_json_with_another_character_in_it_is_refused_in_parts_where_it_is_as_a_whole(
    cells: Any, small: int, place: float, put: str
) -> None:
    text = json.dumps({"cells": cells, "more": [1]})
    marks = [at for at, mark in enumerate(text) if at and mark in '{}[],:"']
    at = marks[int(place * (len(marks) - 1))]
    text = text[:at] + put + text[at + (put == "") :]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "SMALL", small)
        assert _value(pieces.loads, text) == _value(json.loads, text)


def _value(loads: Callable[[bytes], Any], text: str) -> Any:
    """What a text is read as; the error's class if it is refused."""
    try:
        return loads(text.encode())
    except json.JSONDecodeError as err:
        return type(err)
