"""``jupyter://sessions/{id}``: a session, the state of its kernel, and its latest executions."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from jupyter_mcp_ext.errors import UnknownSession, shown
from jupyter_mcp_ext.resources.uris import Uri
from jupyter_mcp_ext.sessions.session import shown_notebook
from jupyter_mcp_ext.tools.session_state import session_meta, session_state

from .resource import Content, Resource, as_json

if TYPE_CHECKING:
    from jupyter_mcp_ext.governance.policy import Right
    from jupyter_mcp_ext.sessions.session import Session
    from jupyter_mcp_ext.tools.call import Call

RIGHTS: tuple[Right, ...] = (("read", "sessions"), ("read", "kernels"))
"""What a caller needs to read one, and to be told of its changes."""

TOOL = "get_kernel_status"
"""The tool that shows the same: who does not have it does not get the resource."""

MAX_ID = 64

MAX_EXECUTIONS = 20
"""Executions that are named, the latest."""


async def find(call: Call, session_id: str) -> Resource:
    """The session of an id, if the caller may use it. Raises Forbidden, UnknownSession."""
    await call.require(*RIGHTS, tool=TOOL)
    session = None
    if 0 < len(session_id) <= MAX_ID:  # a name or a path would not stay the same session's
        listed = await call.services.sessions.listed(call.caller)
        session = next((each for each in listed if each.id == session_id), None)
    if session is None:
        msg = f"There is no session {shown(session_id)}. list_sessions shows those you can use."
        raise UnknownSession(msg)
    name = Uri(kind="sessions", name=session.id)
    return Resource(
        names=frozenset({name}), read=partial(_read, call, call.use(session, session_id))
    )


async def _read(call: Call, session: Session) -> Content:
    known = session_meta(session, await session_state(call.services.sessions, session), call)
    notebook = shown_notebook(session)
    executions = call.services.executions.directory.owned(call.caller)
    ids = [each.id for each in executions if each.session_id == session.id]
    latest = [str(Uri(kind="executions", name=each)) for each in ids[:MAX_EXECUTIONS]]
    record = session.record
    return Content(
        text=as_json(
            {
                **known,
                "created": record.created,
                "last_used": record.last_used,
                "notebook": str(Uri(kind="notebooks", name=notebook)) if notebook else None,
                "executions": latest,
            }
        ),
        mime_type="application/json",
    )
