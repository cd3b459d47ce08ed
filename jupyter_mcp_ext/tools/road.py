"""The only road to a tool: validate, decide, run, render, record."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from jupyter_mcp_ext.errors import (
    Forbidden,
    InternalError,
    InvalidArgument,
    LimitReached,
    ToolError,
)
from jupyter_mcp_ext.governance.audit import ToolCall
from jupyter_mcp_ext.governance.transcript import Entry

from .answer import Answer, to_error, to_result
from .arguments import parse
from .consent import with_consent

if TYPE_CHECKING:
    import mcp_types as types

    from .call import Call
    from .definition import Tool

log = logging.getLogger(__name__)

T = TypeVar("T")

_SETTING = re.compile(r"\bMcp\w+\.\w+")
"""A setting, as refusals name it."""

Instead = Callable[..., Awaitable[Answer]]
"""Is run in the place of a tool's function, with the arguments as the client gave them."""


async def run(
    tool: Tool, arguments: Mapping[str, Any] | None, call: Call, *, instead: Instead | None = None
) -> types.CallToolResult | types.InputRequiredResult:
    """Call a tool. Every failure becomes a result; only cancellation is raised."""
    try:
        return await attempt(tool, arguments, call, instead=instead)
    except ToolError as err:
        return to_error(str(err))


async def attempt(
    tool: Tool, arguments: Mapping[str, Any] | None, call: Call, *, instead: Instead | None = None
) -> types.CallToolResult | types.InputRequiredResult:
    """Call a tool. Every failure is raised as a ToolError."""

    async def work() -> tuple[types.CallToolResult | types.InputRequiredResult, str]:
        parsed = parse(tool, arguments)
        await call.require(*tool.rights, tool=tool.same_as)
        await call.services.sessions.paths.have_home(call.caller)
        given = {name: getattr(parsed, name) for name in tool.arguments}
        await call.begin(tool.name, given)
        if instead is None:
            for name, resolved in tool.resolved.items():
                given[name] = await resolved.by(call, given.pop(resolved.argument))
        answer = await with_consent(call, partial(instead or tool.function, call, **given))
        call.show_answer(answer.texts)
        return to_result(answer), answer.status

    call.show(arguments)
    return await recorded(tool.name, call, work)


async def recorded(name: str, call: Call, work: Callable[[], Awaitable[tuple[T, str]]]) -> T:
    """Do what a request asks for, and emit the event of it; ``work`` gives a result and a status.

    Every failure is raised as a ToolError.
    """
    audit = call.services.audit
    try:
        call.services.switches.check_running(call.caller.subject)
        call.services.calls.admit(call.caller.subject)
        await audit.trail.room()
        result, status = await work()
    except (ToolError, asyncio.CancelledError) as err:
        if isinstance(err, LimitReached):
            call.services.metrics.life.hit(str(err))
        call.show_answer([str(err)])
        audit.record(call.caller, _outcome(name, call, _status(err), _rule(call, err)))
        raise
    except Exception as err:
        audit.record(call.caller, _outcome(name, call, "bug"))
        reference = secrets.token_hex(4)
        log.exception("Internal error %s in %s", reference, name)
        call.services.metrics.faults.failed(name, reference)
        msg = (
            f"Internal error, reference {reference}. The server's log has the details; "
            "try another way."
        )
        raise InternalError(msg) from err
    reads = not call.services.names.changes(name)
    outcome = _outcome(name, call, status, _rule(call))
    await audit.answer(call.caller, outcome, reads=reads)
    return result


async def refuse(name: str, call: Call, words: str) -> NoReturn:
    """Record a call that no tool can take, as one that has failed. Raises ToolError."""

    async def fail() -> tuple[None, str]:
        raise InvalidArgument(words)

    await recorded(name, call, fail)
    raise AssertionError


def _status(err: BaseException) -> str:
    match err:
        case LimitReached():
            return "limited"
        case Forbidden():
            return "forbidden"
        case ToolError():
            return "error"
        case _:
            return "cancelled"


def _rule(call: Call, err: BaseException | None = None) -> str | None:
    """What decided whether a call was allowed; None if nothing did."""
    if isinstance(err, Forbidden) and (setting := _SETTING.search(str(err))):
        return setting[0]
    return call.services.policy.rule if call.rights else None


def _outcome(name: str, call: Call, status: str, rule: str | None = None) -> ToolCall:
    """What a call has come to, which is counted, and shown to people."""
    duration = round(time.monotonic() - call.started, 6)
    call.services.metrics.counts.called(call.label or name, status, duration)
    entry = Entry(
        tool=name,
        status=status,
        client=call.caller.client,
        session_id=call.session_id,
        duration=duration,
        arguments=call.arguments,
        answer=call.answer,
    )
    call.services.transcript.add(call.caller.subject, entry)
    session = call.session
    return ToolCall(
        tool=name,
        status=status,
        duration=duration,
        session_id=call.session_id,
        kernel_id=(session.kernel_id or None) if session is not None else None,
        owner=session.owner if session is not None else None,
        request_id=call.request_id,
        **vars(call.touched),
        rights=tuple(map(" ".join, call.rights)),
        rule=rule,
        code_sha256=call.code_hash,
        sandbox=call.sandbox,
        code=call.code,
        begun=call.begun,
    )
