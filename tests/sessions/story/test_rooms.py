"""A session's notebook that people have open together: the story is written through their room."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import nbformat
import pytest
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from jupyter_mcp_ext.files.paths import Place
from jupyter_mcp_ext.sessions.session import Session
from tests.engine import ALICE, Engine, running
from tests.servers import FILE_IDS


@pytest.fixture
def jp_server_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A server with rooms that save changes at once."""
    monkeypatch.chdir(tmp_path)  # where the rooms' database is
    names = ("jupyter_mcp_ext", "jupyter_server_ydoc", "jupyter_server_fileid")
    return {
        "ServerApp": {"jpserver_extensions": dict.fromkeys(names, True)},
        **FILE_IDS,
        "McpSessions": {"spare_kernels": 0},
        "YDocExtension": {
            "ystore_class": "jupyter_server_ydoc.stores.TempFileYStore",
            "document_save_delay": 0.05,
        },
    }


@asynccontextmanager
async def watched(serverapp: Any) -> AsyncIterator[tuple[Engine, Session, Any, Path]]:
    """A session with one cell, the document in its room, and the notebook's file."""
    async with running(serverapp) as engine:
        session, *_ = await engine.services.sessions.create(ALICE, name="watched")
        await engine.run("x = 1", session_id="watched")
        assert session.story is not None
        await session.story.flush()
        document = await room(serverapp, session.notebook)
        yield engine, session, document, Path(serverapp.root_dir, session.notebook)


async def room(serverapp: Any, path: str) -> Any:
    return await serverapp.web_app.settings["jupyter_server_ydoc"].get_document(
        path=path, content_type="notebook", file_format="json", copy=False, create=True
    )


async def close_room(serverapp: Any) -> None:
    server = serverapp.web_app.settings["jupyter_server_ydoc"].ywebsocket_server
    for name in list(server.rooms):
        await server.delete_room(name=name)


def sources(document: Any) -> list[str]:
    return [cell["source"] for cell in document.source["cells"]]


async def in_file(notebook: Path, source: str) -> list[str]:
    """The notebook that the room has saved, once it contains the text."""
    found: list[str] = []
    while source not in found:
        await asyncio.sleep(0.01)
        with suppress(nbformat.reader.NotJSONError):  # it is being written
            node = nbformat.reads(notebook.read_text(), as_version=4)  # type: ignore[no-untyped-call]
            found = [cell.source for cell in node.cells]
    nbformat.validate(node)
    return found


async def test_a_cell_is_added_to_the_room_and_what_people_typed_there_stays(
    jp_serverapp: Any,
) -> None:
    async with watched(jp_serverapp) as (engine, session, document, notebook):
        document.append_cell({"cell_type": "markdown", "source": "my note", "metadata": {}})
        typed = document.ycells[0]["source"]
        typed += "  # typed, not saved"

        await engine.run("print('two'); 2", session_id="watched")
        await session.story.flush()  # type: ignore[union-attr]  # it is open

        assert sources(document) == ["x = 1  # typed, not saved", "my note", "print('two'); 2"]
        added = document.source["cells"][-1]
        assert added["id"] == f"{session.id}-2"
        assert added["execution_count"] == 2
        assert [output["output_type"] for output in added["outputs"]] == [
            "stream",
            "execute_result",
        ]
        assert await in_file(notebook, "print('two'); 2") == sources(document)


async def test_an_edit_of_a_cell_goes_into_the_room_and_one_that_is_lost_into_the_file(
    jp_serverapp: Any,
) -> None:
    async with watched(jp_serverapp) as (engine, session, document, notebook):
        place = Place(path=session.notebook, real=session.notebook)
        extension = jp_serverapp.web_app.settings["jupyter_server_ydoc"]
        [live] = extension.ywebsocket_server.rooms.values()
        live._save_delay = None  # so that it saves nothing before it closes

        changed = await engine.services.editing.homes.change(
            place, lambda draft: draft.set_source(0, "x = 'edited'")
        )
        shown = sources(document)
        await close_room(jp_serverapp)

        assert (changed.home, shown) == ("room", ["x = 'edited'"])
        assert await in_file(notebook, "x = 'edited'") == ["x = 'edited'"]


async def test_while_a_room_is_open_only_the_room_writes_the_file(jp_serverapp: Any) -> None:
    async with watched(jp_serverapp) as (engine, session, document, notebook):
        extension = jp_serverapp.web_app.settings["jupyter_server_ydoc"]
        [live] = extension.ywebsocket_server.rooms.values()
        live._save_delay = None  # the room saves nothing
        before = notebook.stat().st_ino, notebook.read_bytes()

        await engine.run("y = 2", session_id="watched")
        await session.story.flush()  # type: ignore[union-attr]  # it is open

        assert sources(document) == ["x = 1", "y = 2"]
        assert (notebook.stat().st_ino, notebook.read_bytes()) == before


async def test_after_a_room_was_closed_the_file_is_written_again_with_each_cell_once(
    jp_serverapp: Any,
) -> None:
    async with watched(jp_serverapp) as (engine, session, document, notebook):
        del document.ycells[0]
        await engine.run("y = 2", session_id="watched")
        await session.story.flush()  # type: ignore[union-attr]  # it is open
        await in_file(notebook, "y = 2")
        await close_room(jp_serverapp)

        await engine.run("z = 3", session_id="watched")
        await session.story.flush()  # type: ignore[union-attr]  # it is open

        assert await in_file(notebook, "z = 3") == ["y = 2", "z = 3"]


