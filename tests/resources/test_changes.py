"""Changes of watched resources, in a real server with rooms and a real websocket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from jupyter_mcp_ext.files.changes import MAX_SHOWN
from jupyter_mcp_ext.files.paths import Place
from jupyter_mcp_ext.notebooks.shared.loading import RoomLoading
from jupyter_mcp_ext.notebooks.shared.rooms import Room, Rooms
from jupyter_mcp_ext.notebooks.shared.watched import WatchedRooms
from jupyter_mcp_ext.protocol.subscriber import Subscriber
from jupyter_mcp_ext.resources.changes import Changes
from jupyter_mcp_ext.resources.uris import ListOf, Name, Uri
from tests.engine import ALICE, Engine, running
from tests.notebooks.browsers import SECONDS, Browser, browser, opening
from tests.servers import FILE_IDS

PATH = "open.ipynb"
NAME = Uri(kind="notebooks", name=PATH)
ROOMS = "jupyter_server_ydoc"


@pytest.fixture
def jp_server_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A server with rooms that do not save by themselves, and close with the last tab."""
    monkeypatch.chdir(tmp_path)  # where the rooms' database is
    return {
        "ServerApp": {"jpserver_extensions": {ROOMS: True, "jupyter_server_fileid": True}},
        **FILE_IDS,
        "YDocExtension": {
            "ystore_class": "jupyter_server_ydoc.stores.TempFileYStore",
            "document_save_delay": None,
            "document_cleanup_delay": 0,
            "file_poll_interval": 0,
        },
    }


class Watcher:
    """Counts what it is told."""

    def __init__(self, changes: Changes, *names: Name) -> None:
        self.told: list[Name] = []
        self._changed = asyncio.Event()
        for name in names:
            changes.watch(self, name)

    def tell(self, name: Name) -> None:
        self.told.append(name)
        self._changed.set()

    async def next(self) -> Name:
        """Return when it is told of something."""
        while not self.told:
            self._changed.clear()
            await asyncio.wait_for(self._changed.wait(), SECONDS)
        return self.told.pop(0)


class Tabs:
    """Opens tabs of a notebook, as a browser does."""

    def __init__(self, serverapp: Any, fetch: Any, port: int, headers: dict[str, str]) -> None:
        self.serverapp = serverapp
        self._fetch = fetch
        self._port = port
        self._headers = headers

    @property
    def settings(self) -> Any:
        """Of Jupyter's web application."""
        return self.serverapp.web_app.settings

    async def room(self) -> str:
        """The name of the notebook's room for a new tab."""
        if "yroom_manager" in self.settings:
            return f"json:notebook:{self.settings['file_id_manager'].index(PATH)}"
        return await opening(self._fetch, PATH)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Browser]:
        """A tab that shows the notebook."""
        room = await self.room()
        async with browser(self.serverapp, self._port, self._headers, room) as tab:
            await tab.until(lambda: "nbformat" in tab.document.ydoc["meta"])
            yield tab


@pytest.fixture
def tabs(
    jp_serverapp: Any, jp_fetch: Any, jp_http_port: int, jp_auth_header: dict[str, str]
) -> Tabs:
    return Tabs(jp_serverapp, jp_fetch, jp_http_port, jp_auth_header)


def typed(tab: Browser, text: str) -> None:
    """A person inserts a cell."""
    cell = {"cell_type": "code", "source": text, "metadata": {}, "outputs": []}
    tab.document.append_cell({**cell, "execution_count": None})


async def observed(engine: Engine, watcher: Watcher, tab: Browser) -> None:
    """Return when what is typed in the tab is told of: its room is found a moment after it opens.

    The room of jupyter_server_ydoc does not save here: nothing else tells of it.
    """
    await engine.services.editing.rooms.open(PATH)
    await engine.services.changes.settled()
    typed(tab, "a = 1")
    assert await watcher.next() == NAME


async def test_what_a_person_types_is_told_of_in_a_room_that_opens_later(tabs: Tabs) -> None:
    async with running(tabs.serverapp) as engine:
        engine.notebook(PATH)
        watcher = Watcher(engine.services.changes, NAME)

        async with tabs.opened() as tab:
            await observed(engine, watcher, tab)


async def test_a_read_after_that_has_what_the_person_typed_and_no_file_has(tabs: Tabs) -> None:
    async with running(tabs.serverapp) as engine:
        engine.notebook(PATH)
        watcher = Watcher(engine.services.changes, NAME)
        async with tabs.opened() as tab:
            await observed(engine, watcher, tab)

            text = await engine.services.notebooks.text(Place(path=PATH, real=PATH), limit=10_000)

            assert json.loads(text)["cells"][-1]["source"] == "a = 1"
            assert json.loads(Path(tabs.serverapp.root_dir, PATH).read_text())["cells"] == []


