"""The only road to a tool: validate, decide, run, render, record."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jupyter_mcp_ext.errors import Forbidden, ToolError
from jupyter_mcp_ext.governance.audit import ToolCall

from .arguments import parse
from .content import Answer, Question, to_error, to_result
from .progress import Progress

if TYPE_CHECKING:
    import mcp_types as types

    from jupyter_mcp_ext.executions.execution import Execution
    from jupyter_mcp_ext.governance.caller import Caller, Principal
    from jupyter_mcp_ext.governance.policy import Right
    from jupyter_mcp_ext.services import Services

    from .definition import Tool
    from .elicitation import Elicitation

log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class Call:
    """One call of a tool; what the tool notes here goes into the record."""

    services: Services
    caller: Caller
    origin: str = ""
    """Under which the client reaches the Jupyter server: ``https://host:port``."""
    progress: Progress | None = None
    elicitation: Elicitation | None = None
    """How the person at the client is asked; None when they cannot be."""
    is_gone: Callable[[], bool] = lambda: False
    """Whether the client has closed the connection of the call."""
    question: Question | None = None
    """The question that the call's result asks."""
    paused: float = 0.0
    """Seconds for which the wait stood still, since a person was asked."""
    task_after: float | None = None
    """Seconds of waiting after which code that goes on becomes a task; None: it never does."""
    task: Execution | None = None
    """The execution that is the call's task."""
    started: float = field(default_factory=time.monotonic)
    principal: Principal | None = None
    """Who makes it, once it has come to its tool."""
    session_id: str | None = None
    code_hash: str | None = None
    notices: list[str] = field(default_factory=list)
    """What its answer has to say, and no other: those of an execution stay with that."""

    async def require(self, *rights: Right) -> None:
        """Go on if the caller has these rights too. Raises Forbidden."""
        if self.principal is not None:
            await self.services.policy.decide(self.principal, *rights)

    def hides(self, path: str) -> bool:
        """Whether an API path is for the caller as if it were not there."""
        return self.services.sessions.paths.hides(self.caller, path)

    def remember(self, execution: Execution) -> None:
        """Note the execution that the call is about."""
        self.session_id = execution.session_id
        self.code_hash = execution.code_hash

    def left(self, wait: float) -> float:
        """The seconds left of a wait, which counts from the request."""
        return max(0.0, wait + self.paused - (time.monotonic() - self.started))


async def run(
    tool: Tool,
    arguments: Mapping[str, Any] | None,
    call: Call,
    principal: Principal,
    *,
    instead: Callable[..., Awaitable[Answer]] | None = None,
) -> types.CallToolResult | types.InputRequiredResult:
    """Call a tool for a principal. Every failure becomes a result; only cancellation is raised.

    ``instead`` is run in the place of the tool's function, with the same arguments.
    """
    status = "bug"
    call.principal = principal
    result: types.CallToolResult | types.InputRequiredResult
    try:
        parsed = parse(tool, arguments)
        await call.services.policy.decide(principal, *tool.rights)
        function = instead or tool.function
        answer = await function(call, **{name: getattr(parsed, name) for name in tool.arguments})
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
            f"Internal error, reference {reference}. The server's log tells more under it; "
            "try another way."
        )
    finally:
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
    return result
