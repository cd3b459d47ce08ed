"""Notebooks that people have open in rooms, in a real server and with a real websocket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager
from nbformat.v4 import new_code_cell, new_notebook

from jupyter_mcp_ext.errors import ContentsError
from jupyter_mcp_ext.files.disk import Disk
from jupyter_mcp_ext.files.paths import Place
from jupyter_mcp_ext.notebooks.draft import CellNode, Change, Changed, Draft, Gone, OnLost
from jupyter_mcp_ext.notebooks.homes import Homes
from jupyter_mcp_ext.notebooks.reading.words import page_of
from jupyter_mcp_ext.notebooks.shared.collaborators import Collaborators
from jupyter_mcp_ext.notebooks.shared.home import RoomHome, RoomHomes
from jupyter_mcp_ext.notebooks.shared.live import LiveNotebooks
from jupyter_mcp_ext.notebooks.shared.rooms import GLOBAL, RoomLoading, Rooms
from jupyter_mcp_ext.notebooks.shared.unsaved import Unsaved
from jupyter_mcp_ext.outputs.limits import Limits
from jupyter_mcp_ext.outputs.presentation import TextBlock
from tests.notebooks.browsers import SECONDS, Browser, browser, opening

PATH = "folder/open.ipynb"
NOT_YET = "in the open document, not yet saved"


class Contents(AsyncLargeFileManager):
    """With a file that cannot be written, by any account, and reads that can be held."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.is_reading = asyncio.Event()
        self.may_read = asyncio.Event()
        self.may_read.set()

    async def get(self, path: str, content: bool = True, **kwargs: Any) -> Any:  # type: ignore[override]  # published without types
        if content:
            self.is_reading.set()
            await self.may_read.wait()
        model = await super().get(path, content=content, **kwargs)  # type: ignore[no-untyped-call]
        return {**model, "writable": "read-only" not in path}


@pytest.fixture
def jp_server_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A server with rooms that save soon, and that are closed with the last tab."""
    monkeypatch.chdir(tmp_path)  # where the rooms' database is
    names = ("jupyter_server_ydoc", "jupyter_server_fileid")
    return {
        "ServerApp": {
            "jpserver_extensions": dict.fromkeys(names, True),
            "contents_manager_class": Contents,
        },
        "YDocExtension": {
            "document_save_delay": 0.2,
            "document_cleanup_delay": 0,
            "file_poll_interval": 0,
        },
    }


@dataclass(kw_only=True)
class Shared:
    """A server's rooms as the tools use them."""

    serverapp: Any
    fetch: Any
    port: int
    headers: dict[str, str]
    lost: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        settings, log = self.serverapp.web_app.settings, self.serverapp.log
        self.contents = self.serverapp.contents_manager
        self.rooms = Rooms(settings)
        self.unsaved = Unsaved(self.rooms, self.serverapp.event_logger, log)
        self.room_homes = RoomHomes(self.rooms, self.unsaved, self.contents)
        root = Path(self.serverapp.root_dir)
        self.homes = Homes(
            self.contents, Disk(root), root, room=self.find, notes=self.unsaved.take_notes
        )
        self.is_carried = asyncio.Event()

    @property
    def ydoc(self) -> Any:
        return self.serverapp.web_app.settings["jupyter_server_ydoc"]

    @property
    def documents(self) -> Any:
        return self.serverapp.web_app.settings["yroom_manager"]

    def file(self, path: str = PATH) -> Path:
        return Path(self.serverapp.root_dir, path)

    def make(self, *sources: str, path: str = PATH) -> None:
        cells = [new_code_cell(s, id=f"cell{n}") for n, s in enumerate(sources)]  # type: ignore[no-untyped-call]
        node = new_notebook(cells=cells)  # type: ignore[no-untyped-call]
        self.file(path).parent.mkdir(exist_ok=True)
        self.file(path).write_text(nbformat.writes(node))  # type: ignore[no-untyped-call]

    def in_file(self, path: str = PATH) -> list[str]:
        return [
            "".join(cell["source"]) for cell in json.loads(self.file(path).read_text())["cells"]
        ]

    @asynccontextmanager
    async def browser(self, path: str = PATH, *, is_loaded: bool = True) -> AsyncIterator[Browser]:
        room = await opening(self.fetch, path)
        async with browser(self.serverapp, self.port, self.headers, room) as opened:
            if is_loaded:
                await opened.until(lambda: "nbformat" in opened.document.ydoc["meta"])
            yield opened

    async def find(self, path: str, on_lost: OnLost) -> RoomHome | None:
        async def carry_over(path: str, change: Change[Sequence[str]]) -> Changed[Sequence[str]]:
            self.lost.append(path)
            changed = await on_lost(path, change)
            self.is_carried.set()
            return changed

        return await self.room_homes.find(path, carry_over)

    async def change(self, change: Change[Any], path: str = PATH) -> Changed[Any]:
        return await self.homes.change(Place(path=path, real=path), change)


