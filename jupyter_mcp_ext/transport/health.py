"""``<path>/health``: whether MCP is served, and for those who are logged in the detail."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from jupyter_core.utils import ensure_async
from jupyter_server.auth.decorator import allow_unauthenticated

from . import door
from .identity import subject_of
from .plain import PlainHandler

if TYPE_CHECKING:
    from jupyter_mcp_ext.governance.policy import McpPolicy
    from jupyter_mcp_ext.monitoring.health import Health

    from .host import McpHost

RIGHT = ("read", "api")
"""The action and the resource for which Jupyter's own ``/api/status`` asks the authorizer."""


class HealthHandler(PlainHandler):
    """Answers 200 if MCP is served, else 503; it starts nothing, and is no activity."""

    SUPPORTED_METHODS = ("GET", "HEAD")
    asks_only = True
    """It asks what a user may see, and refuses none."""

    def initialize(self, host: McpHost, health: Health, policy: McpPolicy) -> None:
        """Receive what is asked."""
        self.host = host
        self.health = health
        self.policy = policy

    @allow_unauthenticated
    async def get(self) -> None:
        """Tell it."""
        is_serving = self.host.is_serving
        answer: dict[str, object] = {"status": "ok" if is_serving else "unavailable"}
        if await self._may_read():
            answer |= await self.health.detail()
        self.set_status(200 if is_serving else 503)
        self.set_header("Content-Type", "application/json")
        self.set_header("Cache-Control", "no-store")
        self.finish(json.dumps(answer))

    @allow_unauthenticated
    async def head(self) -> None:
        """Tell it by the status alone."""
        await self.get()

    def write_error(self, status_code: int, **kwargs: object) -> None:
        """Answer what went wrong as JSON, without a detail."""
        del kwargs
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps({"status": "refused" if status_code < 500 else "unavailable"}))

    async def _may_read(self) -> bool:
        user = self.current_user
        if user is None or door.refused(self, door.ROUTE):
            return False
        subject = subject_of(self.identity_provider, user)
        if self.policy.multi_user and not self.policy.is_administrator(subject, user):
            return False
        allowed = await ensure_async(self.authorizer.is_authorized(self, user, *RIGHT))
        return allowed is True