async def test_what_a_person_types_is_told_of_in_a_room_that_is_open(tabs: Tabs) -> None:
    async with running(tabs.serverapp) as engine:
        engine.notebook(PATH)
        async with tabs.opened() as tab:
            await observed(engine, Watcher(engine.services.changes, NAME), tab)


async def test_a_room_that_is_opened_again_is_told_of_too(tabs: Tabs) -> None:
    async with running(tabs.serverapp) as engine:
        engine.notebook(PATH)
        watcher = Watcher(engine.services.changes, NAME)
        async with tabs.opened() as tab:
            await observed(engine, watcher, tab)
        rooms = engine.services.editing.rooms
        with anyio.fail_after(SECONDS):
            while await rooms.open(PATH) is not None:  # noqa: ASYNC110  # gives its end a turn
                await asyncio.sleep(0)
        watcher.told.clear()

        async with tabs.opened() as tab:
            await observed(engine, watcher, tab)


class SlowRooms(Rooms):
    """Rooms that are still loading when they are asked for the first times."""

    def __init__(self, settings: Any, times: int) -> None:
        super().__init__(settings)
        self._times = times
        self.loaded = asyncio.Event()

    async def open(self, path: str, *, wait: float = SECONDS) -> Room | None:
        self._times -= 1
        if self._times >= 0:
            raise RoomLoading(path)
        self.loaded.set()
        return await super().open(path, wait=wait)


async def test_what_a_person_types_is_told_of_in_a_room_that_loads_for_long(tabs: Tabs) -> None:
    async with running(tabs.serverapp) as engine:
        engine.notebook(PATH)
        async with tabs.opened() as tab:
            rooms = SlowRooms(tabs.settings, times=2)
            told: asyncio.Queue[str] = asyncio.Queue()
            watched = WatchedRooms(rooms, told.put_nowait, tabs.serverapp.log, again=0.01)
            watched.watch(PATH)
            await asyncio.wait_for(rooms.loaded.wait(), SECONDS)
            await watched.settled()

            typed(tab, "a = 1")

            assert await asyncio.wait_for(told.get(), SECONDS) == PATH
            await watched.close()


async def test_watching_opens_no_room(tabs: Tabs) -> None:
    async with running(tabs.serverapp) as engine:
        engine.notebook(PATH)
        Watcher(engine.services.changes, NAME)
        await engine.services.changes.settled()

        assert list(tabs.settings[ROOMS].ywebsocket_server.rooms) == []
        assert tabs.settings["file_id_manager"].get_id(PATH) is None


async def test_what_is_not_watched_any_more_is_not_told_of(tabs: Tabs) -> None:
    async with running(tabs.serverapp) as engine:
        engine.notebook(PATH)
        changes = engine.services.changes
        async with tabs.opened() as tab:
            ended, other = Watcher(changes, NAME), Watcher(changes, NAME)
            await observed(engine, ended, tab)
            await other.next()
            changes.unwatch(ended, NAME)
            typed(tab, "b = 2")

            assert await other.next() == NAME
            assert ended.told == []

            changes.unwatch(other, NAME)
            typed(tab, "c = 3")
            await tab.until_sent()
            assert other.told == []
        assert len(changes) == 0


async def test_nothing_stays_of_subscriptions_that_have_ended(tabs: Tabs) -> None:
    sent: list[str | None] = []

    async def send(uri: str | None) -> None:
        sent.append(uri)

    async with running(tabs.serverapp) as engine:
        engine.notebook(PATH)
        changes = engine.services.changes
        async with tabs.opened() as tab:
            [before] = [
                room.document for room in [await engine.services.editing.rooms.open(PATH)] if room
            ]
            observers = len(before.ydoc._subscriptions)
            for number in range(200):
                subscriber = Subscriber(changes, send)
                subscriber.open()
                subscriber.add("jupyter://notebooks/open", frozenset({NAME}))
                subscriber.add("jupyter://notebooks/open.ipynb", frozenset({NAME}))
                subscriber.add(None, frozenset({ListOf(subject="alice")}))
                if number % 2:
                    await changes.settled()
                subscriber.remove("jupyter://notebooks/open")
                assert len(changes) == 2
                changes.notebook(PATH)
                subscriber.close()
                subscriber.add("jupyter://notebooks/open", frozenset({NAME}))
            typed(tab, "a = 1")
            await tab.until_sent()

            assert len(changes) == 0
            assert len(before.ydoc._subscriptions) == observers
            assert sent == []