@pytest.fixture
def shared(
    jp_serverapp: Any,
    jp_fetch: Any,
    jp_http_port: int,
    jp_auth_header: dict[str, str],
    jp_asyncio_loop: asyncio.AbstractEventLoop,
) -> Iterator[Shared]:
    found = Shared(
        serverapp=jp_serverapp, fetch=jp_fetch, port=jp_http_port, headers=jp_auth_header
    )
    found.make("a = 1", "b = 2")
    yield found
    jp_asyncio_loop.run_until_complete(found.unsaved.close())


def appended(source: str) -> Callable[[Draft], str]:
    """Inserts a cell at the end."""

    def change(draft: Draft) -> str:
        cell: CellNode = {
            "cell_type": "code",
            "id": source[:1] * 8,
            "source": source,
            "metadata": {},
            "outputs": [],
            "execution_count": None,
        }
        draft.insert(len(draft.ids), [cell])
        return "inserted"

    return change


def rewritten(index: int, source: str) -> Callable[[Draft], None]:
    return lambda draft: draft.set_source(index, source)


async def test_a_notebook_that_is_not_open_has_no_room_and_asking_opens_none(
    shared: Shared,
) -> None:
    assert await shared.rooms.open(PATH) is None
    assert await shared.rooms.open("nowhere.ipynb") is None

    assert list(shared.ydoc.ywebsocket_server.rooms) == []
    manager = shared.serverapp.web_app.settings["file_id_manager"]
    assert manager.get_id(PATH) is None


async def test_an_edit_shows_in_the_tab_and_is_saved_by_the_room(shared: Shared) -> None:
    async with shared.browser() as tab:
        async with heard(shared, "save"):
            changed = await shared.change(appended("c = 'é'"))
        await tab.until(lambda: tab.sources == ["a = 1", "b = 2", "c = 'é'"])

        assert changed == Changed(value="inserted", home="room", saved=NOT_YET)
        assert shared.in_file() == tab.sources
        read = await shared.change(lambda draft: draft.cell(2).source)
        assert (read.value, read.saved) == ("c = 'é'", "saved")


async def test_what_a_person_types_meanwhile_stays(shared: Shared) -> None:
    async with shared.browser() as tab:
        await shared.change(rewritten(0, "a = 10"))
        typed = tab.document.ycells[0]["source"]
        typed.insert(0, "# typed\n")
        await tab.until(lambda: tab.sources[0] == "# typed\na = 10")

        await shared.change(appended("c"))
        await tab.until(lambda: len(tab.sources) == 3)

        found = await shared.change(lambda draft: draft.cell(0).source)
        assert found.value == "# typed\na = 10"


async def test_an_edit_that_a_closing_room_did_not_save_is_carried_over_to_the_file(
    shared: Shared,
) -> None:
    async with shared.browser() as tab:
        await tab.until(lambda: len(tab.sources) == 2)
        never_save(shared)
        await shared.change(appended("c = 3"))
        await shared.change(rewritten(0, "a = 'edited'"))
        await shared.change(lambda draft: draft.remove(1))
    await asyncio.wait_for(shared.is_carried.wait(), SECONDS)

    assert shared.in_file() == ["a = 'edited'", "c = 3"]
    assert shared.lost == [PATH]
    assert await shared.rooms.open(PATH) is None


