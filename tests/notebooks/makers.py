"""A shelf of notebooks as programs of many makers write them: their layout, metadata and faults.

Their content was written for these tests.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

Node: TypeAlias = dict[str, Any]
Layout: TypeAlias = Callable[[Node], bytes]

PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
    "gg=="
)

PYTHON = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python", "file_extension": ".py", "version": "3.10.12"},
}


@dataclass(frozen=True, kw_only=True)
class Made:
    """A notebook's file, and what it is read as."""

    data: bytes
    cells: tuple[tuple[str, str], ...]
    """The type and source of each cell, as a person sees them."""
    runs: bool = False
    """Whether its code is Python that runs without errors."""
    mended: Node | None = None
    """What an edit makes of one that Jupyter itself cannot open or save."""
    refuses: bool = False
    """Whether it is not edited."""
    opens: bool = True
    """Whether Jupyter opens it in a room."""


def markdown(source: Any, **more: Any) -> Node:
    return {"cell_type": "markdown", "metadata": {}, "source": source, **more}


def code(source: Any, **more: Any) -> Node:
    cell: Node = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
    return {**cell, "source": source, **more}


def stream(text: Any, name: str = "stdout", **more: Any) -> Node:
    return {"name": name, "output_type": "stream", "text": text, **more}


def shown(data: Node, **metadata: Any) -> Node:
    return {"output_type": "display_data", "data": data, "metadata": metadata}


def result(data: Node, count: Any = 1, **more: Any) -> Node:
    found: Node = {"output_type": "execute_result", "data": data, "metadata": {}}
    return {**found, "execution_count": count, **more}


def error(name: str, value: str, *lines: str) -> Node:
    return {"output_type": "error", "ename": name, "evalue": value, "traceback": list(lines)}


def notebook(*cells: Any, minor: Any = 5, **more: Any) -> Node:
    return {
        "cells": list(cells),
        "metadata": PYTHON,
        "nbformat": 4,
        "nbformat_minor": minor,
        **more,
    }


def as_jupyter(node: Node) -> bytes:
    """Sorted keys, one space, a line end at the end."""
    text = json.dumps(node, indent=1, sort_keys=True, ensure_ascii=False)
    return f"{text}\n".encode(errors="surrogatepass")


def as_colab(node: Node) -> bytes:
    """Two spaces, the cells at the end, no line end there."""
    return json.dumps(dict(reversed(node.items())), indent=2).encode()


def as_one_line(node: Node) -> bytes:
    return json.dumps(node, separators=(",", ":"), ensure_ascii=False).encode()


def as_windows(node: Node) -> bytes:
    """Four spaces, with a byte order mark and the line ends of Windows."""
    text = json.dumps(node, indent=4, ensure_ascii=False).replace("\n", "\r\n")
    return b"\xef\xbb\xbf" + text.encode()


def as_ascii(node: Node) -> bytes:
    """A half of a surrogate pair stays an escape."""
    return json.dumps(node, indent=1).encode()


def _text(value: Any) -> str:
    return "".join(value) if isinstance(value, list) else value


def made(
    node: Node,
    layout: Layout = as_jupyter,
    *,
    runs: bool = False,
    cells: tuple[tuple[str, str], ...] | None = None,
    mended: Node | None = None,
    refuses: bool = False,
    opens: bool = True,
) -> Made:
    """``cells`` where they are not read as they stand in the file."""
    found = cells
    if found is None:
        found = tuple((cell["cell_type"], _text(cell["source"])) for cell in node["cells"])
    return Made(
        data=layout(node), cells=found, runs=runs, mended=mended, refuses=refuses, opens=opens
    )