async def test_what_a_room_did_not_save_is_in_the_file_once_it_is_closed(
    jp_serverapp: Any,
) -> None:
    async with watched(jp_serverapp) as (engine, session, _, notebook):
        extension = jp_serverapp.web_app.settings["jupyter_server_ydoc"]
        [live] = extension.ywebsocket_server.rooms.values()
        live._save_delay = None
        await engine.run("y = 2", session_id="watched")
        await session.story.flush()  # type: ignore[union-attr]  # it is open
        await close_room(jp_serverapp)

        await engine.run("z = 3", session_id="watched")
        await session.story.flush()  # type: ignore[union-attr]  # it is open

        assert await in_file(notebook, "z = 3") == ["x = 1", "y = 2", "z = 3"]


async def test_a_later_server_finds_out_what_the_room_lacks(jp_serverapp: Any) -> None:
    async with watched(jp_serverapp) as (engine, session, document, notebook):
        await engine.services.sessions.shutdown(session, by="test", now=False)

        await engine.run("y = 2", session_id="watched")
        await session.story.flush()  # type: ignore[union-attr]  # it is open again

        assert sources(document) == ["x = 1", "y = 2"]
        assert document.source["metadata"]["jupyter_mcp"]["executions"] == 2
        assert json.loads(notebook.read_text())["nbformat"] == 4


SYNC_STEP1 = b"\0\0"
"""Begins the message with which a room begins."""


async def heard(browser: Any, part: bytes) -> None:
    """Return when the room has sent a message with this in it."""
    message: object = b""
    while not isinstance(message, bytes) or part not in message:
        message = await asyncio.wait_for(browser.read_message(), 60)
        assert message is not None


async def test_what_a_person_does_in_the_room_is_seen_over_its_websocket(
    jp_serverapp: Any, jp_fetch: Any, jp_http_port: int, jp_auth_header: dict[str, str]
) -> None:
    async with watched(jp_serverapp) as (engine, session, document, _):
        asked = await jp_fetch(
            *("api", "collaboration", "session", session.notebook),
            method="PUT",
            body=json.dumps({"format": "json", "type": "notebook"}),
        )
        known = json.loads(asked.body)
        name = f"json:notebook:{known['fileId']}?sessionId={known['sessionId']}"
        url = f"ws://localhost:{jp_http_port}{jp_serverapp.base_url}api/collaboration/room/{name}"
        browser = await websocket_connect(HTTPRequest(url, headers=jp_auth_header))
        await heard(browser, SYNC_STEP1)  # from then on the room tells it of what is new

        await engine.run("seen = True", session_id="watched")

        await heard(browser, b"seen = True")
        browser.close()
        assert sources(document) == ["x = 1", "seen = True"]


async def test_a_room_takes_numbers_as_browsers_have_them(jp_serverapp: Any) -> None:
    async with watched(jp_serverapp) as (engine, session, document, _):
        show = "from IPython.display import display, JSON; display(JSON({'n': 2 ** 70, 't': True}))"
        await engine.run(show, session_id="watched")
        await session.story.flush()  # type: ignore[union-attr]  # it is open

        [shown] = document.source["cells"][-1]["outputs"]
        assert shown["data"]["application/json"] == {"n": float(2**70), "t": True}
        assert session.story is not None
        assert session.story.fault == ""


async def test_a_room_with_the_notebook_of_a_later_release_is_left_alone(
    jp_serverapp: Any,
) -> None:
    async with watched(jp_serverapp) as (engine, session, document, _):
        meta = document.ydoc["meta"]["metadata"]
        meta["jupyter_mcp"] = {**meta["jupyter_mcp"], "version": 2.0}

        await engine.run("y = 2", session_id="watched")
        await session.story.flush()  # type: ignore[union-attr]  # it is open

        assert sources(document) == ["x = 1"]
        assert session.story is not None
        assert "version 2" in session.story.fault


@asynccontextmanager
async def with_documents(serverapp: Any) -> AsyncIterator[tuple[Engine, Session, Any]]:
    """A session with one cell in a server that has the rooms of jupyter_server_documents."""
    async with running(serverapp) as engine:
        session, *_ = await engine.services.sessions.create(ALICE, name="watched")
        await engine.run("x = 1", session_id="watched")
        assert session.story is not None
        await session.story.flush()
        yield engine, session, serverapp.web_app.settings["yroom_manager"]


class TestDocuments:
    """With jupyter_server_documents, whose rooms are found in another way."""

    @pytest.fixture
    def jp_server_config(self) -> dict[str, Any]:
        names = ("jupyter_mcp_ext", "jupyter_server_documents", "jupyter_server_fileid")
        return {
            "ServerApp": {"jpserver_extensions": dict.fromkeys(names, True)},
            **FILE_IDS,
            "McpSessions": {"spare_kernels": 0},
        }

    async def test_the_notebook_is_written_and_no_room_is_opened_for_it(
        self, jp_serverapp: Any
    ) -> None:
        async with with_documents(jp_serverapp) as (_, session, rooms):
            assert rooms.list_document_rooms() == []
            notebook = Path(jp_serverapp.root_dir, session.notebook)
            assert await in_file(notebook, "x = 1") == ["x = 1"]

    async def test_a_cell_is_added_to_the_room(self, jp_serverapp: Any) -> None:
        async with with_documents(jp_serverapp) as (engine, session, rooms):
            file_id = jp_serverapp.web_app.settings["file_id_manager"].index(session.notebook)
            document = await rooms.get_room(f"json:notebook:{file_id}").get_jupyter_ydoc()

            await engine.run("y = 2", session_id="watched")
            assert session.story is not None
            await session.story.flush()

            assert sources(document) == ["x = 1", "y = 2"]
            notebook = Path(jp_serverapp.root_dir, session.notebook)
            assert await in_file(notebook, "y = 2") == ["x = 1", "y = 2"]
