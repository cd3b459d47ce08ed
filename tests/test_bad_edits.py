"""A bad call of a notebook's tools gets one sentence and changes nothing, wherever the notebook is.

One server has all of it: a notebook in its file, one that a person has open without collaboration,
and one that people have open in a room.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Event, Thread
from types import SimpleNamespace
from typing import Any

import pytest

from tests.mcp_client import McpClient
from tests.notebooks.browsers import browser
from tests.servers import JupyterServer, running_server

HOMES = ("file", "open", "room")
TYPED = "what-the-user-typed"
"""Is in the arguments of many calls, and never in the log."""
SOURCES = ("a = 1\nprint(a)", "# é😀 é😀 é😀\r\nx = 2\r\n", "")
FIRST, SECOND, EMPTY = "{0}", "{1}", "{2}"
"""The handles of the cells, in the arguments below."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    folder: Path = tmp_path_factory.mktemp("server")
    (folder / ".local/share/jupyter").mkdir(parents=True)  # where the rooms' database is
    names = ("jupyter_mcp_ext", "jupyter_server_ydoc", "jupyter_server_fileid")
    others = ("jupyter_server_documents=False",)
    options = [f"--ServerApp.jpserver_extensions={name}=True" for name in names]
    options += [f"--ServerApp.jpserver_extensions={name}" for name in others]
    with running_server(folder, *options) as server:
        yield server


@pytest.fixture(scope="module")
def client(server: JupyterServer) -> McpClient:
    return McpClient(server, name="bad")


@pytest.fixture(scope="module")
def notebooks(server: JupyterServer, client: McpClient) -> Iterator[dict[str, list[str]]]:
    """The handles of the cells of a notebook in each home."""
    made = {}
    for home in HOMES:
        result = client.call("create_notebook", path=f"{home}.ipynb", cells=list(SOURCES))
        made[home] = [c["handle"] for c in result.meta["jupyter-mcp-ext/notebook"]["cells"]]
    node = json.loads((server.root_dir / "file.ipynb").read_text())
    for name, content in odd_notebooks(node).items():
        (server.root_dir / name).write_text(content)
    (server.root_dir / "folder.ipynb").mkdir()
    (server.root_dir / "link.ipynb").symlink_to("/etc/passwd")
    body = {"path": "open.ipynb", "type": "notebook", "name": "", "kernel": {"name": "python3"}}
    rest(server, "POST", "api/sessions", body)
    with ExitStack() as stack:
        stack.callback(tab(server, "room.ipynb"))
        yield made


def odd_notebooks(node: dict[str, Any]) -> dict[str, str]:
    twins = json.loads(json.dumps(node))
    for number, cell in enumerate(twins["cells"]):
        cell["id"] = f"twin-cell-{number}"
    return {
        "twins.ipynb": json.dumps(twins),
        "not-json.ipynb": "{nope",
        "list.ipynb": "[]",
        "later.ipynb": json.dumps({**node, "nbformat": 5}),
        "bare.ipynb": json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}}),
        "none.ipynb": json.dumps({**node, "cells": []}),
        ".hidden.ipynb": json.dumps(node),
        "text.txt": "text",
    }


def rest(server: JupyterServer, method: str, path: str, body: object) -> dict[str, Any]:
    """Ask Jupyter's REST API, as JupyterLab does."""
    sent = json.dumps(body).encode()
    answer = server.request(method, sent, server.auth, path=f"/{path}")
    assert answer.status < 300
    found: dict[str, Any] = answer.json()
    return found


def tab(server: JupyterServer, path: str) -> Callable[[], None]:
    """Open a notebook's room as a browser does; gives what closes the tab."""
    known = rest(
        server, "PUT", f"api/collaboration/session/{path}", {"format": "json", "type": "notebook"}
    )
    room = f"json:notebook:{known['fileId']}?sessionId={known['sessionId']}"
    is_open = Event()
    loop = asyncio.new_event_loop()
    closing = asyncio.Event()

    async def stay() -> None:
        base = SimpleNamespace(base_url=server.base_url)
        async with browser(base, server.port, dict(server.auth), room) as opened:
            await opened.until(lambda: "nbformat" in opened.document.ydoc["meta"])
            is_open.set()
            await closing.wait()

    thread = Thread(target=lambda: loop.run_until_complete(stay()))
    thread.start()
    assert is_open.wait(30)

    def close() -> None:
        loop.call_soon_threadsafe(closing.set)
        thread.join()
        loop.close()

    return close


