"""Passes messages on: each request is a task, which ends with its answer."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeAlias

from jupyter_mcp_ext.clients.servers import NoServer
from jupyter_mcp_ext.concurrency import Tasks

from . import messages, offline, words
from .connection import Connection, Failure, Lost, NotSent, Refused
from .finding import Finder
from .handshake import Handshake
from .messages import Message, NotAMessage

Write: TypeAlias = Callable[[bytes], Awaitable[None]]

ATTEMPTS = 3
"""Times that a request is sent which was not taken, or which changes nothing."""

_READS = (
    "completion/complete",
    "logging/setLevel",
    "ping",
    "prompts/",
    "resources/",
    "server/discover",
    "tasks/get",
    "tasks/list",
    "tasks/result",
    "tools/list",
)
"""Methods, or beginnings of them, that may be sent twice."""


class Relay:
    """Between one client and the server that is found for it."""

    def __init__(self, finder: Finder, write: Write) -> None:
        self._finder = finder
        self._write = write
        self._tasks = Tasks()
        self._open: dict[str, tuple[Message, asyncio.Task[None]]] = {}
        """The requests that are not answered yet."""
        self._cancelled: set[str] = set()
        self._connection: Connection | None = None
        self._closed: list[Connection] = []
        self._finding = asyncio.Lock()
        self._opening = asyncio.Lock()
        self._handshake = Handshake()
        self._number = 0
        self._readers: set[str] = set()
        """Tools that change nothing, as the server lists them."""

    # -- from the client ---------------------------------------------------------------------

    async def take(self, line: bytes) -> None:
        """Take a line of the client."""
        try:
            message = messages.parse(line)
        except NotAMessage as err:
            await self._write(err.answer)
            return
        if message.kind == "request":
            task = self._tasks.start(self._answer(message), name=f"mcp-bridge-{message.method}")
            self._open[message.key] = (message, task)
        elif message.method == "notifications/cancelled":
            self._cancel(message)
        elif message.method == "notifications/initialized":
            if self._handshake.is_open:  # what comes next needs it
                await self._tell(message)
        else:
            self._tasks.start(self._tell(message), name="mcp-bridge-tell")

    async def close(self) -> None:
        """End all requests; what runs at the server goes on as its rules say."""
        await self._tasks.close()
        for connection in (*self._closed, *([self._connection] if self._connection else [])):
            await connection.close()

    def _cancel(self, message: Message) -> None:
        key = json.dumps(message.params.get("requestId"))
        found = self._open.get(key)
        if found is None:
            return  # it was answered meanwhile
        request, task = found
        if request.version:
            task.cancel()  # which closes its stream: that is how it is cancelled from then on
        else:
            self._cancelled.add(key)
            self._tasks.start(self._tell(message), name="mcp-bridge-cancel")

    async def _tell(self, message: Message) -> None:
        """Pass on what has no answer."""
        with suppress(Failure, NoServer):
            connection = await self._reach()
            async with connection.sent(message.line, self._headers(message)) as reply:
                async for line in reply.lines():
                    del line

    async def _answer(self, message: Message) -> None:
        try:
            await self._pass(message)
        except (Failure, NoServer) as err:
            if message.key not in self._cancelled:
                await self._write(await self._excuse(message, err))
        finally:
            self._cancelled.discard(message.key)
            if self._open.get(message.key, (None, None))[1] is asyncio.current_task():
                del self._open[message.key]

    async def _excuse(self, message: Message, err: Exception) -> bytes:
        """The answer of the bridge itself."""
        sentence = str(err)
        if isinstance(err, Lost):
            is_running = await self._is_running()
            changes = not self._may_repeat(message)
            sentence = words.unanswered(message, is_running=is_running, changes=changes)
        elif isinstance(err, NoServer | NotSent):
            empty = offline.answer(message, sentence)
            if empty is not None and (message.method != "initialize" or self._handshake.is_begun):
                return empty
        _log(sentence)
        return messages.failed(message, sentence)

    # -- to the server -----------------------------------------------------------------------

    async def _pass(self, message: Message) -> None:
        """Have the server answer a request. Raises Failure and NoServer."""
        if message.method == "ping" and not message.version:  # the bridge itself is there
            await self._write(messages.result(message.id, {}))
            return
        if message.method == "initialize":
            self._handshake.begin(message)
        tried: Connection | None = None
        for attempt in range(1, ATTEMPTS + 1):
            connection = await self._reach(instead_of=tried)
            try:
                await self._pass_once(connection, message)
                return
            except NotSent:
                if connection is tried or attempt == ATTEMPTS:
                    raise
            except Refused as err:
                if err.why == "session" and self._handshake.session:
                    self._handshake.lose()
                elif err.why != "token" or connection is tried or attempt == ATTEMPTS:
                    raise
            except Lost:
                if attempt == ATTEMPTS or not self._may_repeat(message):
                    raise
            tried = connection

    async def _pass_once(self, connection: Connection, message: Message) -> None:
        if not message.version and message.method != "initialize":
            await self._ensure_session(connection)
            self._handshake.note(message)
        is_answered = False
        async with connection.sent(message.line, self._headers(message)) as reply:
            async for line in reply.lines(message.id):
                found = json.loads(line)
                is_answer = "method" not in found and found.get("id") == message.id
                if is_answer:
                    self._heard(message, found, reply.session)
                    is_answered = True
                await self._write(line)
        if not is_answered and message.key not in self._cancelled:
            msg = "The Jupyter server ended its answer without a result."
            raise Lost(msg)

    def _heard(self, message: Message, found: dict[str, Any], session: str) -> None:
        """Note what the bridge must know of an answer."""
        value = found.get("result")
        if not isinstance(value, dict):
            return
        if message.method == "initialize":
            self._handshake.open(session, value.get("protocolVersion"))
        elif message.method == "tools/list":
            self._readers |= set(_readers(value))

    def _headers(self, message: Message) -> dict[str, str]:
        if message.version:
            return messages.routing(message)
        return {} if message.method == "initialize" else self._handshake.headers

    def _may_repeat(self, message: Message) -> bool:
        return message.method.startswith(_READS) or message.tool in self._readers

    async def _reach(self, *, instead_of: Connection | None = None) -> Connection:
        """The connection to the server; another one if that has failed. Raises NoServer.

        The same one comes back if the server is still said to be there, with the same token.
        """
        async with self._finding:
            current = self._connection
            if current is not None and current is not instead_of:
                return current
            server = await asyncio.to_thread(self._finder.find, may_start=True)
            if current is not None:
                if current.server == server:
                    return current
                self._closed.append(current)
            choice = self._finder.choice
            self._connection = Connection(
                server, path=choice.path, cafile=choice.cafile, scope=choice.scope
            )
            _log(f"connected to {server.words}")
            return self._connection

    async def _is_running(self) -> bool | None:
        if self._connection is None:
            return None
        return await asyncio.to_thread(self._finder.is_running, self._connection.server)

    # -- the protocol session of older protocols ----------------------------------------------

    async def _ensure_session(self, connection: Connection) -> None:
        """Open the client's protocol session again if the server has none of it."""
        async with self._opening:
            handshake = self._handshake
            if handshake.is_open or not handshake.is_begun:
                return
            async for found, session in self._asked(connection, "initialize", handshake.params):
                value = found.get("result")
                if isinstance(value, dict):
                    handshake.open(session, value.get("protocolVersion"))
            ready = messages.notification("notifications/initialized")
            async with connection.sent(ready, handshake.headers) as reply:
                async for line in reply.lines():
                    del line
            for message in handshake.standing:
                async for _ in self._asked(connection, message.method, message.params):
                    pass
        for line in (*offline.CHANGED, *handshake.missed()):
            await self._write(line)

    async def _asked(
        self, connection: Connection, method: str, params: Any
    ) -> AsyncIterator[tuple[dict[str, Any], str]]:
        """Ask for the bridge itself."""
        self._number += 1
        body = messages.request(f"jupyter-mcp-bridge-{self._number}", method, params)
        headers = {} if method == "initialize" else self._handshake.headers
        async with connection.sent(body, headers) as reply:
            async for line in reply.lines():
                yield json.loads(line), reply.session


def _readers(listed: dict[str, Any]) -> list[str]:
    tools = listed.get("tools")
    return [
        str(tool.get("name"))
        for tool in (tools if isinstance(tools, list) else ())
        if isinstance(tool, dict)
        if isinstance(about := tool.get("annotations"), dict)
        if about.get("readOnlyHint") is True
    ]


def _log(sentence: str) -> None:
    sys.stderr.write(f"jupyter mcp bridge: {sentence}\n")
    sys.stderr.flush()
