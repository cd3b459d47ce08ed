"""The only road to a tool: validate, decide, run, render, record."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from jupyter_mcp_ext.errors import Forbidden, ToolError
from jupyter_mcp_ext.governance.audit import ToolCall

from .answer import Answer, to_error, to_result
from .arguments import parse

if TYPE_CHECKING:
    import mcp_types as types

    from .call import Call
    from .definition import Tool

log = logging.getLogger(__name__)

Instead = Callable[..., Awaitable[Answer]]
"""Is run in the place of a tool's function, with the arguments as the client gave them."""


async def run(
    tool: Tool, arguments: Mapping[str, Any] | None, call: Call, *, instead: Instead | None = None
) -> types.CallToolResult | types.InputRequiredResult:
    """Call a tool. Every failure becomes a result; only cancellation is raised."""
    status = "bug"
    result: types.CallToolResult | types.InputRequiredResult
    try:
        parsed = parse(tool, arguments)
        await call.services.policy.decide(call.principal, *tool.rights)
        given = {name: getattr(parsed, name) for name in tool.arguments}
        if instead is None:
            for name, resolved in tool.resolved.items():
                given[name] = await resolved.by(call, given.pop(resolved.argument))
        answer = await (instead or tool.function)(call, **given)
        result = to_result(answer)
        status = answer.status
    except Forbidden as err:
        status, result = "forbidden", to_error(str(err))
    except ToolError as err:
        status, result = "error", to_error(str(err))
    except asyncio.CancelledError:
        status = "cancelled"
        raise
    except Exception:
        reference = secrets.token_hex(4)
        log.exception("Internal error %s in the tool %s", reference, tool.name)
        result = to_error(
            f"Internal error, reference {reference}. The server's log has the details; "
            "try another way."
        )
    finally:
        _record(tool, call, status)
    return result


def _record(tool: Tool, call: Call, status: str) -> None:
    call.services.audit.record(
        call.caller,
        ToolCall(
            tool=tool.name,
            status=status,
            duration=round(time.monotonic() - call.started, 6),
            session_id=call.session_id,
            code_sha256=call.code_hash,
        ),
    )
