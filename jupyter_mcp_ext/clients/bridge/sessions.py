"""The protocol session of a client of older protocols, opened again where a server has lost it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from . import messages, offline
from .connection import Connection, Lost
from .handshake import Handshake
from .messages import Message

Write: TypeAlias = Callable[[bytes], Awaitable[None]]


class Sessions:
    """Keeps the one session of the client open, and asks the server for the bridge itself."""

    def __init__(self, handshake: Handshake, write: Write) -> None:
        self._handshake = handshake
        self._write = write
        self._lock = asyncio.Lock()
        self._number = 0

    async def ensure(self, connection: Connection) -> None:
        """Open the session again if the server has none. Raises Failure."""
        async with self._lock:
            handshake = self._handshake
            if handshake.is_open or not handshake.is_begun:
                return
            found, session = await self._opened(connection)
            handshake.open(session, found.get("protocolVersion"))
            ready = messages.notification("notifications/initialized")
            async with connection.sent(ready, handshake.headers) as reply:
                await reply.ended()
            await self.restore(connection)
        for line in offline.CHANGED:
            await self._write(line)

    async def restore(self, connection: Connection) -> None:
        """Ask again for what lasts as long as a session, and say what may have been missed."""
        for message in self._handshake.standing:
            await self.ask(connection, message, message.method, message.params)
        for line in self._handshake.missed():
            await self._write(line)

    async def ask(
        self, connection: Connection, message: Message, method: str, params: Mapping[str, Any]
    ) -> dict[str, Any]:
        """What the server answers to a request of the bridge, on behalf of a client's message."""
        request = messages.parse(messages.request(self._id(), method, params))
        headers = messages.routing(request) if message.version else self._handshake.headers
        async with connection.sent(request.line, headers) as reply:
            async for _, found in reply.lines(request.id):
                if found.get("id") == request.id and "method" not in found:
                    return found
        msg = "The Jupyter server ended its answer without a result."
        raise Lost(msg)

    async def _opened(self, connection: Connection) -> tuple[dict[str, Any], str]:
        body = messages.request(self._id(), "initialize", self._handshake.params)
        found: dict[str, Any] = {}
        async with connection.sent(body, {}) as reply:
            async for _, message in reply.lines():
                found = message.get("result") or found
            return found, reply.session

    def _id(self) -> str:
        self._number += 1
        return f"jupyter-mcp-bridge-{self._number}"
