"""A person's browser that has a notebook open: a document synchronised over a real websocket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from jupyter_ydoc import YNotebook
from pycrdt import (
    Awareness,
    Doc,
    YMessageType,
    YSyncMessageType,
    create_awareness_message,
    create_sync_message,
    create_update_message,
    handle_sync_message,
    read_message,
)
from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, WebSocketClosedError, websocket_connect

SECONDS = 30
"""How long something that must happen is waited for."""


class Browser:
    """One client of a room."""

    def __init__(self, socket: WebSocketClientConnection) -> None:
        self._socket = socket
        self.document = YNotebook(Doc())
        self.awareness = Awareness(self.document.ydoc)
        self._changed = asyncio.Event()
        self._is_applying = False
        self._asked = self._answered = 0
        self.document.ydoc.observe(self._send)
        self._reading = asyncio.create_task(self._read())

    @property
    def sources(self) -> list[str]:
        """What the cells show."""
        return [str(cell["source"]) for cell in self.document.ycells]

    async def until(self, holds: Callable[[], bool]) -> None:
        """Return when something holds after what the room has sent."""
        while not holds():
            self._changed.clear()
            await asyncio.wait_for(self._changed.wait(), SECONDS)

    async def until_sent(self) -> None:
        """Return when the room has what was changed here: it answers in order."""
        await self._ask()
        asked = self._asked
        await self.until(lambda: self._answered >= asked)

    async def say(self, **state: Any) -> None:
        """Tell the room about this person."""
        await self.say_anything(state)

    async def say_anything(self, state: Any) -> None:
        """Tell the room what no JupyterLab would."""
        self.awareness.set_local_state(state)
        update = self.awareness.encode_awareness_update([self.awareness.client_id])
        await self._socket.write_message(create_awareness_message(update), binary=True)

    async def go(self, index: int, start: int = 0, end: int | None = None, **state: Any) -> None:
        """Put this person's cursor into a cell, or select what is there between two characters."""
        text = self.document.ycells[index]["source"]
        await self.say(cursors=[cursor(text, start, end)], **state)

    async def leave(self) -> None:
        """Close the tab."""
        self._socket.close()
        with suppress(WebSocketClosedError):
            await self._reading

    def _send(self, event: Any) -> None:
        if not self._is_applying:
            self._socket.write_message(create_update_message(event.update), binary=True)

    async def _ask(self) -> None:
        self._asked += 1
        await self._socket.write_message(create_sync_message(self.document.ydoc), binary=True)

    async def _read(self) -> None:
        await self._ask()
        while isinstance(message := await self._socket.read_message(), bytes):
            if message[0] == YMessageType.SYNC:
                self._is_applying = True
                reply = handle_sync_message(message[1:], self.document.ydoc)
                self._is_applying = False
                self._answered += message[1] == YSyncMessageType.SYNC_STEP2
                if reply is not None:
                    await self._socket.write_message(reply, binary=True)
            elif message[0] == YMessageType.AWARENESS:
                self.awareness.apply_awareness_update(read_message(message[1:]), "room")
            self._changed.set()


def cursor(text: Any, anchor: int, head: int | None = None) -> dict[str, Any]:
    """What a browser says of a cursor in a shared text, or of what is selected with it."""
    head = anchor if head is None else head
    places = {"anchor": _position(text, anchor), "head": _position(text, head)}
    return {**places, "primary": True, "empty": anchor == head}


def _position(text: Any, index: int) -> dict[str, Any]:
    """As yjs makes one: it names the text and the character at the index, if there is one.

    The text is as it was loaded or typed in one go: its characters have ids in a row.
    """
    named = {"tname": None, "assoc": 0, "type": text.sticky_index(0, -1).to_json()["type"]}
    if index < len(str(text)):
        first = text.sticky_index(0, 0).to_json()["item"]
        units = len(str(text)[:index].encode("utf-16-le")) // 2
        named["item"] = {**first, "clock": first["clock"] + units}
    return named


@asynccontextmanager
async def browser(
    serverapp: Any, port: int, headers: dict[str, str], room: str
) -> AsyncIterator[Browser]:
    """A browser in a room, once it has what is there."""
    url = f"ws://localhost:{port}{serverapp.base_url}api/collaboration/room/{room}"
    opened = Browser(await websocket_connect(HTTPRequest(url, headers=headers)))
    try:
        yield opened
    finally:
        await opened.leave()


async def opening(fetch: Any, path: str) -> str:
    """What a browser does to open a notebook's room of jupyter_server_ydoc: the room's name."""
    body = json.dumps({"format": "json", "type": "notebook"})
    answer = await fetch(
        "api", "collaboration", "session", *path.split("/"), method="PUT", body=body
    )
    known = json.loads(answer.body)
    return f"json:notebook:{known['fileId']}?sessionId={known['sessionId']}"
