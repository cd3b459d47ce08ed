"""One rule decides about every path of every tool, with the same messages."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.mcp_client import McpClient
from tests.servers import JupyterServer
from tests.users import OPTION

ARGUMENTS: dict[tuple[str, str], dict[str, Any]] = {
    ("list_files", "path"): {},
    ("search_files", "path"): {"query": "x"},
    ("read_file", "path"): {},
    ("write_file", "path"): {"content": "x"},
    ("edit_file", "path"): {"old_string": "a", "new_string": "b"},
    ("download_file", "path"): {},
    ("read_notebook", "path"): {},
    ("create_notebook", "path"): {},
    ("insert_cells", "path"): {"cells": ["x"]},
    ("edit_cell", "path"): {"cell": "ab12cd34@9d1e0f", "source": "x"},
    ("delete_cells", "path"): {"cells": ["ab12cd34@9d1e0f"]},
    ("move_cells", "path"): {"cells": ["ab12cd34@9d1e0f"], "after": "start"},
    ("clear_outputs", "path"): {},
    ("undo_edit", "path"): {},
    ("run_cells", "path"): {},
    ("create_session", "path"): {},
    ("create_session", "cwd"): {"name": "elsewhere"},
}
"""Every argument of a tool that names a file or folder, and what else the call needs."""

REFUSED = [
    (".git/a.ipynb", "is hidden"),
    ("private/a.ipynb", "file with secrets"),
    ("mcp-sessions/aaaaaaaa/a.ipynb", "only its own user's calls"),
    ("to-hidden/a.ipynb", "is hidden"),
    ("to-private/a.ipynb", "file with secrets"),
    ("to-session/a.ipynb", "only its own user's calls"),
    ("to-outside/a.ipynb", "symbolic link"),
    ("../a.ipynb", "has a .. in it"),
    ("/etc/a.ipynb", "not beneath Jupyter's root"),
    ("~/a.ipynb", "begins with ~"),
    ("a\\b.ipynb", "backslash"),
    ("a\nb.ipynb", "control character"),
]


@pytest.fixture(scope="module")
def client(start_server: Callable[..., JupyterServer], tmp_path_factory: Any) -> McpClient:
    """A client of a server that knows its users, and has a folder of each refused kind."""
    server = start_server(OPTION, "--McpFiles.sensitive=private/")
    outside: Path = tmp_path_factory.mktemp("outside")
    folders = {"hidden": ".git", "private": "private", "session": "mcp-sessions/aaaaaaaa"}
    for name, folder in folders.items():
        (server.root_dir / folder).mkdir(parents=True)
        (server.root_dir / f"to-{name}").symlink_to(server.root_dir / folder)
    (server.root_dir / "to-outside").symlink_to(outside)
    for place in (*(server.root_dir / each for each in folders.values()), outside):
        notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}
        (place / "a.ipynb").write_text(json.dumps(notebook))
    return McpClient(server)


def test_every_path_of_every_tool_is_in_the_table(client: McpClient) -> None:
    tools = client.request("tools/list")["tools"]

    found = {
        (tool["name"], argument)
        for tool in tools
        for argument in tool["inputSchema"]["properties"]
        if argument in {"path", "cwd", "folder", "file"} or "path" in argument
    }

    assert found == set(ARGUMENTS)


@pytest.mark.parametrize(("path", "words"), REFUSED)
def test_what_one_tool_refuses_all_tools_refuse_in_the_same_words(
    client: McpClient, path: str, words: str
) -> None:
    said = {
        (tool, argument): client.refused(tool, **{argument: path}, **more)
        for (tool, argument), more in ARGUMENTS.items()
    }

    assert len(set(said.values())) == 1, said
    assert words in said["read_file", "path"]


def test_what_code_writes_into_a_secret_folder_is_not_named(client: McpClient) -> None:
    code = "open('private/key.txt', 'w').write('x'); open('plain.txt', 'w').write('x')"

    result = client.run(code)

    assert [each["path"] for each in result.execution["files"]] == ["plain.txt"]
