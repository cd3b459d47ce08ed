"""A server whose notebooks are open in rooms of either kind, as the tools use them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

import nbformat
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager
from nbformat.v4 import new_code_cell, new_notebook

from jupyter_mcp_ext.files.disk import Disk
from jupyter_mcp_ext.files.paths import Place
from jupyter_mcp_ext.notebooks.draft import CellNode, Change, Changed, Draft, OnLost
from jupyter_mcp_ext.notebooks.homes import Homes
from jupyter_mcp_ext.notebooks.shared.home import RoomHome, RoomHomes
from jupyter_mcp_ext.notebooks.shared.rooms import Rooms
from jupyter_mcp_ext.notebooks.shared.unsaved import EVENTS, Unsaved
from tests.notebooks.browsers import SECONDS, Browser, browser, opening
from tests.servers import FILE_IDS

Kind: TypeAlias = Literal["jupyter_server_ydoc", "jupyter_server_documents"]
"""The package whose rooms they are."""

PATH = "folder/open.ipynb"
NOT_YET = "in the open document, not yet saved"


class Contents(AsyncLargeFileManager):
    """With a file that cannot be written, by any account; reads and saves can be held."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.is_reading = asyncio.Event()
        self.may_read = asyncio.Event()
        self.may_read.set()
        self.is_saving = asyncio.Event()
        self.may_save = asyncio.Event()
        self.may_save.set()

    async def save(self, model: Any, path: str = "") -> Any:  # published without types
        self.is_saving.set()
        await self.may_save.wait()
        return await super().save(model, path)  # type: ignore[no-untyped-call]

    async def get(self, path: str, content: bool = True, **kwargs: Any) -> Any:  # type: ignore[override]  # published without types
        if content:
            self.is_reading.set()
            await self.may_read.wait()
        model = await super().get(path, content=content, **kwargs)  # type: ignore[no-untyped-call]
        return {**model, "writable": "read-only" not in path}


def config(*kinds: Kind) -> dict[str, Any]:
    """A server with rooms that save soon, and (of jupyter_server_ydoc) close with the last tab."""
    names = (*kinds, "jupyter_server_fileid")
    return {
        "ServerApp": {
            "jpserver_extensions": dict.fromkeys(names, True),
            "contents_manager_class": Contents,
        },
        **FILE_IDS,
        "YDocExtension": {
            "ystore_class": "jupyter_server_ydoc.stores.TempFileYStore",
            "document_save_delay": 0.2,
            "document_cleanup_delay": 0,
            "file_poll_interval": 0,
        },
        "YRoomFileAPI": {"min_poll_interval": 0.1, "poll_interval_multiplier": 0.1},
    }


@dataclass(kw_only=True)
class Shared:
    """A server's rooms as the tools use them."""

    serverapp: Any
    kind: Kind
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
            self.contents, Disk(root), root, room=self.find, notes=self.unsaved.notes.take
        )
        self.is_carried = asyncio.Event()

    @property
    def is_ydoc(self) -> bool:
        return self.kind == "jupyter_server_ydoc"

    @property
    def ydoc(self) -> Any:
        return self.serverapp.web_app.settings["jupyter_server_ydoc"]

    @property
    def documents(self) -> Any:
        return self.serverapp.web_app.settings["yroom_manager"]

    @property
    def file_ids(self) -> Any:
        return self.serverapp.web_app.settings["file_id_manager"]

    @property
    def open_rooms(self) -> list[str]:
        """The ids of the rooms that the package has."""
        if self.is_ydoc:
            return list(self.ydoc.ywebsocket_server.rooms)
        return [room.room_id for room in self.documents.list_document_rooms()]

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
        room = await self._room_to_open(path)
        async with browser(self.serverapp, self.port, self.headers, room) as opened:
            if is_loaded:
                await opened.until(lambda: "nbformat" in opened.document.ydoc["meta"])
            yield opened

    async def _room_to_open(self, path: str) -> str:
        if self.is_ydoc:
            return await opening(self.fetch, path)
        answer = await self.fetch(
            "api", "fileid", "index", params={"path": path}, method="POST", body=""
        )
        return f"json:notebook:{json.loads(answer.body)['id']}"

    async def find(
        self, path: str, on_lost: OnLost, clients: Sequence[str] = ()
    ) -> RoomHome | None:
        async def carry_over(
            path: str, change: Change[Sequence[str]], clients: Sequence[str]
        ) -> Changed[Sequence[str]]:
            self.lost.append(path)
            changed = await on_lost(path, change, clients)
            self.is_carried.set()
            return changed

        return await self.room_homes.find(path, carry_over, clients)

    async def change(
        self, change: Change[Any], path: str = PATH, *, by: str = "agent"
    ) -> Changed[Any]:
        return await self.homes.change(Place(path=path, real=path), change, by=by)

    async def document(self, path: str = PATH) -> Any:
        """The document of an open room."""
        room = await self.rooms.open(path)
        assert room is not None
        return room.document

    async def read_again(self, path: str = PATH) -> None:
        """Let a room of jupyter_server_ydoc look at its file, as it does each second."""
        await self.ydoc.file_loaders[self.file_ids.get_id(path)].maybe_notify()

    async def closed(self, path: str = PATH) -> None:
        """Return when the room that the last tab has left is closed, as its package does it."""
        room_id = f"json:notebook:{self.file_ids.get_id(path)}"
        if not self.is_ydoc:
            await self.documents.delete_room(room_id)
        while room_id in self.open_rooms:  # noqa: ASYNC110  # gives the room its turn
            await asyncio.sleep(0)

    async def until_saved(self, *sources: str, path: str = PATH) -> None:
        """Return when the file has these cells."""
        found = None
        while found != list(sources):
            await asyncio.sleep(0.01)  # not all kinds of rooms tell
            with suppress(OSError, json.JSONDecodeError):  # it is being written
                found = self.in_file(path)

    async def until_told(self, key: str, path: str = PATH) -> None:
        """Return when the room knows something of a person."""
        room = await self.rooms.open(path)
        assert room is not None
        heard = asyncio.Event()
        room.awareness.observe(lambda *_: heard.set())
        while not any(key in state for state in room.awareness.states.values()):
            heard.clear()
            await asyncio.wait_for(heard.wait(), SECONDS)

    @asynccontextmanager
    async def heard(self, action: str) -> AsyncIterator[None]:
        """Return when a room of jupyter_server_ydoc has done this after what is in the block."""
        is_done = asyncio.Event()

        async def hear(logger: Any, schema_id: str, data: dict[str, Any]) -> None:
            if data.get("action") == action:
                is_done.set()

        self.serverapp.event_logger.add_listener(schema_id=EVENTS, listener=hear)
        yield
        await asyncio.wait_for(is_done.wait(), SECONDS)
        self.serverapp.event_logger.remove_listener(listener=hear)

    def never_save(self) -> None:
        """Let the open room save nothing before it closes; those of ydoc do not even then."""
        if self.is_ydoc:
            [room] = self.ydoc.ywebsocket_server.rooms.values()
            room._save_delay = None
        else:
            [room] = self.documents.list_document_rooms()
            room.file_api.stop()


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