def state(server: JupyterServer, client: McpClient, path: str) -> object:
    """What a refused call must leave as it is: all files, sessions, and the cells of a notebook."""
    root = server.root_dir
    files = {
        file: file.read_bytes()
        for file in root.rglob("*")
        if file.is_file() and not file.is_symlink() and "mcp-sessions" not in file.parts
    }
    sessions = client.call("list_sessions").meta["jupyter-mcp-ext/sessions"]
    return files, [s["session_id"] for s in sessions], client.call("read_notebook", path=path).text


OF_A_CELL = [
    ("zzzzzzzz@000000", "has no cell 'zzzzzzzz'"),
    ("zzzzzzzz", "has no cell"),
    (f"{FIRST}x", "has no cell"),
    ("0", "An index may mean another cell"),
    (0, "An index may mean another cell"),
    (-1, "An index may mean another cell"),
    (10**30, "An index may mean another cell"),
    (1.5, "An index may mean another cell"),
    ("3-", "An index may mean another cell"),
    ("0-1", "An index may mean another cell"),
    ("", "handle is empty"),
    ("#0", "is no handle without the hash"),
    ("#9@000000", "has changed"),
    ("a\0b", "has no cell"),
    ("n" * 10_000, "has no cell"),
    (True, "must be text"),
    ({}, "must be text"),
    ([FIRST], "must be text"),
]

OF_CELLS = [
    ([], "cells is empty"),
    ([[]], "'cells[0]' must be text"),
    ([None], "'cells[0]' must be text"),
    ([FIRST, "zz"], "has no cell 'zz'"),
    ([FIRST, "1"], "An index may mean another cell"),
    (True, "must be a list"),
    ({}, "'cells[0]' must be text"),
]