COLAB = notebook(
    markdown(
        ['<a href="https://example.org/colab" target="_parent">Open</a>'],
        metadata={"id": "view-in-github", "colab_type": "text"},
    ),
    markdown(["# Ein Überblick 🙂\n", "\n", "Text"], metadata={"id": "Q8X8xDwS6vgS"}),
    code(
        ["import sys\n", "print('colab')"],
        metadata={
            "id": "00utiBswVFVf",
            "colab_type": "code",
            "colab": {"base_uri": "https://localhost:8080/", "height": 34},
            "outputId": "38b77c7f-dea0-4b6c-c2a2-a2653d570036",
        },
        execution_count=0,
        outputs=[{"output_type": "stream", "text": ["colab\n"], "name": "stdout"}],
    ),
    code([""], metadata={"id": "UlR8otwMcTQY", "colab_type": "code", "colab": {}}),
    code(
        ["1 + 1"],
        metadata={"id": "J3F5ONCyrxgK", "cellView": "form"},
        execution_count=20,
        outputs=[
            result(
                {
                    "text/plain": ["2"],
                    "application/vnd.google.colaboratory.intrinsic+json": {"a": 1},
                },
                20,
            )
        ],
    ),
    minor=0,
    metadata={
        "colab": {"name": "x.ipynb", "provenance": [], "include_colab_link": True},
        "kernelspec": {"name": "python3", "display_name": "Python 3"},
        "accelerator": "GPU",
        "widgets": {
            "application/vnd.jupyter.widget-state+json": {
                "e1b2c3": {
                    "model_module": "@jupyter-widgets/controls",
                    "model_name": "HBoxModel",
                    "state": {"_dom_classes": [], "_view_count": None, "box_style": ""},
                }
            }
        },
    },
)

VSCODE = notebook(
    markdown(["## Set up"], id="b2f5ff47", attachments={}),
    code(
        ["x = 40"],
        id="9c1a0c2e",
        metadata={"vscode": {"languageId": "python"}},
        execution_count=3,
    ),
    code(
        ["print(x + 2)"],
        id="d3b07384",
        execution_count=4,
        outputs=[stream(["42\n"])],
        metadata={"tags": ["parameters"], "scrolled": True},
    ),
    {"cell_type": "raw", "id": "e5", "metadata": {"vscode": {"languageId": "raw"}}, "source": []},
    minor=5,
    metadata={
        **PYTHON,
        "orig_nbformat": 4,
        "vscode": {"interpreter": {"hash": "31f2aee4e71d21fbe5cf8b01ff0e069b9275f58929596ceb"}},
    },
)

DATABRICKS = notebook(
    *(
        {
            **cell,
            "metadata": {
                "application/vnd.databricks.v1+cell": {
                    "cellMetadata": {"byteLimit": 2048000, "rowLimit": 10000},
                    "inputWidgets": {},
                    "nuid": f"217c62c5-2081-455b-ba1b-9612aef664d{number}",
                    "showTitle": False,
                    "startTime": 1778708597761,
                    "tableResultSettingsMap": {},
                    "title": "",
                }
            },
        }
        for number, cell in enumerate(
            [
                code("%sql\nSELECT 1", execution_count=0),
                markdown(["%md\n", "### A title"]),
                code(
                    "display(df)",
                    execution_count=0,
                    outputs=[
                        shown(
                            {
                                "text/html": ["<style>table {}</style>\n", "<table></table>"],
                                "application/vnd.databricks.v1+output": {
                                    "addedWidgets": {},
                                    "data": [[1, "é", None]],
                                    "schema": [{"metadata": "{}", "name": "id", "type": '"long"'}],
                                },
                            }
                        ),
                        {"output_type": "display_data", "data": {}, "metadata": {"a": {"b": []}}},
                    ],
                ),
            ]
        )
    ),
    minor=0,
    metadata={
        "application/vnd.databricks.v1+notebook": {
            "dashboards": [],
            "language": "python",
            "notebookMetadata": {"pythonIndentUnit": 4},
            "notebookName": "demo",
            "widgets": {},
        },
        "language_info": {"name": "python"},
    },
)

