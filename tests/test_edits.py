"""Cells edited over HTTP, as a client does it, in notebooks that are not open."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.mcp_client import ERAS, McpClient
from tests.servers import JupyterServer


@pytest.fixture(params=ERAS)
def client(request: pytest.FixtureRequest, server: JupyterServer) -> McpClient:
    return McpClient(server, request.param)


@pytest.fixture
def path(client: McpClient, request: pytest.FixtureRequest) -> str:
    """A notebook of three cells for this test alone."""
    name = f"{client.version}-{request.node.originalname}.ipynb"
    cells = ["a = 1\nprint(a)", {"cell_type": "markdown", "source": "# Title"}, "b = 2"]
    client.call("create_notebook", path=name, cells=cells)
    return name


def node(client: McpClient, path: str) -> Any:
    return json.loads((Path(client.server.root_dir) / path).read_text())


def asked(client: McpClient, method: str, path: str, body: object = None) -> dict[str, object]:
    """Ask Jupyter's REST API, as JupyterLab does."""
    server = client.server
    sent = None if body is None else json.dumps(body).encode()
    return server.request(method, sent, server.auth, path=f"{server.base_url}{path}").json()


def sources(client: McpClient, path: str) -> list[str]:
    return ["".join(cell["source"]) for cell in node(client, path)["cells"]]


def handles(client: McpClient, path: str) -> list[str]:
    shown = client.call("read_notebook", path=path).meta["jupyter-mcp-ext/notebook"]["cells"]
    return [cell["handle"] for cell in shown]


def test_cells_are_inserted_edited_moved_deleted_and_all_of_it_is_taken_back(
    client: McpClient, path: str
) -> None:
    before = sources(client, path)
    first, title, last = handles(client, path)

    inserted = client.call("insert_cells", path=path, cells=["c = 3", "d = 4"], after=first)
    edited = client.call("edit_cell", path=path, cell=last, old_string="2", new_string="20")
    moved = client.call("move_cells", path=path, cells=[title], after="start")
    deleted = client.call("delete_cells", path=path, cells=[first])

    assert re.match(rf"Inserted 2 cells in {re.escape(path)}: saved\n\[1\] code ", inserted.text)
    assert "-b = 2\n+b = 20" in edited.text
    [cell] = edited.meta["jupyter-mcp-ext/notebook"]["cells"]
    assert cell["index"] == 4
    assert cell["handle"] in edited.text
    assert cell["handle"] != last
    assert moved.text.startswith("Moved 1 cell in")
    assert "a = 1\nprint(a)" in deleted.text
    assert sources(client, path) == ["# Title", "c = 3", "d = 4", "b = 20"]
    nbformat.validate(node(client, path))

    undone = client.call("undo_edit", path=path, steps=2)
    rest = client.call("undo_edit", path=path, steps=10)

    assert undone.text.startswith(f"Took back 2 edits in {path}: saved")
    assert rest.text.startswith("Took back 2 edits")
    assert "-b = 20\n+b = 2" in rest.text
    assert sources(client, path) == before
    assert "no edit of this client" in client.refused("undo_edit", path=path)


def test_a_cell_that_a_person_has_changed_is_not_overwritten(client: McpClient, path: str) -> None:
    first, _, last = handles(client, path)
    file = Path(client.server.root_dir) / path
    file.write_text(file.read_text().replace("b = 2", "b = 2  # mine"))

    words = client.refused("edit_cell", path=path, cell=last, source="b = 3")
    client.call("edit_cell", path=path, cell=first, source="a = 10")

    assert "was changed since it was read" in words
    assert "b = 2  # mine" in words
    assert sources(client, path) == ["a = 10", "# Title", "b = 2  # mine"]
    [now] = re.findall(r"\S+@[0-9a-f]{6}", words)
    assert client.call("edit_cell", path=path, cell=now, source="b = 3").text


