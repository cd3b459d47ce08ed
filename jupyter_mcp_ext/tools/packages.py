"""The tool that installs packages."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from jupyter_mcp_ext.packages.environment import KernelOf
from jupyter_mcp_ext.sessions.story.following import count

from .call import Call
from .content import Answer
from .definition import tool
from .execution import awaited, ready, used
from .types import SessionId, Wait

if TYPE_CHECKING:
    from jupyter_mcp_ext.executions.execution import Execution
    from jupyter_mcp_ext.executions.work import Say


@tool(("execute", "kernels"), open_world=True)
async def install_package(
    call: Call,
    package: Annotated[str | list[str], Field(description="`pandas>=2`, or a list.")],
    session_id: SessionId = None,
    upgrade: bool = False,
    wait: Wait = 50,
) -> Answer:
    """Install a package or several (pip, uv) into the environment of a session's Python kernel;
    tells versions and whether a restart is needed.
    """
    sessions, packages = call.services.sessions, call.services.packages
    requirements = packages.requested(package)
    session = await used(call, session_id)
    kernel = KernelOf(
        name=session.kernel_name,
        kernel_id=session.kernel_id if sessions.is_ready(session) else "",
        ready=partial(ready, call, session),
    )

    async def install(execution: Execution, say: Say) -> None:
        outcome = await packages.install(requirements, kernel, upgrade=upgrade, say=say)
        execution.notices += outcome.notices(session.id)
        for line in outcome.lines():
            say(line)

    execution = call.services.executions.start_work(
        f"install_package: {', '.join(map(str, requirements))}",
        install,
        session_id=session.id,
        kernel_name=session.kernel_name,
        caller=call.caller,
        after=session.last_number,
    )
    count(session, execution)
    call.remember(execution)
    return await awaited(call, execution, wait, stops=wait > 0)
