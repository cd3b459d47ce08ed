"""Running code in a session."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from .session import Require, check_admitted, destination, start_kernel

if TYPE_CHECKING:
    from jupyter_mcp_ext.executions.execution import Execution
    from jupyter_mcp_ext.governance.caller import Caller
    from jupyter_mcp_ext.services import Services
    from jupyter_mcp_ext.sessions.session import Session


def run_code(
    services: Services,
    session: Session,
    code: str,
    *,
    caller: Caller,
    require: Require,
    timeout: float | None = None,
    can_ask: bool = False,
) -> Execution:
    """Start code in a session, whose kernel is started if need be and whose story has it.

    The files that it writes are looked for when it has ended. ``can_ask`` tells whether questions
    of the code (``input()``) can be brought to a person. Raises Forbidden for a kernel outside
    of the sandbox, InvalidArgument for code that is too long, and LimitReached.
    """
    services.calls.check_code(code)
    services.calls.check_queue(session.id, caller.subject)
    check_admitted(services, session, caller)
    sessions = services.sessions
    execution = services.executions.start(
        code,
        destination(services, session),
        caller=caller,
        ready=partial(start_kernel, services, session, require),
        prepare=partial(sessions.readiness.prepare, session),
        timeout=timeout,
        can_ask=can_ask,
    )
    sessions.follow(session, execution)
    follow_files(services, session, execution, caller)
    return execution


def follow_files(
    services: Services, session: Session, execution: Execution, caller: Caller
) -> None:
    """Have the files looked for that an execution writes and its caller may know of."""
    sessions = services.sessions
    hides = partial(sessions.paths.hides, caller)

    def is_left_out(path: str) -> bool:
        is_servers = sessions.paths.is_servers_file(session, path)
        return is_servers or services.files.gate.leaves_out(path, hides)

    services.written.follow(execution, session.cwd, but=is_left_out)
