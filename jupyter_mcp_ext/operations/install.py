"""Installing packages for the kernel of a session."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from jupyter_mcp_ext.executions.order import Destination
from jupyter_mcp_ext.packages.environment import KernelOf
from jupyter_mcp_ext.sandbox.overlay import PACKAGES, Overlay
from jupyter_mcp_ext.sessions.story.following import count

from .session import Require, start_kernel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from packaging.requirements import Requirement

    from jupyter_mcp_ext.executions.execution import Execution
    from jupyter_mcp_ext.executions.work import Say
    from jupyter_mcp_ext.governance.caller import Caller
    from jupyter_mcp_ext.services import Services
    from jupyter_mcp_ext.sessions.session import Session


def install_packages(
    services: Services,
    session: Session,
    requirements: Sequence[Requirement],
    *,
    caller: Caller,
    require: Require,
    upgrade: bool,
) -> Execution:
    """Start an installation as an execution of a session, whose kernel is started if need be.

    Raises LimitReached.
    """
    services.calls.check_queue(session.id, caller.subject)
    sessions, packages = services.sessions, services.packages
    kernel = KernelOf(
        name=session.kernel_name,
        running=session.kernel if sessions.is_ready(session) else None,
        ready=partial(start_kernel, services, session, require),
        overlay=_overlay(services, session),
    )

    async def install(execution: Execution, say: Say) -> None:
        outcome = await packages.install(requirements, kernel, upgrade=upgrade, say=say)
        execution.notices.extend(outcome.notices(session.id))
        for line in outcome.lines():
            say(line)

    execution = services.executions.start_work(
        f"install_package: {', '.join(map(str, requirements))}",
        install,
        Destination(
            session_id=session.id,
            kernel_name=session.kernel_name,
            last_number=session.last_number,
        ),
        caller=caller,
    )
    count(session, execution)
    return execution


def _overlay(services: Services, session: Session) -> Overlay | None:
    """Where the packages of a session go whose kernel is in the sandbox."""
    if not (services.kernels.sandbox.is_on and session.is_agents) or session.story is None:
        return None
    if services.sessions.is_ready(session) and not session.kernel.is_confined:
        return None
    return Overlay(session.story.folder.path / PACKAGES)