EDITS: list[tuple[str, dict[str, Any], str]] = [
    *(("edit_cell", {"cell": cell, "source": TYPED}, words) for cell, words in OF_A_CELL),
    *(("move_cells", {"cells": [FIRST], "after": cell}, words) for cell, words in OF_A_CELL),
    *(("delete_cells", {"cells": cells}, words) for cells, words in OF_CELLS),
    *(("move_cells", {"cells": cells, "after": "start"}, words) for cells, words in OF_CELLS),
    *(("clear_outputs", {"cells": cells}, words) for cells, words in OF_CELLS),
    *(("run_cells", {"cells": cells}, words) for cells, words in OF_CELLS),
    *(
        ("run_cells", {"cells": cells}, "is no range of this notebook, whose cells are 0 to 2")
        for cells in ("2-1", "0-3", "5-9", "1-", "-1", "0:2", "0,2")
    ),
    ("insert_cells", {"cells": [TYPED], "after": "zz"}, "has no cell"),
    ("insert_cells", {"cells": [TYPED], "after": "zz", "run": True}, "has no cell"),
    ("insert_cells", {"cells": [TYPED], "after": "0", "run": True}, "An index may mean"),
    ("insert_cells", {"cells": []}, "cells is empty"),
    ("insert_cells", {"cells": [], "run": True}, "cells is empty"),
    ("insert_cells", {"cells": [TYPED] * 1_001}, "1,001 cells are too many"),
    ("insert_cells", {"cells": [[TYPED]]}, "'cells[0]' must be text or an object"),
    ("insert_cells", {"cells": [{"source": None}]}, "has no source"),
    ("insert_cells", {"cells": [{"cell_type": "heading", "source": TYPED}]}, "has the type"),
    ("insert_cells", {"cells": "[" * 200}, "must be a list"),
    ("edit_cell", {"cell": "{0}", "source": SOURCES[0]}, "has this source and type already"),
    ("edit_cell", {"cell": "{0}"}, "Nothing is to be changed"),
    (
        "edit_cell",
        {"cell": "{0}", "source": "x", "old_string": "a", "new_string": "b"},
        "both given",
    ),
    ("edit_cell", {"cell": "{0}", "old_string": "a"}, "belong together"),
    ("edit_cell", {"cell": "{0}", "old_string": "", "new_string": TYPED}, "old_string is empty"),
    ("edit_cell", {"cell": "{0}", "old_string": "a", "new_string": "a"}, "are the same"),
    (
        "edit_cell",
        {"cell": "{0}", "old_string": TYPED, "new_string": "x"},
        "does not occur in cell",
    ),
    ("edit_cell", {"cell": "{1}", "old_string": "😀", "new_string": "x"}, "fits 3 places"),
    ("edit_cell", {"cell": "{1}", "old_string": "é😀\nx", "new_string": "é😀\nx"}, "are the same"),
    ("edit_cell", {"cell": "{0}", "old_string": "a = 2\r\n", "new_string": "x"}, "does not occur"),
    ("edit_cell", {"cell": "{0}", "source": TYPED, "cell_type": "heading"}, "'markdown' or 'raw'"),
    ("edit_cell", {"cell": "{0}", "source": TYPED, "run": "maybe"}, "must be true or false"),
    ("edit_cell", {"cell": "{0}", "source": TYPED, "wait": -1}, "at least 0"),
    (
        "edit_cell",
        {"cell": "{0}", "source": TYPED, "wait": "soon", "run": True},
        "must be a number",
    ),
    ("move_cells", {"cells": ["{0}"], "after": "{0}"}, "cannot be moved behind itself"),
    ("move_cells", {"cells": ["{0}", "{1}"], "after": "{1}"}, "cannot be moved behind itself"),
    ("undo_edit", {}, "no edit of this client"),
    ("undo_edit", {"steps": 0}, "at least 1"),
    ("undo_edit", {"steps": 51}, "at most 50"),
    ("undo_edit", {"steps": True}, "a whole number"),
    *(
        ("run_cells", {"timeout": time}, "'timeout' must be a number")
        for time in (0, -1, "x", True)
    ),
    ("run_cells", {"timeout": float("nan")}, "'timeout' must be a number"),
    ("run_cells", {"wait": float("inf")}, "'wait' must be a number"),
    ("read_notebook", {"cells": ["2-1"]}, "none that '2-1' names"),
    ("read_notebook", {"cells": [""]}, "none that '' names"),
    ("read_notebook", {"offset": 99}, "none from 99 on"),
    ("read_notebook", {"grep": "("}, "is not a regular expression"),
]


@pytest.mark.parametrize("home", HOMES)
def test_what_cannot_be_done_is_refused_and_nothing_changes(
    server: JupyterServer, client: McpClient, notebooks: dict[str, list[str]], home: str
) -> None:
    path = f"{home}.ipynb"
    before = state(server, client, path)
    wrong = []
    for tool, arguments, words in EDITS:
        refusal = client.refused(tool, path=path, **filled(arguments, notebooks[home]))
        if words not in refusal:
            wrong.append((tool, arguments, refusal))

    assert wrong == []
    assert state(server, client, path) == before


def filled(value: Any, handles: list[str]) -> Any:
    """Arguments with the handles of a notebook's cells."""
    match value:
        case dict():
            return {key: filled(inner, handles) for key, inner in value.items()}
        case list():
            return [filled(inner, handles) for inner in value]
        case str() if "{" in value:
            return value.format(*handles)
        case _:
            return value


PATHS = [
    ("", "is empty"),
    (".", "is a folder"),
    ("folder.ipynb", "is a folder"),
    ("folder.ipynb/", "is a folder"),
    ("missing", 'no notebook "missing.ipynb"'),
    ("text.txt", "is not a notebook"),
    ("../file.ipynb", "not followed"),
    ("/etc/passwd", "not beneath Jupyter's root"),
    ("~/file.ipynb", "begins with ~"),
    (".hidden.ipynb", "is hidden"),
    ("link.ipynb", "leads out of Jupyter's root"),
    ("a\0.ipynb", "control character"),
    ("n" * 2_000, "over 1000 characters"),
    (None, "must be text"),
]

