"""What clients see of the tools."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

import jupyter_mcp_ext
from jupyter_mcp_ext.governance.tool_names import CHANGING, READING
from jupyter_mcp_ext.protocol.server import INSTRUCTIONS, listed
from jupyter_mcp_ext.tools.definition import Tool
from jupyter_mcp_ext.tools.registry import BY_NAME, PEERS, TOOLS, unknown

LIST_BUDGET = 13_000
"""Characters of all tools."""

ANNOTATIONS = {
    "execute_code": "D OW",
    "get_output": "RO",
    "create_session": "",
    "list_sessions": "RO",
    "get_kernel_status": "RO",
    "interrupt_kernel": "I",
    "restart_kernel": "D",
    "shutdown_kernel": "D I",
    "delete_session": "D",
    "get_variables": "RO",
    "inspect_variable": "RO",
    "install_package": "OW",
    "create_notebook": "",
    "read_notebook": "RO",
    "insert_cells": "",
    "edit_cell": "D",
    "delete_cells": "D",
    "move_cells": "I",
    "run_cells": "D OW",
    "clear_outputs": "D I",
    "undo_edit": "D",
    "list_files": "RO",
    "search_files": "RO",
    "read_file": "RO",
    "write_file": "D",
    "edit_file": "D",
    "download_file": "RO",
}
LETTERS = {
    "readOnlyHint": "RO",
    "destructiveHint": "D",
    "idempotentHint": "I",
    "openWorldHint": "OW",
}


def as_sent(tool: Tool) -> dict[str, Any]:
    return listed(tool).model_dump(by_alias=True, exclude_none=True, mode="json")


def test_the_list_of_tools_stays_within_its_budget() -> None:
    compact = json.dumps(
        [as_sent(tool) for tool in TOOLS], separators=(",", ":"), ensure_ascii=False
    )

    assert len(compact) < LIST_BUDGET


def test_the_first_line_of_the_instructions_says_by_itself_what_this_is() -> None:
    first = INSTRUCTIONS.partition("\n")[0]

    assert len(first) <= 150
    for word in ("Python", "code", "Jupyter", "data analysis", "plots", "notebooks", "files"):
        assert word in first


def test_the_instructions_are_short_enough_for_every_client() -> None:
    assert len(INSTRUCTIONS) < 1_200


def test_each_tool_sends_all_four_annotations_of_the_contract() -> None:
    sent = {tool.name: as_sent(tool)["annotations"] for tool in TOOLS}

    assert all(set(annotations) == set(LETTERS) for annotations in sent.values())
    assert {
        name: {LETTERS[hint] for hint, is_so in annotations.items() if is_so}
        for name, annotations in sent.items()
    } == {name: set(letters.split()) for name, letters in ANNOTATIONS.items()}


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_no_schema_has_what_a_model_need_not_read(tool: Tool) -> None:
    sent = json.dumps(as_sent(tool))

    for waste in ('"title"', '"null"', '"default": null', "outputSchema", "$defs"):
        assert waste not in sent


def test_the_names_that_settings_know_are_those_of_the_tools() -> None:
    reading = {tool.name for tool in TOOLS if tool.annotations["readOnlyHint"]}

    assert reading == READING
    assert {tool.name for tool in TOOLS} - reading == CHANGING


def test_the_main_tools_ask_to_be_shown_at_once() -> None:
    main = {tool.name for tool in TOOLS if as_sent(tool).get("_meta")}

    assert main == {"execute_code", "get_output", "read_notebook"}


def test_another_servers_name_for_a_tool_leads_to_the_tool_here() -> None:
    assert all(ours in BY_NAME for ours in PEERS.values())
    assert "create_session" in unknown("use_notebook")
    assert "execute_code" in unknown("frobnicate")


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("execute-code", "execute_code"),
        ("ExecuteCode", "execute_code"),
        ("excute_code", "execute_code"),
        ("list_variable", "get_variables"),
        ("restart", "restart_kernel"),
        ("notebook_create", "create_notebook"),
        ("Grep", "search_files"),
        ("search_notebook_cells", "search_files"),
        ("NotebookEdit", "edit_cell"),
        ("remove_cell", "delete_cells"),
        ("add_cell", "insert_cells"),
        ("insert_code_cell", "insert_cells"),
        ("run_cell", "run_cells"),
        ("execute_cell", "run_cells"),
    ],
)
def test_a_name_that_is_nearly_a_tools_leads_to_it(name: str, ours: str) -> None:
    assert unknown(name).endswith(f"Use {ours}.")


def test_no_argument_is_to_be_repeated_in_a_header() -> None:
    """The server object relies on it, and compares no headers with arguments."""
    assert not any("x-mcp-header" in json.dumps(tool.input_schema) for tool in TOOLS)


PLANNED = [
    "insert_cell",
    "edit_cell",
    "delete_cells",
    "move_cells",
    "run_cells",
    "clear_outputs",
    "undo_edit",
    "install_package",
]
"""Tools of the contract that are still to come."""


def test_no_sentence_names_a_tool_that_does_not_exist() -> None:
    missing = re.compile(rf"\b(?:{'|'.join(set(PLANNED) - set(BY_NAME))})\b")
    sentences = [
        node.value
        for path in Path(jupyter_mcp_ext.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value
    ]

    assert [sentence for sentence in sentences if missing.search(sentence)] == []
