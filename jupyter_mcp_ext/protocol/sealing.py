"""Seals what a question leaves with the client (``requestState``) and opens it when it comes back.

The SDK's boundary binds it to the principal, the tool, its arguments and this server's key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp.shared.exceptions import MCPError

if TYPE_CHECKING:
    from mcp.server.context import CallNext, HandlerResult, ServerRequestContext

    from jupyter_mcp_ext.governance.keys import Keys

PURPOSE = "request-state"

LIFE = 86_400.0
"""Seconds for which it is understood: far longer than a question waits, since what comes late
still gets the result of the execution."""


class Sealing:
    """Middleware of the server object."""

    def __init__(self, keys: Keys, audience: str) -> None:
        security = RequestStateSecurity(keys=[keys.derive(PURPOSE)], ttl=LIFE)
        self._boundary = RequestStateBoundary(security, default_audience=audience)

    async def __call__(
        self, ctx: ServerRequestContext[Any, Any], call_next: CallNext
    ) -> HandlerResult:
        """Unseal and seal around a request; a state that was tampered with is refused."""
        try:
            return await self._boundary(ctx, call_next)
        except MCPError as err:
            if err.error.data != {"reason": "invalid_request_state"}:
                raise
            raise MCPError(
                code=err.error.code,
                message="This requestState was changed, is too old, or belongs to another call, "
                "user or server. Nothing was done; get_output() shows how far your code is.",
                data=err.error.data,
            ) from None
