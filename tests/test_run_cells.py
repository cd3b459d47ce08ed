"""What clients get from run_cells, end to end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.mcp_client import McpClient
from tests.servers import JupyterServer


@pytest.fixture(scope="module")
def client(server: JupyterServer) -> McpClient:
    return McpClient(server, name="cells")


def made(client: McpClient, path: str, *cells: Any) -> list[str]:
    """Make a notebook; the handles of its cells."""
    result = client.call("create_notebook", path=path, cells=list(cells))
    return [cell["handle"] for cell in result.meta["jupyter-mcp-ext/notebook"]["cells"]]


def test_each_cell_has_a_line_and_the_outputs_follow(client: McpClient) -> None:
    handles = made(
        client,
        "lines.ipynb",
        {"cell_type": "markdown", "source": "# a"},
        "x = 6\nprint('first')",
        "x * 7",
        "1/0",
        "print('never')",
    )

    result = client.call("run_cells", path="lines.ipynb")
    lines = result.text.splitlines()

    assert lines[0].startswith("[error]")
    assert "ZeroDivisionError" in lines[0]
    assert f"cell 0 {handles[0]} [skipped]: markdown" in lines
    assert any(line.startswith(f"cell 1 {handles[1]} [ok] In[1]") for line in lines)
    assert any(line.startswith(f"cell 3 {handles[3]} [error] In[3]") for line in lines)
    assert f"cell 4 {handles[4]} [not run]" in lines
    assert "never" not in result.text
    at = result.text.index(f"--- cell 1 {handles[1]} ---\nfirst\n")
    assert result.text.index("---\n42\n") > at
    states = [cell["state"] for cell in result.execution["cells"]]
    assert states == ["skipped", "ok", "ok", "error", "not run"]


def test_the_outputs_are_read_again_after_the_run(client: McpClient) -> None:
    made(client, "again.ipynb", "print('one')", "print('two')")

    first = client.call("run_cells", path="again.ipynb", wait=0)
    again = client.call("get_output", output_id=first.id, wait=30)

    assert again.text.splitlines()[0].startswith("[ok]")
    assert "one\n" in again.text
    assert "two" in again.text
    assert [cell["state"] for cell in again.execution["cells"]] == ["ok", "ok"]
    shown = client.call("read_notebook", path="again.ipynb", view="outputs")
    assert "one" in shown.text


def test_one_cell_is_shown_as_its_code_would_be(client: McpClient) -> None:
    [_, handle] = made(client, "one.ipynb", "print('no')", "print('yes')")

    result = client.call("run_cells", path="one.ipynb", cells=[handle])

    assert "---" not in result.text
    assert result.text.endswith("yes")
    assert "In[1]" in result.text.splitlines()[0]


def test_a_kernel_that_is_restarted_first_has_no_variables(client: McpClient) -> None:
    made(client, "fresh.ipynb", "x = 'x' in globals()\nprint(x)")
    client.call("run_cells", path="fresh.ipynb")

    again = client.call("run_cells", path="fresh.ipynb")
    fresh = client.call("run_cells", path="fresh.ipynb", restart=True)

    assert again.text.splitlines()[-1] == "True"
    assert fresh.text.splitlines()[-1] == "False"


def test_an_older_handle_runs_nothing(client: McpClient, server: JupyterServer) -> None:
    [handle] = made(client, "stale.ipynb", "print('old')")
    client.call("edit_cell", path="stale.ipynb", cell=handle, source="print('new')")

    refused = client.refused("run_cells", path="stale.ipynb", cells=[handle])

    assert "print('new')" in refused
    node = json.loads(Path(server.root_dir, "stale.ipynb").read_text())
    assert node["cells"][0]["outputs"] == []
