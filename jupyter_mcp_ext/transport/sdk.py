"""The SDK's side of the transport: its session manager around our server object.

The only module that brings ``mcp`` in while Jupyter runs; `jupyter_mcp_ext.transport.host` imports
it late, in a thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import lru_cache, partial
from logging import Logger
from typing import TYPE_CHECKING, Any

from mcp.server.auth.middleware.auth_context import auth_context_var
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

from jupyter_mcp_ext.protocol.server import build_server
from jupyter_mcp_ext.services import Services
from jupyter_mcp_ext.tools.extra.loading import NONE, Loaded, load

from .body import MAX_BODY_BYTES
from .mcp_session_id import Seal
from .mcp_sessions import ProtocolSessions

if TYPE_CHECKING:
    from mcp.server.lowlevel import Server

    from .asgi import Receive, Scope, Send
    from .host import SessionOptions


def prepare(services: object, log: Logger) -> Loaded:
    """Load the tools of other packages, which blocks: to be called in a thread."""
    return load(services.extra, services.names, log) if isinstance(services, Services) else NONE


def make_engine(
    services: Any,
    sessions: SessionOptions,
    *,
    prepared: Loaded,
    key: bytes,
    build: Callable[[Any], Server[Any]] | None,
    log: Logger,
) -> SdkEngine:
    """Put a session manager around the server object that ``build`` makes of the services.

    ``prepared`` is what `prepare` gave, and ``key`` the secret that ``sessions.key`` gave.
    """
    manager = StreamableHTTPSessionManager(
        (build or partial(build_server, extra=prepared))(services),
        max_sessions=sessions.limit or None,
        session_idle_timeout=sessions.idle or None,
        max_request_body_size=MAX_BODY_BYTES,
        **sessions.more,
    )
    return SdkEngine(manager, Seal(key), limit=sessions.limit, idle=sessions.idle, log=log)


class SdkEngine:
    """A session manager that is told who is calling."""

    def __init__(
        self,
        manager: StreamableHTTPSessionManager,
        seal: Seal,
        *,
        limit: int,
        idle: float,
        log: Logger,
    ) -> None:
        self._manager = manager
        self._sessions = ProtocolSessions(self._ask, seal, limit=limit, idle=idle, log=log)

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Hold the manager open; to be entered and left in the same task."""
        async with self._manager.run():
            yield
        await _end_watchers()

    async def serve(self, subject: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request of ``subject``."""
        await self._sessions.serve(subject, scope, receive, send)

    async def _ask(self, subject: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Have the session manager answer one, under its own ids of protocol sessions."""
        user = scope["user"] = _user(subject)
        # Sealed request states are bound to it.
        token = auth_context_var.set(user)
        try:
            await self._manager.asgi_app(scope, receive, send)
        finally:
            auth_context_var.reset(token)


async def _end_watchers() -> None:
    # sse-starlette, which the SDK streams with, starts a task that waits for uvicorn to stop and
    # never ends elsewhere: asyncio then complains of a pending task when Jupyter exits
    # (https://github.com/sysid/sse-starlette/issues/152). It starts another if it needs one again.
    watchers = [
        task
        for task in asyncio.all_tasks()
        if getattr(task.get_coro(), "__qualname__", "") == "_shutdown_watcher"
    ]
    for watcher in watchers:
        watcher.cancel()
    await asyncio.gather(*watchers, return_exceptions=True)


@lru_cache(maxsize=256)
def _user(subject: str) -> AuthenticatedUser:
    # The SDK gives a session back only to the subject that opened it. It wants a token and gets an
    # empty one: Jupyter has already checked the real one.
    return AuthenticatedUser(AccessToken(token="", client_id="jupyter", scopes=[], subject=subject))
