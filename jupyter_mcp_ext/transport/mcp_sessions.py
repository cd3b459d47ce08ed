"""Protocol sessions of the older era that outlast what holds them: the server, a limit, a timeout.

An ASGI layer around the SDK's session manager. Clients know a session by a sealed id
(`mcp_session_id`); when the manager has no session for it any more, one is opened for it again
with the same words, and the request goes on there. Nothing of a client's work is kept here.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from logging import Logger
from typing import TypeAlias

from jupyter_mcp_ext.concurrency import Locks, Tasks, Timers

from .asgi import Message, Receive, Scope, Send
from .mcp_session import McpSession
from .mcp_session_id import Opening, Seal, nonce

HEADER = b"mcp-session-id"

MCP_SESSION_KEY = "jupyter_mcp_ext.mcp_session"
"""Where the ASGI scope carries a word that tells the request's protocol session from others."""

MCP_SESSION_END_KEY = "jupyter_mcp_ext.mcp_session_end"
"""Where it carries a function that takes what is to be called when that session has ended."""

MAX_ENDED = 10_000
"""Ids that clients have ended and that are remembered, so that they stay ended."""

GRACE = 5.0
"""Seconds for which the manager's clock may be behind ours."""

_NOT_FOUND = 404

Ask: TypeAlias = Callable[[str, Scope, Receive, Send], Awaitable[None]]
"""Has the SDK's manager answer a request of a subject."""