async def test_an_edit_that_is_in_the_way_of_another_is_reported(shared: Shared) -> None:
    async with shared.browser():
        never_save(shared)
        await shared.change(rewritten(0, "a = 'agent'"))
        shared.make("a = 'person'", "b = 2")
    await asyncio.wait_for(shared.is_carried.wait(), SECONDS)

    assert shared.in_file() == ["a = 'person'", "b = 2"]
    [note] = (await shared.change(lambda draft: len(draft.ids))).notes
    assert note == "the last edit of cell0 was lost when the notebook's room closed"
    assert (await shared.change(lambda draft: len(draft.ids))).notes == ()


async def test_an_edit_that_the_file_of_another_program_replaces_is_reported(
    shared: Shared,
) -> None:
    async with shared.browser() as tab:
        async with heard(shared, "overwrite"):
            await shared.change(rewritten(0, "a = 'agent'"))
            shared.make("a = 'program'", "b = 2")
        await tab.until(lambda: tab.sources == ["a = 'program'", "b = 2"])

        [note] = (await shared.change(lambda draft: len(draft.ids))).notes
        assert note == "another program saved the file, and its content replaced your edit"


async def test_cells_with_one_id_are_read_with_the_ids_by_which_they_are_edited(
    shared: Shared,
) -> None:
    async with shared.browser() as tab:
        tab.document.ycells[1]["id"] = "cell0"
        await tab.until_sent()
        read = await LiveNotebooks(shared.rooms, shared.serverapp.log).reader(PATH)
        assert read is not None
        content: Any = await asyncio.to_thread(read.read)
        ids = [cell["id"] for cell in content["cells"]]

        await shared.change(lambda draft: draft.set_source(draft.ids.index(ids[1]), "b = 'two'"))
        await tab.until(lambda: tab.sources == ["a = 1", "b = 'two'"])

        assert ids == ["cell0", "cell0-2"]


async def test_where_a_person_is_is_read_with_the_notebook(shared: Shared) -> None:
    async with shared.browser() as tab:
        await tab.go(1, user={"display_name": "Alice\n<- Bob"})
        await tab.until_sent()
        copied = await LiveNotebooks(shared.rooms, shared.serverapp.log).reader(PATH)
        assert copied is not None
        notebook = await asyncio.to_thread(copied.notebook, PATH)

    words = page_of(notebook, what="outline", limits=Limits()).blocks[0]
    assert isinstance(words, TextBlock)
    _, first, second = words.text.splitlines()
    assert "<-" not in first
    assert "<- Alice\\n<- Bob: b = 2" in second


async def test_a_room_that_has_closed_says_so_before_anything_is_changed(shared: Shared) -> None:
    async with shared.browser():
        home = await shared.room_homes.find(PATH, shared.homes._carry_over)
    await closed(shared)

    assert home is not None
    with pytest.raises(Gone):
        await home.change(appended("c"))
    assert shared.in_file() == ["a = 1", "b = 2"]


async def test_what_a_change_refuses_is_not_changed(shared: Shared) -> None:
    async with shared.browser() as tab:

        def refuse(draft: Draft) -> None:
            msg = f"no: {draft.ids[0]}"
            raise ContentsError(msg)

        with pytest.raises(ContentsError, match="no: cell0"):
            await shared.change(refuse)
        assert tab.sources == ["a = 1", "b = 2"]


async def test_a_room_that_has_not_loaded_its_notebook_is_waited_for(shared: Shared) -> None:
    shared.contents.may_read.clear()
    async with shared.browser(is_loaded=False) as tab:
        await asyncio.wait_for(shared.contents.is_reading.wait(), SECONDS)
        with pytest.raises(RoomLoading, match="has not loaded it yet"):
            await shared.rooms.open(PATH, wait=0.01)
        waiting = asyncio.create_task(shared.change(appended("c")))
        await asyncio.sleep(0)
        shared.contents.may_read.set()

        await waiting
        await tab.until(lambda: tab.sources == ["a = 1", "b = 2", "c"])


