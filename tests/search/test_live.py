"""The search of a server: through its tools, its users' sessions and the rooms of notebooks."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp_ext.search.query import Query
from jupyter_mcp_ext.search.searching import Wanted
from tests.engine import running
from tests.mcp_client import McpClient, proposed_calls
from tests.servers import FILE_IDS, JupyterServer
from tests.users import OPTION, nothing


@pytest.fixture
def jp_server_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A server with rooms that save nothing."""
    monkeypatch.chdir(tmp_path)  # where the rooms' database is
    names = ("jupyter_mcp_ext", "jupyter_server_ydoc", "jupyter_server_fileid")
    return {
        "ServerApp": {"jpserver_extensions": dict.fromkeys(names, True)},
        **FILE_IDS,
        "McpSessions": {"spare_kernels": 0},
        "YDocExtension": {
            "ystore_class": "jupyter_server_ydoc.stores.TempFileYStore",
            "document_save_delay": None,
        },
    }


def notebook(*sources: str) -> str:
    cells = [
        {"cell_type": "markdown", "id": f"cell-{n:04}", "metadata": {}, "source": source}
        for n, source in enumerate(sources)
    ]
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells})


async def test_what_people_have_typed_and_not_saved_is_found_and_read(jp_serverapp: Any) -> None:
    root = Path(jp_serverapp.root_dir)
    (root / "open.ipynb").write_text(notebook("old needle", "second"))
    (root / "closed.ipynb").write_text(notebook("needle"))
    rooms = jp_serverapp.web_app.settings["jupyter_server_ydoc"]
    async with running(jp_serverapp) as engine:
        document = await rooms.get_document(
            path="open.ipynb",
            content_type="notebook",
            file_format="json",
            copy=False,
            create=True,
        )
        typed = document.ycells[1]["source"]
        typed += " needle\nthird"
        before = len(rooms.ywebsocket_server.rooms)

        found = await engine.services.search.search(
            Query("needle", is_regex=False),
            Wanted(outputs=False, context=0, offset=0, limit=10),
            path=".",
            glob=None,
            hides=nothing,
            is_apart=engine.services.sessions.paths.is_sessions_folder,
        )

        assert [(file.path, file.total) for file in found.files] == [
            ("closed.ipynb", 1),
            ("open.ipynb", 2),
        ]
        [_, typed_hit] = found.files[1].hits
        assert typed_hit.lines == ((1, "second needle", True),)
        read = await engine.services.notebooks.read("open.ipynb", hides=nothing)
        assert [cell.source for cell in read.cells] == ["old needle", "second needle\nthird"]
        assert read.is_open
        closed = await engine.services.notebooks.read("closed.ipynb", hides=nothing)
        assert not closed.is_open
        assert len(rooms.ywebsocket_server.rooms) == before


def test_a_hit_leads_to_the_cell_and_a_page_to_the_next(server: JupyterServer) -> None:
    client = McpClient(server)
    (server.root_dir / "work").mkdir()
    (server.root_dir / "work" / "a.ipynb").write_text(notebook("x", 'say "hi"\nthen'))
    (server.root_dir / "work" / "b.txt").write_text('"hi"\n' * 3)

    found = client.call("search_files", pattern='"hi"', path="work", limit=2)
    [following] = proposed_calls(found.text, "search_files")
    rest = client.make(following)

    data = found.meta["jupyter-mcp-ext/search"]
    handle = data["hits"][0]["cell"]["handle"]
    assert [(hit["path"], hit["line"]) for hit in data["hits"]] == [
        ("work/a.ipynb", 1),
        ("work/b.txt", 1),
    ]
    assert handle in found.text
    assert "then" in client.call("read_notebook", path="work/a.ipynb", cells=[handle]).text
    assert rest.text.splitlines()[1:] == [
        "work/b.txt (3 hits)",
        '2: "hi"',
        '3: "hi"',
        "also in: work/a.ipynb (1)",
    ]
    assert rest.meta["jupyter-mcp-ext/search"]["next_offset"] is None
    assert "position 0" in client.refused("search_files", query="*x", is_regex=True)


def test_the_session_of_another_user_is_not_searched(
    start_server: Callable[..., JupyterServer],
) -> None:
    server = start_server(OPTION)
    alice, bob = (
        McpClient(server, headers={"Authorization": f"Bearer {name}"}) for name in ("alice", "bob")
    )
    made = alice.call("create_session", name="mine")
    folder = f"mcp-sessions/{made.meta['jupyter-mcp-ext/session']['session_id']}"
    (server.root_dir / folder / "found.txt").write_text("needle of alice")

    assert "1 hit in" in alice.call("search_files", query="needle of", path=folder).text
    assert "only its own user" in bob.refused("search_files", query="needle of", path=folder)
    above = bob.call("search_files", query="needle of", path="mcp-sessions")
    assert above.text.startswith("no hit ")
    assert folder not in above.text


def test_notebooks_are_found_where_there_is_no_disk(
    start_server: Callable[..., JupyterServer],
) -> None:
    server = start_server("--ServerApp.contents_manager_class=tests.shelf.Shelf")
    client = McpClient(server)
    client.call("write_file", path="work/a.txt", content="a needle")
    client.call("create_notebook", path="work/b.ipynb", cells=["x", "needle"])

    found = client.call("search_files", query="needle", path="work")

    hits = found.meta["jupyter-mcp-ext/search"]["hits"]
    assert [(hit["path"], hit["line"]) for hit in hits] == [("work/a.txt", 1), ("work/b.ipynb", 1)]
    assert hits[1]["cell"]["index"] == 1
    handle = hits[1]["cell"]["handle"]
    assert client.call("read_notebook", path="work/b", cells=handle).text.endswith("\nneedle")
