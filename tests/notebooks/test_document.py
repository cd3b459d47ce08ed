from __future__ import annotations

import json
import logging

import nbformat
import pytest

from jupyter_mcp_ext.errors import ContentsError
from jupyter_mcp_ext.notebooks.cells import NewCell
from jupyter_mcp_ext.notebooks.document import KernelInfo, compose, from_node, parse
from jupyter_mcp_ext.outputs.model import Display, Error, Json, Stream

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


@pytest.mark.parametrize(
    "text", ["", "{", "not json", '{"nbformat": 4,}', "<<<<<<< HEAD\n{}", "\ufeff{}"]
)
def test_what_is_not_json_says_where(text: str) -> None:
    with pytest.raises(ContentsError, match=r"is not JSON \(line 1, column"):
        parse(text, "a.ipynb")


def test_json_too_deep_to_read_is_a_sentence() -> None:
    with pytest.raises(ContentsError, match="too deep"):
        parse("[" * 200_000, "a.ipynb")


@pytest.mark.parametrize(
    "text", ["[]", "null", "1", "{}", '{"cells": []}', '{"nbformat": "4"}', '{"nbformat": true}']
)
def test_json_of_another_kind_is_not_a_notebook(text: str) -> None:
    with pytest.raises(ContentsError, match="but not a notebook"):
        parse(text, "a.ipynb")


def test_a_notebook_of_a_later_major_version_is_not_guessed_at() -> None:
    with pytest.raises(ContentsError, match=r"nbformat 5\.0"):
        from_node({"nbformat": 5, "nbformat_minor": 0}, "a.ipynb")


@pytest.mark.parametrize(
    ("broken", "what"),
    [
        ({"nbformat": 4, "cells": []}, "nbformat_minor"),
        ({"nbformat": 4, "nbformat_minor": 5}, "no list of cells"),
        ({"nbformat": 4, "nbformat_minor": 5, "cells": {}}, "no list of cells"),
        (node("x"), "cell 0 is not an object"),
        (node(markdown(), markdown(cell_type="html")), "cell 1 has the type 'html'"),
        (node(markdown(source=None)), "cell 0 has no source"),
        (node(markdown(source=["a", 1])), "cell 0 has no source"),
        (node(CODE | {"outputs": None}), "cell 0 has no list of outputs"),
        (node(CODE | {"outputs": ["x"]}), "output 0 of cell 0 has no output_type"),
        (node(CODE | {"outputs": [{}]}), "output 0 of cell 0 has no output_type"),
        (node(CODE | {"execution_count": "3"}), "execution_count of cell 0"),
        ({"nbformat": 3, "nbformat_minor": 0}, "'metadata'"),
        (
            {"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": [7]}]},
            "'worksheets'",
        ),
        ({"nbformat": 2, "worksheets": 7}, "old format"),
        ({"nbformat": 1, "cells": [{"cell_type": "x"}]}, "old format"),
        ({"nbformat": 1}, "missing a key: cells"),
    ],
)
def test_an_invalid_notebook_says_what_is_invalid(broken: Json, what: str) -> None:
    with pytest.raises(ContentsError, match="is not a valid notebook") as refusal:
        from_node(broken, "a.ipynb")

    assert what in str(refusal.value)


def test_a_composed_notebook_is_valid_nbformat_4_5() -> None:
    kernel = KernelInfo(
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
