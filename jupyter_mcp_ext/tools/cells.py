"""The tool that runs cells of a notebook."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from pydantic import Field

from jupyter_mcp_ext.notebooks.running.chosen import choose
from jupyter_mcp_ext.operations import cells as operation

from .answer import Answer
from .call import Call
from .definition import tool
from .execution import awaited
from .others import check_force
from .types import Handles, placed


@tool(
    ("execute", "kernels"),
    ("read", "contents"),
    ("write", "contents"),
    destructive=True,
    open_world=True,
)
async def run_cells(
    call: Call,
    path: str,
    cells: Handles | None = None,
    restart: bool = False,
    keep_going: bool = False,
    force: bool = False,
    timeout: Annotated[float | None, Field(gt=0)] = None,
    wait: Annotated[float, Field(ge=0)] = 50,
) -> Answer:
    """Execute a notebook, or some cells (handles, `3-7`), in its kernel until an error; saves
    outputs.
    """
    services = call.services
    place = await placed(call, path)
    created = await operation.notebook_session(
        services, call.caller, place, call.require, check=partial(choose, references=cells)
    )
    call.use(created.session, path)
    call.notices.extend(created.notices)
    restart = restart and created.existing
    if restart:
        await call.require(("write", "kernels"))
        await check_force(call, created.session, force=force, doing="restart it")
    async with services.editing.collaborators.shown(place.path, call.caller.label):
        execution = await operation.run_cells(
            services,
            created.session,
            place,
            cells,
            caller=call.caller,
            require=call.require,
            restart=restart,
            keep_going=keep_going,
            timeout=timeout,
            can_ask=call.elicitation is not None,
        )
        if restart:
            services.sessions.readers.tell_loss(created.session, call.caller)
        return await awaited(call, execution, wait, stops=wait > 0)