def test_an_edit_changes_nothing_else_of_the_file(client: McpClient, path: str) -> None:
    file = Path(client.server.root_dir) / path
    content = node(client, path)
    content["metadata"]["mine"] = {"z": [1, {"a": None}]}
    content["cells"][0]["metadata"] = {"tags": ["x"], "custom": 1.5}
    content["cells"][1]["attachments"] = {"a.png": {"image/png": "aGk="}}
    content["cells"][2]["outputs"] = [
        {"output_type": "stream", "name": "stdout", "text": ["a\n", "é"]}
    ]
    file.write_text(json.dumps(content))
    # What Jupyter makes of the untouched notebook when it saves it.
    got = asked(client, "GET", f"api/contents/{path}")
    model = {key: got[key] for key in ("type", "format", "content")}
    asked(client, "PUT", f"api/contents/{path}", model)
    untouched = file.read_text()
    file.write_text(json.dumps(content))

    client.call("edit_cell", path=path, cell=handles(client, path)[2], source="b = 3")

    assert file.read_text() == untouched.replace("b = 2", "b = 3")


def test_an_older_notebook_is_upgraded_when_it_is_edited(client: McpClient, path: str) -> None:
    file = Path(client.server.root_dir) / path
    content = node(client, path)
    content["nbformat_minor"] = 2
    for cell in content["cells"]:
        del cell["id"]
    file.write_text(json.dumps(content))
    last = handles(client, path)[2]
    before = file.read_bytes()
    client.refused("edit_cell", path=path, cell="#0@000000", source="x")
    assert file.read_bytes() == before

    edited = client.call("edit_cell", path=path, cell=last, source="b = 3")

    assert last.startswith("#2@")
    assert "! the file was nbformat 4.2 and is 4.5 now" in edited.text
    assert sources(client, path)[2] == "b = 3"
    nbformat.validate(node(client, path))


def test_a_person_who_has_it_open_is_told_to_reload_and_what_they_overwrite_is_noticed(
    client: McpClient, path: str
) -> None:
    body = {"path": path, "type": "notebook", "name": "", "kernel": {"name": "python3"}}
    asked(client, "POST", "api/sessions", body)

    file = Path(client.server.root_dir) / path
    before = file.read_text()

    edited = client.call("insert_cells", path=path, cells=["x"])
    next_one = client.call("insert_cells", path=path, cells=["y"])
    file.write_text(before)  # they have chosen "Overwrite"
    last = client.call("insert_cells", path=path, cells=["z"])

    assert "Reload Notebook from Disk" in edited.text
    assert "no longer in the file" not in next_one.text
    [cell] = next_one.meta["jupyter-mcp-ext/notebook"]["cells"]
    assert f"no longer in the file ({cell['cell_id']})" in last.text


def test_the_answer_says_once_that_a_person_has_to_reload_what_was_inserted_and_run(
    client: McpClient, path: str
) -> None:
    body = {"path": path, "type": "notebook", "name": "", "kernel": {"name": "python3"}}
    asked(client, "POST", "api/sessions", body)

    ran = client.call("insert_cells", path=path, cells=["6 * 7"], run=True)

    assert "42" in ran.text
    assert ran.text.count("Reload Notebook from Disk") == 1


@pytest.mark.parametrize("name", ["missing.ipynb", "../a.ipynb", ".hidden.ipynb", "a.txt", "."])
def test_paths_are_those_that_may_be_read(client: McpClient, name: str) -> None:
    assert client.refused("insert_cells", path=name, cells=["x"])
    assert client.refused("undo_edit", path=name)
    assert not (Path(client.server.root_dir) / name).is_file()


def test_cells_are_inserted_and_run_in_one_call(client: McpClient, path: str) -> None:
    cells = ["x = 2", {"cell_type": "markdown", "source": "text"}, "print(x)", "1 / 0", "y = 1"]

    result = client.call("insert_cells", path=path, cells=cells, run=True)
    failed = handles(client, path)[6]
    again = client.call("edit_cell", path=path, cell=failed, source="x + 1", run=True)

    assert result.status == "error"
    assert f"! Inserted 5 cells in {path}: saved" in result.text
    assert "ZeroDivisionError" in result.text
    inserted = result.meta["jupyter-mcp-ext/notebook"]["cells"]
    assert all(cell["handle"] in result.text for cell in inserted)
    saved = node(client, path)["cells"]
    assert saved[5]["outputs"][0]["text"] == ["2\n"]
    assert saved[7]["execution_count"] is None
    assert again.status == "ok"
    assert "-1 / 0\n+x + 1" in again.text
    assert saved_output(client, path, 6) == ["3"]


def saved_output(client: McpClient, path: str, index: int) -> object:
    return node(client, path)["cells"][index]["outputs"][0]["data"]["text/plain"]
