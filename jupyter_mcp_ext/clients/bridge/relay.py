"""Passes messages on: each request is a task, which ends with its answer."""

from __future__ import annotations

import asyncio
import json
import traceback
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from jupyter_mcp_ext.clients.servers import NoServer
from jupyter_mcp_ext.concurrency import Tasks

from . import messages, offline, words
from .allowed import Allowed
from .connection import MAX_BODY, Connection, Failure, Lost, NotSent, Refused
from .copying import Copying
from .finding import Finder
from .handshake import Handshake
from .messages import Message, NotAMessage
from .reaching import Reach, log
from .sessions import Sessions, Write
from .streams import Streams

ATTEMPTS = 3
"""Times that a request is sent which was not taken, or which changes nothing."""

OPEN = 200
"""Requests that are open at the server; those that come later wait for their turn."""

HELD = 1_000
"""Requests without an answer, after which no more are read: a client that reads no answers waits
until it does."""

PATIENCE = 10.0
"""Seconds for which the client's next lines wait for the server to hear that it is ready."""

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


@dataclass(kw_only=True)
class Open:
    """A request that is not answered yet."""

    message: Message
    task: asyncio.Task[None] | None = None
    session: str = ""
    """The id of the protocol session in which it was sent last; empty if there was none."""
    is_cancelled: bool = False
    """Whether the client waits for it no more; what the server says of it is passed on."""
    is_given_up: bool = False
    """Whether the bridge has answered it, and it is still open at the server."""

    @property
    def is_over(self) -> bool:
        """Whether the bridge says no more of it."""
        return self.is_cancelled or self.is_given_up


