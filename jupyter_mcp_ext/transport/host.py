"""The life of the MCP server object and of its session manager: one task, ``mcp-host``.

Light, since it loads with Jupyter. The SDK comes in here, in a thread and once only: 0.6 s that
neither the server's start nor its event loop pays for.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import secrets
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import partial
from logging import Logger
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol, cast

import anyio

from .asgi import Receive, Scope, Send

if TYPE_CHECKING:
    from mcp.server.lowlevel import Server

_SDK_SIDE = "jupyter_mcp_ext.transport.sdk"


class HostUnavailable(Exception):
    """No request can be served now; the message is for the client, the log has the reason."""


@dataclass(frozen=True, kw_only=True)
class SessionOptions:
    """How protocol sessions are kept."""

    limit: int
    """How many at a time; 0 for any number."""
    idle: float
    """Seconds without a request after which one is closed; 0 for never."""
    key: Callable[[], bytes] = field(default=partial(secrets.token_bytes, 32))
    """Gives the secret that seals their ids, and may block.

    With the same secret they are understood after a restart.
    """
    more: Mapping[str, Any] = field(default_factory=dict)
    """Further arguments of the SDK's session manager."""


class Engine(Protocol):
    """What the SDK's side gives: a running session manager that serves requests."""

    def run(self) -> AbstractAsyncContextManager[None]:
        """Hold the manager open."""

    async def serve(self, subject: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request of ``subject``."""


class McpHost:
    """Starts the MCP server when it is first wanted, serves requests with it, stops it."""

    def __init__(
        self,
        services: object,
        sessions: SessionOptions,
        *,
        log: Logger,
        build: Callable[[Any], Server[Any]] | None = None,
    ) -> None:
        """``build`` makes the server object of ``services``; left out, it is the extension's."""
        self._services = services
        self._sessions = sessions
        self._log = log
        self._build = build
        self._task: asyncio.Task[None] | None = None
        self._ready: asyncio.Future[Engine] | None = None
        self._stopping = asyncio.Event()
        self._requests: set[anyio.CancelScope] = set()
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def is_serving(self) -> bool:
        """Whether requests are served at once: not before the start, nor after a failure."""
        is_alive = self._task is not None and not self._task.done()
        is_ready = self._ready is not None and _has_result(self._ready)
        return is_alive and is_ready and not self._stopping.is_set()

    def begin(self) -> asyncio.Future[Engine]:
        """Start, also after a failed start; a future of the engine."""
        if self._ready is None or self._task is None or self._task.done():
            self._ready = asyncio.get_running_loop().create_future()
            # No request may be waiting for it when it fails; the log tells then.
            self._ready.add_done_callback(lambda ready: ready.cancelled() or ready.exception())
            self._task = asyncio.create_task(self._live(self._ready), name="mcp-host")
        return self._ready

    async def serve(self, subject: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or raise `HostUnavailable`; return early when the host stops."""
        if self._stopping.is_set():
            msg = "This Jupyter server is shutting down."
            raise HostUnavailable(msg)
        ready = self.begin()
        engine = ready.result() if _has_result(ready) else await asyncio.shield(ready)
        # Handlers of the 2026-07-28 protocol run in the request's own task, which the session
        # manager cannot cancel when it ends.
        with anyio.CancelScope() as request:
            self._requests.add(request)
            self._idle.clear()
            try:
                await engine.serve(subject, scope, receive, send)
            finally:
                self._requests.discard(request)
                if not self._requests:
                    self._idle.set()

    async def stop(self, timeout: float = 4.0) -> None:
        """Cancel the requests and end; what has not ended by ``timeout`` is left behind."""
        self._stopping.set()
        for request in tuple(self._requests):
            request.cancel()
        with anyio.move_on_after(timeout):
            await self._idle.wait()
            if self._task is not None:
                await asyncio.wait({self._task})
        if self._task is not None and not self._task.done():
            self._log.warning("The MCP host did not end within %g s.", timeout)
            self._task.cancel()

    async def _live(self, ready: asyncio.Future[Engine]) -> None:
        try:
            sdk = cast("Any", await asyncio.to_thread(_load))
            key = await asyncio.to_thread(self._sessions.key)
            prepared = await asyncio.to_thread(sdk.prepare, self._services, self._log)
            engine: Engine = sdk.make_engine(
                self._services,
                self._sessions,
                prepared=prepared,
                key=key,
                build=self._build,
                log=self._log,
            )
            async with engine.run():
                ready.set_result(engine)
                await self._stopping.wait()
        except Exception:  # noqa: BLE001  # a background task: here "it failed" has its name
            self._log.exception(
                "The MCP server failed; the next request starts it again. "
                "See also: jupyter mcp doctor"
            )
            if not ready.done():
                msg = "The MCP server could not start; the Jupyter server's log says why."
                ready.set_exception(HostUnavailable(msg))
        finally:
            ready.cancel()


def _load() -> ModuleType:
    if _SDK_SIDE not in sys.modules:
        importlib.import_module(_SDK_SIDE)
        # What is loaded stays: a quarter of a million objects that each full garbage collection
        # would look through again, and full ones come every few seconds of a flood of outputs.
        # That is 0.15 s each time for which the whole server stands still.
        gc.freeze()
    return sys.modules[_SDK_SIDE]


def _has_result(ready: asyncio.Future[Engine]) -> bool:
    return ready.done() and not ready.cancelled() and ready.exception() is None