async def test_nothing_stays_watched_of_a_link_that_was_changed(tabs: Tabs) -> None:
    sent: asyncio.Queue[str | None] = asyncio.Queue()
    link, old, new = (Uri(kind="notebooks", name=f"{name}.ipynb") for name in ("link", "a", "b"))

    async with running(tabs.serverapp) as engine:
        changes = engine.services.changes
        subscriber = Subscriber(changes, sent.put)
        subscriber.add("uri", frozenset({link, old}))
        subscriber.add("other", frozenset({link}))
        changes.notebook(old.name)
        subscriber.add("uri", frozenset({link, new}))
        subscriber.remove("other")

        assert len(changes) == 2
        subscriber.open()
        assert await asyncio.wait_for(sent.get(), SECONDS) == "uri"  # of the change before
        subscriber.close()
        assert len(changes) == 0


async def test_a_notebook_that_code_writes_before_many_files_is_told_of(tabs: Tabs) -> None:
    code = (
        "import json\n"
        "from pathlib import Path\n"
        "text = json.dumps({'cells': [], 'metadata': {}, 'nbformat': 4, 'nbformat_minor': 5})\n"
        "Path('open.ipynb').write_text(text)\n"
        f"for n in range({MAX_SHOWN}):\n"
        "    later = Path(f'{n}.csv')\n"
        "    later.touch()\n"
        "    while later.stat().st_ctime <= Path('open.ipynb').stat().st_ctime:\n"
        "        later.touch()  # times of files are not exact"
    )
    async with running(tabs.serverapp) as engine:
        engine.notebook(PATH)
        watcher = Watcher(engine.services.changes, NAME)

        execution = await engine.run(code)
        await engine.services.written.settled(execution)

        assert execution.files.more == 1
        assert watcher.told == [NAME]


async def test_a_session_of_an_agent_changes_the_list_of_its_user_only(tabs: Tabs) -> None:
    async with running(tabs.serverapp) as engine:
        changes = engine.services.changes
        alices, bobs = (Watcher(changes, ListOf(subject=name)) for name in ("alice", "bob"))

        await engine.session()

        assert await alices.next() == ListOf(subject="alice")
        assert bobs.told == []


async def test_the_start_of_a_sessions_kernel_is_told_of_once_it_has_it(tabs: Tabs) -> None:
    async with running(tabs.serverapp) as engine:
        session = await engine.services.sessions.resolve(ALICE, None)
        watcher = Watcher(engine.services.changes, Uri(kind="sessions", name=session.id))

        await engine.services.sessions.ready(session)

        assert watcher.told == [Uri(kind="sessions", name=session.id)]


async def test_a_folder_that_is_saved_changes_no_notebook_in_it(tabs: Tabs) -> None:
    inside = Uri(kind="notebooks", name="folder/a.ipynb")
    async with running(tabs.serverapp) as engine:
        watcher = Watcher(engine.services.changes, inside)

        engine.services.changes.saved("folder")

        assert watcher.told == []


async def test_a_spare_changes_no_list(tabs: Tabs) -> None:
    async with running(tabs.serverapp, spare_kernels=1) as engine:
        spares = engine.services.sessions.spares
        watcher = Watcher(engine.services.changes, ListOf(subject="alice"))

        spares.want()
        await engine.until(lambda: len(spares) == 1)

        assert watcher.told == []


class TestDocuments:
    """The same in rooms of jupyter_server_documents."""

    @pytest.fixture
    def jp_server_config(self) -> dict[str, Any]:
        names = ("jupyter_server_documents", "jupyter_server_fileid")
        return {"ServerApp": {"jpserver_extensions": dict.fromkeys(names, True)}, **FILE_IDS}

    async def test_what_a_person_types_is_told_of_in_a_room_that_opens_later(
        self, tabs: Tabs
    ) -> None:
        async with running(tabs.serverapp) as engine:
            engine.notebook(PATH)
            watcher = Watcher(engine.services.changes, NAME)

            async with tabs.opened() as tab:
                await observed(engine, watcher, tab)

    async def test_watching_opens_no_room(self, tabs: Tabs) -> None:
        async with running(tabs.serverapp) as engine:
            engine.notebook(PATH)
            tabs.settings["file_id_manager"].index(PATH)
            Watcher(engine.services.changes, NAME)
            await engine.services.changes.settled()

            assert tabs.settings["yroom_manager"].list_document_rooms() == []