KAGGLE = notebook(
    code(
        "import os\nfor folder, _, names in os.walk('none'):\n    print(folder)",
        metadata={
            "_uuid": "8f2839f25d086af736a60e9eeb907d3b93b6e0e5",
            "_cell_guid": "b1076dfc-b9ad-4769-8c92-a6c4dae69d19",
            "_kg_hide-input": True,
            "execution": {
                "iopub.status.busy": "2024-03-06T10:19:24.627731Z",
                "shell.execute_reply": "2024-03-06T10:20:16.245949Z",
            },
            "trusted": True,
        },
        execution_count=1,
    ),
    markdown("#### Notes", metadata={"papermill": {"duration": 0.01, "exception": None}}),
    code(
        "6 * 7",
        metadata={"trusted": True},
        execution_count=2,
        outputs=[result({"text/plain": "42"}, 2)],
    ),
    minor=4,
    metadata={
        "kernelspec": {"language": "python", "display_name": "Python 3", "name": "python3"},
        "kaggle": {"accelerator": "none", "dataSources": [], "isGpuEnabled": False},
        "papermill": {"default_parameters": {}, "parameters": {}, "version": "2.5.0"},
    },
)

IRKERNEL = notebook(
    code(
        ["library(ggplot2)\n", "head(iris, 1)"],
        execution_count=2,
        metadata={"vscode": {"languageId": "r"}},
        outputs=[
            stream(["Attaching package\n", "\n"], "stderr"),
            shown(
                {
                    "text/html": ["<table>\n", "</table>\n"],
                    "text/latex": ["\\begin{tabular}{r|l}\n", "\\end{tabular}\n"],
                    "text/markdown": ["\n", "A data.frame: one row\n", "\n"],
                    "text/plain": ["  Sepal.Length\n", "1 5.1         "],
                }
            ),
            shown(
                {"image/png": PNG, "text/plain": ["plot without title"]},
                **{"image/png": {"height": 420, "width": 420}},
            ),
            error("ERROR", "Error in eval(expr): object 'x' not found\n", "Error:\n", "1. f()"),
        ],
    ),
    minor=4,
    metadata={
        "kernelspec": {"display_name": "R", "language": "R", "name": "ir"},
        "language_info": {
            "codemirror_mode": "r",
            "file_extension": ".r",
            "mimetype": "text/x-r-source",
            "name": "R",
            "pygments_lexer": "r",
            "version": "4.1.2",
        },
    },
)

IJULIA = notebook(
    code(
        ["using LinearAlgebra\n", "a = [1.0 NaN]"],
        execution_count=1,
        outputs=[
            result(
                {
                    "text/plain": ["2-element Vector{Float64}:\n", " 1.0  NaN"],
                    "text/latex": ["$a$"],
                },
                1,
            ),
            stream(["\x1b[32m\x1b[1m  Resolving\x1b[22m\x1b[39m package versions...\r"], "stderr"),
        ],
    ),
    minor=3,
    metadata={
        "@webio": {"lastCommId": None, "lastKernelId": None},
        "kernelspec": {"display_name": "Julia 1.9.3", "language": "julia", "name": "julia-1.9"},
        "language_info": {"file_extension": ".jl", "name": "julia", "version": "1.9.3"},
    },
)

POLYGLOT = notebook(
    code(
        ['#r "nuget: Plotly.NET, 4.0.0"\r\n', "Console.WriteLine(42);"],
        metadata={
            "dotnet_interactive": {"language": "csharp"},
            "polyglot_notebook": {"kernelName": "csharp"},
        },
        outputs=[
            shown({"text/html": ["<div><strong>Installed Packages</strong></div>"]}),
            {"name": "stdout", "output_type": "stream", "text": ["42\r\n"]},
        ],
    ),
    code(
        ["let z = 3\n"],
        metadata={
            "dotnet_interactive": {"language": "fsharp"},
            "polyglot_notebook": {"kernelName": "fsharp"},
            "vscode": {"languageId": "polyglot-notebook"},
        },
    ),
    minor=5,
    metadata={
        "kernelspec": {"display_name": ".NET (C#)", "language": "C#", "name": ".net-csharp"},
        "language_info": {"name": "polyglot-notebook"},
        "polyglot_notebook": {
            "kernelInfo": {
                "defaultKernelName": "csharp",
                "items": [{"aliases": [], "name": "csharp"}],
            }
        },
    },
)

