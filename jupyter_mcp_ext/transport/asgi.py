"""Runs an ASGI application for a request of a tornado handler.

The handler has checked before who is calling and what the body is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import TYPE_CHECKING, Any

from tornado.iostream import StreamClosedError

from jupyter_mcp_ext.concurrency import Timer

if TYPE_CHECKING:
    from tornado.httputil import HTTPServerRequest
    from tornado.web import RequestHandler

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

BEGINNING = 0.02
"""Seconds from a stream's start for which it is held back: a short answer leaves in one piece."""

MAX_HELD = 65_536
"""Bytes that are held back."""

# Credentials stop here: nothing behind needs them, and a tool could show them.
_CREDENTIALS = frozenset({"authorization", "proxy-authorization", "cookie", "x-xsrftoken"})
# tornado decides how an answer is framed and when its connection ends.
_TORNADOS_OWN = frozenset({b"connection", b"date", b"server", b"transfer-encoding"})


def make_scope(request: HTTPServerRequest) -> Scope:
    """Build the ASGI scope of a request, without its credentials and its query."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": request.version.removeprefix("HTTP/"),
        "method": request.method,
        "scheme": request.protocol,
        "path": request.path,
        "raw_path": request.path.encode("latin-1"),
        "query_string": b"",
        "root_path": "",
        "headers": [
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for name, value in request.headers.get_all()
            if name.lower() not in _CREDENTIALS
        ],
        "client": (request.remote_ip, 0),
        "server": None,
        "state": {},
    }


class AsgiExchange:
    """One request and its answer, as the two callables that an ASGI application gets."""

    def __init__(self, handler: RequestHandler, body: bytes) -> None:
        self._handler = handler
        self._body: bytes | None = body
        self._gone = asyncio.Event()
        self._beginning = Timer()
        """Runs while the beginning of a stream is held back."""
        self._held = 0
        """Bytes of that."""
        self.started = False
        """Whether the answer has a status."""
        self.ended = False
        """Whether the answer is complete."""

    @property
    def gone(self) -> bool:
        """Whether the peer has closed its connection."""
        return self._gone.is_set()

    def disconnect(self) -> None:
        """Tell the application that the peer is gone."""
        self._beginning.stop()
        self._gone.set()

    async def receive(self) -> Message:
        """Give the whole body, then wait until the peer disconnects."""
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Pass on a part of the answer, and wait until the peer has read it."""
        if self.gone or self.ended:
            return
        if message["type"] == "http.response.start":
            await self._start(message["status"], message.get("headers", ()))
        elif message["type"] == "http.response.body":
            await self._write(message.get("body", b""), more=message.get("more_body", False))

    async def _start(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        self.started = True
        self._handler.set_status(status)
        self._handler.clear_header("Content-Type")
        streams = False
        for name, value in headers:
            if name.lower() not in _TORNADOS_OWN:
                self._handler.set_header(name.decode("latin-1"), value.decode("latin-1"))
            if name.lower() == b"content-type":
                streams = value.startswith(b"text/event-stream")
        if streams:
            self._handler.set_header("X-Accel-Buffering", "no")
            self._beginning.set(BEGINNING, self._begin)

    async def _write(self, body: bytes, *, more: bool) -> None:
        if body:
            self._handler.write(body)
        if not more:
            self.end()
        elif not self._is_held(body):
            await self._flush()

    def _is_held(self, body: bytes) -> bool:
        self._held += len(body)
        return self._beginning.is_set and self._held <= MAX_HELD

    def end(self) -> None:
        """Complete the answer as it is."""
        self._beginning.stop()
        if not self.ended:
            self.ended = True
            self._handler.finish()

    def _begin(self) -> None:
        # tornado holds the header back until something is written, and a stream may stay silent
        # for long: its client would think it hangs.
        self._handler.flush().add_done_callback(self._begun)

    def _begun(self, flushed: asyncio.Future[None]) -> None:
        if flushed.cancelled() or flushed.exception() is not None:
            self.disconnect()

    async def _flush(self) -> None:
        self._beginning.stop()
        try:
            await self._handler.flush()
        except StreamClosedError:
            self.disconnect()
