"""The tool that installs packages."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from jupyter_mcp_ext.operations.install import install_packages

from .answer import Answer
from .call import Call
from .definition import tool
from .execution import awaited
from .types import SessionId, Wait, used


@tool(("execute", "kernels"), open_world=True)
async def install_package(
    call: Call,
    package: Annotated[str | list[str], Field(description="`pandas>=2`.")],
    session_id: SessionId = None,
    upgrade: bool = False,
    wait: Wait = 50,
) -> Answer:
    """Install packages (pip, uv) for a session's Python kernel; tells if a restart is needed."""
    requirements = call.services.packages.requested(package)
    execution = install_packages(
        call.services,
        await used(call, session_id),  # not before: what is refused makes no session
        requirements,
        caller=call.caller,
        require=call.require,
        upgrade=upgrade,
    )
    return await awaited(call, execution, wait, stops=wait > 0)