AZURE = notebook(
    code(
        ["SELECT TOP(10) *\r\n", "FROM t"],
        metadata={"azdata_cell_guid": "a2caddc9-9b7d-4dd1-89b5-e43fa0e6f661", "language": "sql"},
        execution_count=4,
        outputs=[
            shown({"text/html": "(1 row affected)"}),
            result(
                {
                    "application/vnd.dataresource+json": {
                        "schema": {"fields": [{"name": "a"}]},
                        "data": [{"0": "1"}],
                    },
                    "text/html": "<table><tr><td>1</td></tr></table>",
                },
                4,
            ),
        ],
    ),
    markdown(["# Notes"], attachments={}),
    minor=2,
    metadata={
        "kernelspec": {"name": "SQL", "display_name": "SQL", "language": "sql"},
        "language_info": {"name": "sql", "version": ""},
    },
)

SAGEMAKER = notebook(
    markdown("Before", metadata={"tags": []}, id="3a"),
    code(
        "total = sum(range(4))\ntotal",
        metadata={"tags": []},
        id="353bc224-7180-4087-88f8-4c6bfebf2aa1",
    ),
    minor=5,
    metadata={
        "availableInstances": [
            {"_defaultOrder": 0, "_isFastLaunch": True, "memoryGiB": 4, "name": "ml.t3.medium"}
        ],
        "instance_type": "ml.t3.medium",
        "kernelspec": {
            "display_name": "Python 3 (Data Science)",
            "language": "python",
            "name": "python3__SAGEMAKER_INTERNAL__arn:aws:sagemaker:eu-west-1:1:image/datascience",
        },
        "toc-autonumbering": False,
    },
)

DEEPNOTE = notebook(
    code(
        "if '_dntk' in globals():\n  pass\nvalue = 1",
        metadata={
            "tags": [],
            "cell_id": "00000-ecf67c49-271d-4de3-b94d-6c7524881e40",
            "deepnote_to_be_reexecuted": False,
            "source_hash": "8ad57f32",
            "execution_start": 1620375813931,
            "execution_millis": 3,
            "deepnote_cell_type": "code",
            "deepnote_table_state": {"pageSize": 10, "filters": []},
        },
        execution_count=1,
    ),
    markdown(
        "# PREPROCESSING",
        metadata={"cell_id": "00001", "deepnote_cell_type": "text-cell-h1", "is_collapsed": False},
    ),
    {
        "cell_type": "markdown",
        "source": "<a style='text-decoration:none' href='https://example.org'> </a>",
        "metadata": {"created_in_deepnote_cell": True, "deepnote_cell_type": "markdown"},
    },
    minor=2,
    metadata={
        "orig_nbformat": 2,
        "deepnote": {},
        "deepnote_execution_queue": [],
        "deepnote_notebook_id": "4",
    },
)

JUPYTEXT = notebook(
    {"cell_type": "raw", "id": "a", "metadata": {}, "source": "---\ntitle: x\n---"},
    code("# %% a comment\ny = 2", id="b", metadata={"lines_to_next_cell": 2}),
    minor=5,
    metadata={
        "jupytext": {
            "cell_metadata_filter": "-all",
            "formats": "ipynb,py:percent",
            "main_language": "python",
            "notebook_metadata_filter": "-all",
        }
    },
)