CALLS: list[tuple[str, dict[str, Any]]] = [
    ("insert_cells", {"cells": [TYPED]}),
    ("insert_cells", {"cells": [TYPED], "run": True}),
    ("edit_cell", {"cell": "a@000000", "source": TYPED}),
    ("delete_cells", {"cells": ["a@000000"]}),
    ("move_cells", {"cells": ["a"], "after": "start"}),
    ("run_cells", {}),
    ("clear_outputs", {}),
]


@pytest.mark.usefixtures("notebooks")
def test_a_path_of_no_notebook_is_refused_by_each_tool(
    server: JupyterServer, client: McpClient
) -> None:
    before = state(server, client, "file.ipynb")
    wrong = [
        (path, tool, refusal)
        for path, words in PATHS
        for tool, arguments in [*CALLS, ("undo_edit", {}), ("read_notebook", {})]
        if words not in (refusal := client.refused(tool, path=path, **arguments))
    ]

    assert wrong == []
    assert state(server, client, "file.ipynb") == before


@pytest.mark.usefixtures("notebooks")
@pytest.mark.parametrize(
    "path", ["not-json.ipynb", "list.ipynb", "later.ipynb", "bare.ipynb", "none.ipynb"]
)
def test_a_file_without_cells_is_refused_and_starts_no_kernel(
    server: JupyterServer, client: McpClient, path: str
) -> None:
    before = state(server, client, "file.ipynb")

    for tool, arguments in CALLS:
        if (path, tool) not in {("none.ipynb", "insert_cells"), ("none.ipynb", "clear_outputs")}:
            client.refused(tool, path=path, **arguments)

    assert state(server, client, "file.ipynb") == before


@pytest.mark.usefixtures("notebooks")
def test_the_beginning_of_several_ids_is_refused_with_their_handles(client: McpClient) -> None:
    for cell in ("twin", "twin-cell-"):
        words = client.refused("edit_cell", path="twins", cell=cell, source=TYPED)
        assert "begins the ids of 3 cells: twin-cell-0@" in words


@pytest.mark.usefixtures("notebooks")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"query": ""}, "query is empty"),
        ({"query": "x" * 1_001}, "over 1000 characters"),
        ({"query": "(", "regex": True}, "is not a regular expression"),
        ({"query": "x", "path": "nowhere"}, 'no file "nowhere"'),
        ({"query": "x", "path": "link.ipynb"}, "leads out of Jupyter's root"),
        ({"query": "x", "path": ".hidden.ipynb"}, "is hidden"),
        ({"query": "x", "glob": "../*"}, "leads out of the folder"),
        ({"query": "x", "glob": "**/" * 200}, "too long"),
        ({"query": "x", "glob": "{a,b}" * 9}, "combinations"),
        ({"query": "x", "limit": 0}, "at least 1"),
        ({"query": "x", "context": True}, "a whole number"),
    ],
)
def test_a_search_that_makes_no_sense_is_refused(
    client: McpClient, arguments: dict[str, Any], words: str
) -> None:
    assert words in client.refused("search_files", **arguments)


@pytest.mark.usefixtures("notebooks")
def test_braces_of_a_glob_are_alternatives(client: McpClient) -> None:
    found = client.call("search_files", query="t", glob="{text,twins,nope}.{txt,ipynb}")

    files = found.meta["jupyter-mcp-ext/search"]["files"]
    assert sorted(file["path"] for file in files) == ["text.txt", "twins.ipynb"]


def test_the_log_has_neither_tracebacks_nor_what_was_typed(server: JupyterServer) -> None:
    """Runs last: it is about the log of all tests above."""
    server.request("GET", path="/behind-all-else")
    server.until_logged("/behind-all-else")
    log = "".join(server.log)

    assert TYPED not in log
    assert "Traceback" not in log
    assert "Internal error" not in log