class Relay:
    """Between one client and the server that is found for it."""

    def __init__(self, finder: Finder, allowed: Allowed, write: Write) -> None:
        self._write = write
        self._reach = Reach(finder)
        self._handshake = Handshake()
        self._sessions = Sessions(self._handshake, write)
        self._streams = Streams(self._reach, self._handshake, self._sessions, write)
        self._copying = Copying(allowed, self._sessions, write)
        self._tasks = Tasks()
        self._open: dict[str, Open] = {}
        """The requests that are not answered yet."""
        self._turns = asyncio.Semaphore(OPEN)
        self._places = asyncio.Semaphore(HELD)
        self._stream: asyncio.Task[None] | None = None
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
        if len(line) > MAX_BODY:
            sentence = f"The message is larger than {MAX_BODY // 1024**2} MiB. Send less at a time."
            if message.kind == "request":
                await self._write(messages.failed(message, sentence))
            log(sentence)
        elif message.kind == "request" and message.key in self._open:
            sentence = (
                f"The id {message.key[:64]} is that of a request that is not answered yet. "
                "Send another id."
            )
            await self._write(messages.error(None, messages.INVALID_REQUEST, sentence))
        elif message.kind == "request":
            await self._places.acquire()
            request = self._open[message.key] = Open(message=message)
            name = f"mcp-bridge-{message.method}"
            request.task = self._tasks.start(self._answer(request), name=name)
            # Not in the task itself, which may be cancelled before it begins.
            request.task.add_done_callback(lambda _: self._ended(request))
        elif message.method == "notifications/cancelled":
            self._cancel(message)
        elif message.method == "notifications/initialized":
            if self._handshake.is_open:  # what comes next needs it
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._tell(message), PATIENCE)
            if self._stream is None:
                self._stream = self._tasks.start(self._streams.session(), name="mcp-bridge-stream")
        else:
            self._tasks.start(self._tell(message), name="mcp-bridge-tell")

    async def close(self) -> None:
        """End all requests; what runs at the server goes on as its rules say."""
        await self._tasks.close()
        await self._reach.close()

    def _cancel(self, message: Message) -> None:
        request = self._open.get(json.dumps(message.params.get("requestId")))
        if request is None or request.task is None:
            return  # it was answered before
        if request.message.version or self._copying.takes(request.message):
            request.task.cancel()  # which closes its stream: so it is cancelled from then on
        else:
            request.is_cancelled = True
            self._tasks.start(self._tell(message), name="mcp-bridge-cancel")

    async def _tell(self, message: Message) -> None:
        """Pass on what has no answer."""
        with suppress(Failure, NoServer, OSError):
            connection = await self._reach.connection()
            async with connection.sent(message.line, self._headers(message)) as reply:
                await reply.ended()

    def _give_up(self, request: Open, connection: Connection) -> None:
        """The server answers nothing. The request stays open: to close it could cancel it there."""
        message, request.is_given_up = request.message, True
        if self._copying.takes(message) and request.task is not None:
            request.task.cancel()
        if self._open.get(message.key) is request:
            del self._open[message.key]
        sentence = words.given_up(
            server=connection.server.words,
            within=connection.watch.within,
            changes=not self._may_repeat(message),
        )
        answer = self._offline(message, sentence)
        log(sentence)
        line = answer or messages.failed(message, sentence)
        self._tasks.start(self._say(line), name="mcp-bridge-given-up")

    async def _say(self, line: bytes) -> None:
        await self._write(line)

    async def _answer(self, request: Open) -> None:
        message = request.message
        try:
            await self._pass(request)
        except (Failure, NoServer, OSError) as err:
            if not request.is_over:
                await self._write(await self._excuse(message, err))
        except Exception as err:  # noqa: BLE001  # a request without an answer hangs its client
            log(f"internal error: {_place(err)}")  # its words may be those of a message
            sentence = "The bridge failed; its log has the reason. Look before you do it again."
            if not request.is_over:
                await self._write(messages.failed(message, sentence))

    def _ended(self, request: Open) -> None:
        self._places.release()
        if self._open.get(request.message.key) is request:
            del self._open[request.message.key]

    async def _excuse(self, message: Message, err: Exception) -> bytes:
        """The answer of the bridge itself."""
        sentence = str(err)
        if isinstance(err, Lost) and self._copying.takes(message):
            sentence = f"{err} The file is complete, or as it was before. Copy it again."
        elif isinstance(err, Lost):
            is_running = await self._reach.is_running()
            changes = not self._may_repeat(message)
            sentence = words.unanswered(message, is_running=is_running, changes=changes)
        elif isinstance(err, NoServer | NotSent):
            self._reach.failed()
            if empty := self._offline(message, sentence):
                return empty
        log(sentence)
        return messages.failed(message, sentence)

    def _offline(self, message: Message, sentence: str) -> bytes | None:
        """The answer to a client that begins while there is no server; None for other requests."""
        if self._reach.has_answered:  # a client that knows its lists would take empty ones for news
            return None
        answer = offline.answer(message, sentence)
        self._reach.was_missed |= answer is not None
        return answer

    # -- to the server -----------------------------------------------------------------------

    async def _pass(self, request: Open) -> None:
        """Have the server answer a request. Raises Failure and NoServer."""
        message = request.message
        if message.method == "ping" and not message.version:  # the bridge itself is there
            await self._write(messages.result(message.id, {}))
            return
        if message.method == "subscriptions/listen" and message.version:
            await self._streams.subscription(message)
            return
        if message.method == "initialize":
            self._handshake.begin(message)
        async with self._turns:
            await self._pass_on(request)

    async def _pass_on(self, request: Open) -> None:
        """Send a request, again if it may be. Raises Failure and NoServer."""
        message = request.message
        tried: Connection | None = None
        for attempt in range(1, ATTEMPTS + 1):
            connection = await self._reach.connection(instead_of=tried)
            await connection.check()
            try:
                with connection.watch.over(partial(self._give_up, request, connection)):
                    await self._pass_once(connection, request)
                return
            except NotSent:
                if connection is tried or attempt == ATTEMPTS:
                    raise
            except Refused as err:
                if attempt == ATTEMPTS:
                    raise
                if err.why == "session" and request.session:
                    self._handshake.lose(request.session)
                elif err.why != "token" or connection is tried:
                    raise
            except Lost:
                if request.is_over or attempt == ATTEMPTS or not self._may_repeat(message):
                    raise
            tried = connection

    async def _pass_once(self, connection: Connection, request: Open) -> None:
        message = request.message
        if not message.version and message.method != "initialize":
            await self._sessions.ensure(connection)
            if request.is_cancelled:  # the server would not know that any more
                return
            self._handshake.note(message)
            request.session = self._handshake.session
        if self._copying.takes(message):
            await self._copying.answer(connection, message)
            return
        is_answered = False
        async with connection.sent(message.line, self._headers(message)) as reply:
            self._reach.answered()
            async for line, found in reply.lines(message.id):
                is_answer = "method" not in found and found.get("id") == message.id
                if is_answer:
                    self._heard(request, found, reply.session)
                    is_answered = True
                if not request.is_given_up:
                    await self._write(self._copying.listed(message, line, found))
        if not is_answered and not request.is_over:
            msg = "The Jupyter server ended its answer without a result."
            raise Lost(msg)

    def _heard(self, request: Open, found: dict[str, Any], session: str) -> None:
        """Note what the bridge must know of an answer."""
        message, value = request.message, found.get("result")
        if not isinstance(value, dict):
            return
        if message.method == "initialize":
            # A client that was told of no server hears of it when the bridge opens a session.
            if not request.is_given_up:
                self._handshake.open(session, value.get("protocolVersion"))
        elif message.method == "tools/list":
            self._readers |= set(_readers(value))

    def _headers(self, message: Message) -> dict[str, str]:
        if message.version:
            return messages.routing(message)
        return {} if message.method == "initialize" else self._handshake.headers

    def _may_repeat(self, message: Message) -> bool:
        return message.method.startswith(_READS) or message.tool in self._readers


def _place(err: Exception) -> str:
    """What was raised, and where in the program."""
    frame = traceback.extract_tb(err.__traceback__)[-1]
    return f"{type(err).__name__} in {Path(frame.filename).name}, line {frame.lineno}"


def _readers(listed: dict[str, Any]) -> list[str]:
    tools = listed.get("tools")
    return [
        str(tool.get("name"))
        for tool in (tools if isinstance(tools, list) else ())
        if isinstance(tool, dict)
        if isinstance(about := tool.get("annotations"), dict)
        if about.get("readOnlyHint") is True
    ]