MARIMO = notebook(
    code(
        "def f():\n    return 1",
        id="Hbol",
        metadata={"marimo": {"name": "f", "config": {"hide_code": True}}},
        outputs=[
            result({"text/html": "<pre>1</pre>"}, None),
            shown({"application/vnd.marimo+error": [{"type": "exception"}]}),
        ],
    ),
    markdown("a $\\pi$", id="MJUe", metadata={"marimo": {"md_prefix": "r"}}),
    minor=5,
    metadata={"marimo": {"marimo_version": "0.9.14"}},
)

ZEPPELIN = notebook(
    markdown(["# Titel\n"]),
    code("%spark.pyspark\nprint(sc.version)\n", outputs=[stream("2.4.0\n")]),
    {"cell_type": "heading", "level": 2, "metadata": {}, "source": ["Kept ", "heading"]},
    code("%table\na\tb", outputs=[{"output_type": "table", "data": [["a"]]}]),
    minor=2,
    metadata={"name": "Zeppelin", "angularObjects": {"spark": []}, "autosaved": "2019"},
)

V3 = {
    "metadata": {"name": "", "signature": "sha256:0a1b"},
    "nbformat": 3,
    "nbformat_minor": 0,
    "worksheets": [
        {
            "cells": [
                {"cell_type": "heading", "level": 2, "metadata": {}, "source": ["A ", "heading"]},
                {"cell_type": "markdown", "metadata": {}, "source": ["text *here*\n", "more"]},
                {
                    "cell_type": "code",
                    "collapsed": False,
                    "input": ["x = 1\n", "print(x)"],
                    "language": "python",
                    "metadata": {"slideshow": {"slide_type": "-"}},
                    "outputs": [
                        {
                            "metadata": {},
                            "output_type": "pyout",
                            "prompt_number": 3,
                            "text": ["1"],
                            "png": PNG,
                        },
                        {"output_type": "stream", "stream": "stderr", "text": ["1\n"]},
                        {
                            "ename": "E",
                            "evalue": "v",
                            "output_type": "pyerr",
                            "traceback": ["E: v"],
                        },
                    ],
                    "prompt_number": 3,
                },
                {"cell_type": "raw", "metadata": {}, "source": "raw text"},
            ],
            "metadata": {},
        }
    ],
}

V2 = {
    "metadata": {"name": "old"},
    "nbformat": 2,
    "worksheets": [
        {
            "cells": [
                {"cell_type": "markdown", "source": "# Old"},
                {"cell_type": "html", "source": "<b>bold</b>"},
                {
                    "cell_type": "code",
                    "collapsed": False,
                    "input": "print 1",
                    "language": "python",
                    "outputs": [{"output_type": "stream", "text": "1\n"}],
                    "prompt_number": 1,
                },
            ]
        }
    ],
}

OLD_CELLS = (
    ("markdown", "# Old"),
    ("markdown", "<b>bold</b>"),
    ("code", "print 1"),
)

IDS: dict[str, Node] = {
    "ids that occur twice": notebook(
        code("a = 1", id="same"), code("b = 2", id="same"), markdown("c", id="other")
    ),
    "ids that are missing": notebook(code("a = 1", id="first"), code("b = 2"), markdown("c")),
    "ids of a forbidden form": notebook(
        code("a = 1", id="with spaces!"),
        code("b = 2", id="x" * 80),
        code("c = 3", id=""),
        code("d = 4", id=7),
        markdown("e", id="é"),
    ),
    "ids in an earlier format": notebook(code("a = 1", id="kept"), markdown("b"), minor=4),
}

LONG = "x = 0\n" * 2_000