class ProtocolSessions:
    """Serves the requests of all protocol sessions; ``limit`` is of open ones, 0 sets none."""

    def __init__(self, ask: Ask, seal: Seal, *, limit: int, idle: float, log: Logger) -> None:
        """``idle`` is after how many seconds the manager itself ends a session; 0: never."""
        self._ask = ask
        self._seal = seal
        self._limit = limit
        self._idle = idle
        self._log = log
        self._open: dict[str, McpSession] = {}
        self._opening = 0
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._locks: Locks[str] = Locks()
        self._expiry: Timers[str] = Timers()
        """For the sessions of which something is to be told."""
        self._tasks = Tasks()

    async def serve(self, subject: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        given = _header(scope)
        if given:
            await self._serve_in(given, subject, scope, receive, send)
            return
        body = await _body(receive) if scope["method"] == "POST" else b""
        receive = _again(body, receive)
        if b'"initialize"' in body:
            await self._begin(body, subject, scope, receive, send)
        else:
            await self._ask(subject, scope, receive, send)

    async def _begin(
        self, body: bytes, subject: str, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """A request that may open a session."""
        message = json.loads(body)  # the handler has looked at it
        opening = Opening.of(message.get("params")) if isinstance(message, dict) else None
        if opening is None or message.get("method") != "initialize":
            await self._ask(subject, scope, receive, send)
            return

        async def sealed(message: Message) -> None:
            inner = _inner(message)
            if inner:
                session = self._add(self._seal.close(opening, subject), inner, subject)
                message = _renamed(message, session.id.encode())
            await send(message)

        async with self._room(subject):
            await self._ask(subject, scope, receive, sealed)

    async def _serve_in(
        self, given: str, subject: str, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """A request of a session, which may have to be opened again."""
        scope = {**scope, MCP_SESSION_KEY: nonce(given)[:8]}
        session = self._open.get(given)
        if session is None or session.subject != subject:
            session = await self._reopened(given, subject, scope)
        if session is None:
            await self._ask(subject, scope, receive, send)  # which says that there is none
            return
        if scope["method"] == "DELETE":
            await self._end(session, scope, receive, send)
            return
        body = await _body(receive) if scope["method"] == "POST" else b""
        if await self._pass(session, scope, _again(body, receive), send, may_be_gone=True):
            return
        again = await self._reopened(given, subject, scope)
        await self._pass(again or session, scope, _again(body, receive), send, may_be_gone=False)

    async def _pass(
        self, session: McpSession, scope: Scope, receive: Receive, send: Send, *, may_be_gone: bool
    ) -> bool:
        """Have the manager answer; false, and nothing is sent, when it has no such session."""
        is_gone = False
        is_stream = scope["method"] == "GET"
        answering = session.answering(is_stream=is_stream)

        async def outside(message: Message) -> None:
            nonlocal is_gone
            if message["type"] == "http.response.start":
                is_gone = may_be_gone and message["status"] == _NOT_FOUND
                message = _renamed(message, session.id.encode())
            elif not message.get("more_body", False):
                answering.close()  # before the client can see it and do the next thing
            if not is_gone:
                await send(message)

        try:
            inside = {**_within(scope, session.inner), MCP_SESSION_END_KEY: session.on_end}
            await self._ask(session.subject, inside, receive, outside)
        finally:
            answering.close()
            if is_gone and self._open.get(session.id) is session:
                self._remove(session)
            elif session.at_end and self._idle:
                self._expiry.set(session.id, self._idle + GRACE, self._expire)
        return not is_gone

    async def _end(self, session: McpSession, scope: Scope, receive: Receive, send: Send) -> None:
        """End a session at its client's request."""
        self._remove(session)
        self._ended[session.id] = None
        if len(self._ended) > MAX_ENDED:
            self._ended.popitem(last=False)
        await self._pass(session, scope, receive, send, may_be_gone=False)

    async def _reopened(self, given: str, subject: str, scope: Scope) -> McpSession | None:
        """The session of an id that this server has made; None for any other."""
        opening = None if given in self._ended else self._seal.open(given, subject)
        if opening is None:
            return None
        # A task of its own: a client that closes its connection must not leave half of a session.
        opened = self._open_again(given, opening, subject, scope)
        task = self._tasks.start(opened, name="mcp-protocol-session")
        # Its failure reaches the request that waits for it, which may have been cancelled.
        task.add_done_callback(lambda task: task.cancelled() or task.exception())
        return await asyncio.shield(task)

    async def _open_again(
        self, given: str, opening: Opening, subject: str, scope: Scope
    ) -> McpSession | None:
        async with self._locks.of(given):
            if given in self._open:  # another request of it came first
                return self._open[given]
            async with self._room(subject):
                inner = await self._initialize(opening, subject, scope)
                if not inner:
                    return None
                ready = {"jsonrpc": "2.0", "method": "notifications/initialized"}
                await self._send(ready, subject, _within(scope, inner))
                session = self._add(given, inner, subject)
        self._log.debug("A protocol session was opened again for a client of %s", subject)
        return session

    async def _initialize(self, opening: Opening, subject: str, scope: Scope) -> bytes:
        """The manager's id of a new session; empty when it opens none."""
        message = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": opening.params()}
        started = await self._send(message, subject, _within(scope, b""))
        return _inner(started)

    @asynccontextmanager
    async def _room(self, subject: str) -> AsyncIterator[None]:
        """Count one more session while it is being opened."""
        self._opening += 1
        try:
            await self._make_room(subject)
            yield
        finally:
            self._opening -= 1

    async def _make_room(self, subject: str) -> None:
        """End the oldest idle session of the user where there would be too many.

        It is opened again when its client comes back. For a user who has none, a session of the
        user with the most is ended.
        """
        self._forget_expired()
        while self._limit and len(self._open) + self._opening > self._limit:
            idle = [session for session in self._open.values() if not session.calls]
            counts = Counter(session.subject for session in idle)
            if not counts:
                return
            whose = subject if counts[subject] else counts.most_common(1)[0][0]
            oldest = min(
                (session for session in idle if session.subject == whose),
                key=lambda session: (session.streams > 0, session.used),
            )
            self._remove(oldest)
            scope: Scope = {"type": "http", "method": "DELETE", "path": "/", "headers": []}
            await self._send(None, whose, _within(scope, oldest.inner))

    def _forget_expired(self) -> None:
        """Forget sessions that the manager has ended; it gives no notice of that."""
        before = time.monotonic() - self._idle - GRACE
        gone = [
            session
            for session in self._open.values()
            if self._idle and not session.calls and not session.streams and session.used < before
        ]
        for session in gone:
            self._remove(session)

    def _expire(self, _: str) -> None:
        self._forget_expired()

    def _remove(self, session: McpSession) -> None:
        if self._open.pop(session.id, None) is not None:
            self._expiry.stop(session.id)
            session.end()

    def _add(self, session_id: str, inner: bytes, subject: str) -> McpSession:
        session = McpSession(id=session_id, inner=inner, subject=subject)
        self._open[session_id] = session
        return session

    async def _send(self, message: object, subject: str, scope: Scope) -> Message:
        """Send the manager a request that no client made; the start of its answer."""
        started: Message = {"status": 0}

        async def heard(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = message

        body = b"" if message is None else json.dumps(message).encode()
        headers = [
            *((name, value) for name, value in scope["headers"] if name in (HEADER, b"host")),
            (b"content-type", b"application/json"),
            (b"accept", b"application/json, text/event-stream"),
        ]
        scope = {**scope, "headers": headers}
        if message is not None:
            scope["method"] = "POST"
        await self._ask(subject, scope, _again(body, _never), heard)
        return started


async def _never() -> Message:
    """The client of such a request never disconnects."""
    return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]  # never


async def _body(receive: Receive) -> bytes:
    parts = []
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            break
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


def _again(body: bytes, then: Receive) -> Receive:
    """Replay a body that was read, then continue."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return messages.pop() if messages else await then()

    return receive


def _header(scope: Scope) -> str:
    return next((v.decode("latin-1") for name, v in scope["headers"] if name == HEADER), "")


def _inner(message: Message) -> bytes:
    """The manager's id in the start of an answer that was no refusal."""
    if message.get("status", 0) not in range(200, 300):
        return b""
    headers = message.get("headers", ())
    return next((bytes(value) for name, value in headers if name.lower() == HEADER), b"")


def _renamed(message: Message, session_id: bytes) -> Message:
    """The start of an answer under the id that clients know."""
    headers = [
        (name, session_id if name.lower() == HEADER else value)
        for name, value in message.get("headers", ())
    ]
    return {**message, "headers": headers}


def _within(scope: Scope, inner: bytes) -> Scope:
    """A request under the manager's own id, or under none."""
    headers = [(name, value) for name, value in scope["headers"] if name != HEADER]
    return {**scope, "headers": [*headers, (HEADER, inner)] if inner else headers}
