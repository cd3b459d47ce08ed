"""The session that an operation works in, made and started where the caller may do so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from jupyter_mcp_ext.errors import Forbidden, ToolError
from jupyter_mcp_ext.executions.order import Destination
from jupyter_mcp_ext.files.paths import quoted
from jupyter_mcp_ext.governance.consents import NeedsConsent
from jupyter_mcp_ext.governance.policy import Right
from jupyter_mcp_ext.variables.way import Query

if TYPE_CHECKING:
    from jupyter_mcp_ext.files.paths import Place
    from jupyter_mcp_ext.governance.caller import Caller
    from jupyter_mcp_ext.kernels.kernel import Kernel
    from jupyter_mcp_ext.services import Services
    from jupyter_mcp_ext.sessions.session import Session

Require: TypeAlias = Callable[[Right], Awaitable[None]]
"""Returns when the caller has a right. Raises Forbidden."""

COUNT = 2.0
"""Seconds for which the number of a session's variables is waited for."""


async def use_session(
    services: Services, caller: Caller, session_id: str | None, require: Require
) -> Session:
    """The session that an argument means; the default one is made where the caller may make it.

    Raises UnknownSession, KernelUnavailable when another server holds it, and Forbidden.
    """
    if services.sessions.directory.would_make(caller, session_id):
        await require(("write", "sessions"))
    return await services.sessions.resolve(caller, session_id)


async def start_kernel(services: Services, session: Session, require: Require) -> Kernel:
    """A session's kernel, which is started where the caller may start it.

    Raises KernelUnavailable, UnknownSession and Forbidden.
    """
    if not services.sessions.is_ready(session):
        await require(("write", "kernels"))
    return await services.sessions.ready(session)


def destination(services: Services, session: Session) -> Destination:
    """Where code of a session is run."""
    return Destination(
        session_id=session.id,
        kernel_name=session.kernel_name,
        kernel=session.kernel if services.sessions.is_ready(session) else None,
        last_number=session.last_number,
    )


async def check_not_open(services: Services, caller: Caller, place: Place) -> None:
    """Raise Forbidden if people have a notebook open and the caller may not use it then."""
    if caller.may_attach:
        return
    as_others = replace(caller, may_attach=True)
    is_open = await services.sessions.directory.on_path(as_others, place.path) is not None
    if is_open or await services.editing.rooms.open(place.path) is not None:
        msg = (
            f"A person has {quoted(place.path)} open, and your calls may not change or run what "
            "people have open (McpPolicy.attach). Use another notebook, or wait until it is closed."
        )
        raise Forbidden(msg)


def check_admitted(services: Services, session: Session, caller: Caller) -> None:
    """Raise Forbidden if code of agents may not run in the kernel of a session.

    It is NeedsConsent if it may once a person allows it.
    """
    sandbox = services.kernels.sandbox
    if not services.sessions.is_ready(session) or sandbox.admits(session.kernel):
        return
    msg = (
        f"The kernel of {session.id} ({session.name}) is a person's: it runs outside of this "
        "server's sandbox, in which your code has to stay (McpSandbox.people). create_session "
        "makes a session of your own."
    )
    if sandbox.people != "ask":
        raise Forbidden(msg)
    if not services.consents.has(caller, session):
        raise NeedsConsent(msg, session)


async def count_variables(services: Services, session: Session, caller: Caller) -> None:
    """Have the session's next introduction say how many variables it has, if it is due."""
    if not services.sessions.readers.wants_count(session, caller):
        return
    kernel = session.kernel
    if not kernel.info.kind.runs_functions:
        return
    try:
        listing = services.variables.listing(kernel, Query(limit=1))
        found = await asyncio.wait_for(listing, COUNT)
    except (ToolError, asyncio.TimeoutError):
        return
    services.sessions.readers.note_count(session, caller, found.data)