SHELF: dict[str, Made] = {
    "colab": made(COLAB, as_colab, runs=True),
    "vs code": made(VSCODE, runs=True),
    "databricks": made(DATABRICKS, as_ascii),
    "kaggle": made(KAGGLE, as_one_line, runs=True),
    "irkernel": made(IRKERNEL),
    "ijulia": made(IJULIA),
    "polyglot": made(POLYGLOT),
    "azure data studio": made(AZURE, as_windows, opens=False),
    "sagemaker": made(SAGEMAKER, runs=True),
    "deepnote": made(DEEPNOTE, runs=True),
    "jupytext": made(JUPYTEXT, runs=True),
    "marimo": made(MARIMO, runs=True),
    "zeppelin": made(
        ZEPPELIN,
        cells=(
            ("markdown", "# Titel\n"),
            ("code", "%spark.pyspark\nprint(sc.version)\n"),
            ("markdown", "## Kept heading"),
            ("code", "%table\na\tb"),
        ),
    ),
    "nbformat 3": made(
        V3,
        cells=(
            ("markdown", "## A heading"),
            ("markdown", "text *here*\nmore"),
            ("code", "x = 1\nprint(x)"),
            ("raw", "raw text"),
        ),
    ),
    "nbformat 2": made(V2, as_ascii, cells=OLD_CELLS),
    **{
        f"nbformat 4.{minor}": made(notebook(code("a = 1"), markdown("b"), minor=minor), runs=True)
        for minor in range(5)
    },
    "a minor version that is no integer": made(
        notebook(code("a = 1", id="a"), minor=5.0),
        runs=True,
        opens=False,
    ),
    **{name: made(node, runs=True) for name, node in IDS.items()},
    "a byte order mark": made(
        notebook(code("a = 'é'", id="a"), markdown("b", id="b")),
        as_windows,
        runs=True,
        opens=False,
    ),
    "line ends of windows": Made(
        data=as_jupyter(notebook(code("a = 1", id="a"))).replace(b"\n", b"\r\n"),
        cells=(("code", "a = 1"),),
        runs=True,
    ),
    "numbers that are none": made(
        notebook(
            code(
                "a = 1",
                id="a",
                metadata={"score": float("nan"), "most": float("inf"), "least": -float("inf")},
                outputs=[shown({"application/json": {"loss": [float("nan"), 1.0, 1e400]}})],
            ),
            markdown("b", id="b"),
        ),
        runs=True,
        opens=False,
    ),
    "numbers that are large or exact": made(
        notebook(
            code("a = 1", id="a", metadata={"n": 2**70, "f": 1.0, "g": 1e22, "h": 0.1, "z": -0.0}),
        ),
        as_ascii,
        runs=True,
        opens=False,
    ),
    "half a surrogate pair": made(
        notebook(code("a = 1", id="a", outputs=[stream("\ud83d\n")]), markdown("b \udc00", id="b")),
        as_ascii,
        cells=(("code", "a = 1"), ("markdown", "b \udc00")),
        opens=False,
    ),
    "other characters that end lines": made(
        notebook(code("a = '\u2028\x0c\x85'", id="a"), markdown(["a\r", "b\r\n", "c\x1c"], id="b"))
    ),
    "code without outputs": made(
        notebook({"cell_type": "code", "id": "a", "metadata": {}, "source": "a = 1"}),
        mended=notebook(code(["a = 1"], id="a")),
        runs=True,
    ),
    "outputs that are null": made(
        notebook({"cell_type": "code", "id": "b", "source": ["b = 2"], "outputs": None}),
        mended=notebook(code(["b = 2"], id="b")),
        runs=True,
        opens=False,
    ),
    "cells without metadata or source": made(
        notebook(
            {"cell_type": "code", "id": "a", "outputs": [], "execution_count": None},
            {"cell_type": "markdown", "id": "b", "source": "text", "attachments": None},
        ),
        cells=(("code", ""), ("markdown", "text")),
        mended=notebook(code([], id="a"), markdown(["text"], id="b")),
        opens=False,
    ),
    "metadata that is null": made(
        notebook(code("a = 1", id="a"), metadata=None),
        mended=notebook(code(["a = 1"], id="a"), metadata={}),
        runs=True,
        opens=False,
    ),
    "parts of a source that are no text": made(
        notebook(markdown(["a", None, 1], id="a")),
        cells=(("markdown", "a"),),
        refuses=True,
        opens=False,
    ),
    "outputs that are no objects": made(
        notebook(code("a = 1", id="a", outputs=["x", None])),
        refuses=True,
        opens=False,
    ),
    "cells that are no objects": made(
        notebook("text", None, 7),
        cells=(("raw", "text"), ("raw", ""), ("raw", "")),
        refuses=True,
        opens=False,
    ),
    "unknown kinds of cells": made(
        notebook(
            {
                "cell_type": "sql",
                "id": "a",
                "metadata": {"x": 1},
                "source": "SELECT 1",
                "query": {},
            },
            {"cell_type": "input", "id": "b", "metadata": {}, "source": ["y"], "outputs": []},
            code("c = 3", id="c"),
        ),
        cells=(("raw", "SELECT 1"), ("code", "y"), ("code", "c = 3")),
    ),
    "unknown kinds of outputs": made(
        notebook(
            code(
                "a = 1",
                id="a",
                outputs=[
                    {"output_type": "update_display_data", "data": {}, "transient": {"a": 1}},
                    {"output_type": "status", "execution_state": "idle"},
                    stream("x\n", "stdlog", when="later"),
                ],
            )
        ),
        runs=True,
    ),
    "keys beyond the format": made(
        notebook(
            code(
                "a = 1", id="a", metadata={"b": {"é": [None, {"z": 1, "a": 2}]}}, extra={"k": [1]}
            ),
            markdown("b", id="b", trusted=False),
            more={"authors": ["x"]},
        ),
        runs=True,
    ),
    "attachments": made(
        notebook(
            markdown(
                ["![a](attachment:é.png)"],
                id="a",
                attachments={"é.png": {"image/png": PNG, "text/plain": ["a\n", "b"]}},
            ),
            {
                "cell_type": "raw",
                "id": "b",
                "metadata": {"format": "text/restructuredtext"},
                "source": ".. x",
                "attachments": {"c.svg": {"image/svg+xml": ["<svg/>\n"]}},
            },
        )
    ),
    "widget state": made(
        notebook(
            code(
                "w = 1",
                id="a",
                outputs=[
                    shown(
                        {
                            "application/vnd.jupyter.widget-view+json": {
                                "model_id": "e1b2c3",
                                "version_major": 2,
                                "version_minor": 0,
                            },
                            "text/plain": ["IntSlider(value=3)"],
                        }
                    )
                ],
            ),
            metadata={
                **PYTHON,
                "widgets": {
                    "application/vnd.jupyter.widget-state+json": {
                        "state": {
                            "e1b2c3": {"model_name": "IntSliderModel", "state": {"value": 3}}
                        },
                        "version_major": 2,
                        "version_minor": 0,
                    }
                },
            },
        ),
        runs=True,
    ),
    "custom mime types": made(
        notebook(
            code(
                "a = 1",
                id="a",
                outputs=[
                    shown(
                        {
                            "application/vnd.plotly.v1+json": {"data": [{"y": [1, 2.5]}]},
                            "application/geo+json": {"type": "Point"},
                            "text/plain": "<Figure>",
                            "image/svg+xml": ["<svg>\n", "</svg>"],
                            "application/javascript": ["a\n", "b"],
                        },
                        isolated=True,
                    )
                ],
            )
        ),
        runs=True,
    ),
    "cells of format 4 in worksheets": made(
        {
            "metadata": {},
            "nbformat": 4,
            "nbformat_minor": 0,
            "worksheets": [{"cells": [code("a = 1"), markdown("b")], "metadata": {}}],
        },
        cells=(("code", "a = 1"), ("markdown", "b")),
        refuses=True,
        opens=False,
    ),
    "no cells": made(notebook(minor=5), runs=True),
    "a long source": made(notebook(code(LONG, id="a"), markdown("b", id="b")), runs=True),
}