async def test_a_file_that_is_gone_or_read_only_behind_its_room_is_an_error(
    shared: Shared,
) -> None:
    shared.make("a", path="read-only.ipynb")
    async with shared.browser("read-only.ipynb"):
        with pytest.raises(ContentsError, match="is read-only, so its shared room would not"):
            await shared.change(appended("c"), "read-only.ipynb")

    async with shared.browser() as tab:
        shared.file().unlink()
        with pytest.raises(ContentsError, match="its file is gone, so the room can no longer"):
            await shared.change(appended("c"))
        assert tab.sources == ["a = 1", "b = 2"]


async def test_with_autosave_off_the_answer_says_that_a_person_has_to_save(
    shared: Shared,
) -> None:
    async with shared.browser() as tab:
        await tab.say(user={"name": "Bob"}, autosave=False)
        await until_told(shared, "autosave")

        changed = await shared.change(appended("c"))

        assert changed.saved == (
            "not saved: autosave is off in JupyterLab, so a person has to save the notebook"
        )
        agents = Collaborators(shared.rooms)
        async with agents.shown(PATH, "Claude Code (for alice)"):
            assert (await shared.change(appended("d"))).saved == changed.saved


async def test_the_cell_in_which_a_person_is_is_known_by_name(shared: Shared) -> None:
    async with shared.browser() as tab:
        await tab.go(1, user={"name": "Bob"})
        await until_told(shared, "cursors")

        found = await shared.change(lambda draft: [draft.person(0), draft.person(1)])

        assert found.value == ["", "Bob"]


async def test_an_agent_is_shown_as_a_collaborator_until_its_last_call_ends(
    shared: Shared,
) -> None:
    agents = Collaborators(shared.rooms)
    async with (
        shared.browser() as tab,
        browser(shared.serverapp, shared.port, shared.headers, GLOBAL) as lab,
    ):

        def names(seen: Browser) -> list[str]:
            states = seen.awareness.states.values()
            return sorted(state["user"]["name"] for state in states if state and "user" in state)

        async with agents.shown(PATH, "Claude Code (for alice)"):
            async with agents.shown(PATH, "Claude Code (for alice)"):
                async with agents.shown(PATH, "Codex (for alice)"):
                    await tab.until(lambda: len(names(tab)) == 2)
                    await lab.until(lambda: len(names(lab)) == 2)
                    assert names(tab) == ["Claude Code (for alice)", "Codex (for alice)"]
                    places = [state.get("current") for state in lab.awareness.states.values()]
                    assert places.count(f"notebook:{PATH}") == 2
                await tab.until(lambda: names(tab) == ["Claude Code (for alice)"])
            assert names(tab) == ["Claude Code (for alice)"]
        await tab.until(lambda: names(tab) == [])
        await lab.until(lambda: names(lab) == [])


async def test_where_no_room_is_open_no_agent_is_shown(shared: Shared) -> None:
    async with Collaborators(shared.rooms).shown(PATH, "Claude Code (for alice)"):
        assert list(shared.ydoc.ywebsocket_server.rooms) == []


