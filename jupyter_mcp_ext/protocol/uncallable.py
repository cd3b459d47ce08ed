"""Calls that no tool can take, since it does not exist or the message is malformed.

They are refused before the road to the tools begins, and are recorded and limited like all others.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import mcp_types as types
from mcp.shared.exceptions import MCPError
from pydantic import ValidationError

from jupyter_mcp_ext.errors import Forbidden, InvalidArgument, LimitReached
from jupyter_mcp_ext.monitoring.counts import UNKNOWN
from jupyter_mcp_ext.tools.road import refuse

from .resources import refused

if TYPE_CHECKING:
    from mcp.server.context import CallNext, HandlerResult

    from .execution_tasks import OpenCall
    from .tasks import Context

MAX_NAME = 64
"""Characters of a name that are recorded."""


class Uncallable:
    """Middleware that records such calls: the road makes results of its own failures."""

    def __init__(self, open_call: OpenCall) -> None:
        self._open_call = open_call

    async def __call__(self, ctx: Context, call_next: CallNext) -> HandlerResult:
        """Serve a request."""
        try:
            return await call_next(ctx)
        except (MCPError, ValidationError) as err:
            if ctx.method == "tools/call":
                await self._record(ctx, err)
            raise

    async def _record(self, ctx: Context, err: MCPError | ValidationError) -> None:
        """Raise MCPError in place of ``err`` if the caller may make no call at all."""
        given = (ctx.params or {}).get("name")
        name = given[:MAX_NAME] if isinstance(given, str) else ""
        call = self._open_call(ctx)
        call = replace(call, label="" if name in call.services.names.all else UNKNOWN)
        words = str(err) if isinstance(err, MCPError) else "The call is malformed."
        try:
            await refuse(name, call, words)
        except (Forbidden, LimitReached) as prior:
            raise refused(prior, types.INTERNAL_ERROR) from err
        except InvalidArgument:
            return