class TestDocuments:
    """The same in rooms of jupyter_server_documents."""

    @pytest.fixture
    def jp_server_config(self) -> dict[str, Any]:
        names = ("jupyter_server_documents", "jupyter_server_fileid")
        return {
            "ServerApp": {
                "jpserver_extensions": dict.fromkeys(names, True),
                "contents_manager_class": Contents,
            },
        }

    async def test_a_notebook_that_is_not_open_has_no_room_and_asking_opens_none(
        self, shared: Shared
    ) -> None:
        shared.documents.fileid_manager.index(PATH)

        assert await shared.rooms.open(PATH) is None
        assert shared.documents.list_document_rooms() == []

    async def test_an_edit_shows_in_the_tab_and_is_saved_by_the_room(self, shared: Shared) -> None:
        async with self.browser(shared) as tab:
            changed = await shared.change(appended("c = 'é'"))
            await tab.until(lambda: tab.sources == ["a = 1", "b = 2", "c = 'é'"])
            tab.document.ycells[0]["source"].insert(0, "# typed\n")
            await shared.change(rewritten(1, "b = 20"))
            await tab.until(lambda: tab.sources[1] == "b = 20")

            assert (changed.home, changed.saved) == ("room", NOT_YET)
        room_id = f"json:notebook:{shared.documents.fileid_manager.get_id(PATH)}"
        await shared.documents.delete_room(room_id)
        assert shared.in_file() == ["# typed\na = 1", "b = 20", "c = 'é'"]
        assert await shared.rooms.open(PATH) is None

    async def test_an_edit_of_a_room_that_is_saving_for_the_last_time_waits_for_it(
        self, shared: Shared
    ) -> None:
        async with self.browser(shared):
            await shared.change(appended("c = 3"))
        room_id = f"json:notebook:{shared.documents.fileid_manager.get_id(PATH)}"
        shared.documents.get_room(room_id).stop()

        changed = await shared.change(appended("d = 4"))

        assert (changed.home, changed.saved) == ("file", "saved")
        assert shared.in_file() == ["a = 1", "b = 2", "c = 3", "d = 4"]

    async def test_a_room_that_has_not_loaded_its_notebook_is_waited_for(
        self, shared: Shared
    ) -> None:
        shared.contents.may_read.clear()
        async with self.browser(shared, is_loaded=False) as tab:
            await asyncio.wait_for(shared.contents.is_reading.wait(), SECONDS)
            with pytest.raises(RoomLoading, match="has not loaded it yet"):
                await shared.rooms.open(PATH, wait=0.01)
            waiting = asyncio.create_task(shared.change(appended("c")))
            await asyncio.sleep(0)
            shared.contents.may_read.set()

            await waiting
            await tab.until(lambda: tab.sources == ["a = 1", "b = 2", "c"])

    async def test_person_and_agent_see_each_other(self, shared: Shared) -> None:
        agents = Collaborators(shared.rooms)
        async with self.browser(shared) as tab:
            await tab.go(1, user={"name": "Bob"})
            await until_told(shared, "cursors")
            found = await shared.change(lambda draft: [draft.person(0), draft.person(1)])
            assert found.value == ["", "Bob"]

            async with agents.shown(PATH, "Claude Code (for alice)"):
                await tab.until(lambda: "Claude Code (for alice)" in str(tab.awareness.states))
            await tab.until(lambda: "Claude Code (for alice)" not in str(tab.awareness.states))

    @asynccontextmanager
    async def browser(self, shared: Shared, *, is_loaded: bool = True) -> AsyncIterator[Browser]:
        answer = await shared.fetch(
            "api", "fileid", "index", params={"path": PATH}, method="POST", body=""
        )
        room = f"json:notebook:{json.loads(answer.body)['id']}"
        async with browser(shared.serverapp, shared.port, shared.headers, room) as opened:
            if is_loaded:
                await opened.until(lambda: "nbformat" in opened.document.ydoc["meta"])
            yield opened


@asynccontextmanager
async def heard(shared: Shared, action: str) -> AsyncIterator[None]:
    """Return when the room has done this after what is done in the block."""
    is_done = asyncio.Event()

    async def hear(logger: Any, schema_id: str, data: dict[str, Any]) -> None:
        if data.get("action") == action:
            is_done.set()

    schema = "https://schema.jupyter.org/jupyter_collaboration/session/v1"
    shared.serverapp.event_logger.add_listener(schema_id=schema, listener=hear)
    yield
    await asyncio.wait_for(is_done.wait(), SECONDS)
    shared.serverapp.event_logger.remove_listener(listener=hear)


def never_save(shared: Shared) -> None:
    """Let the open room save nothing, so that it closes first."""
    [room] = shared.ydoc.ywebsocket_server.rooms.values()
    room._save_delay = None


async def closed(shared: Shared) -> None:
    """Return when no room is open."""
    while shared.ydoc.ywebsocket_server.rooms:  # noqa: ASYNC110  # gives the room its turn
        await asyncio.sleep(0)


async def until_told(shared: Shared, key: str) -> None:
    """Return when the room knows something of a person."""
    room = await shared.rooms.open(PATH)
    assert room is not None
    heard = asyncio.Event()
    room.awareness.observe(lambda *_: heard.set())
    while not any(key in state for state in room.awareness.states.values()):
        heard.clear()
        await asyncio.wait_for(heard.wait(), SECONDS)
