"""The tool that deletes a session."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from jupyter_mcp_ext.errors import ContentsError, Forbidden
from jupyter_mcp_ext.sessions.register import archived_as
from jupyter_mcp_ext.sessions.removing import InUse
from jupyter_mcp_ext.sessions.session import Session
from jupyter_mcp_ext.wording import counted, size

from .answer import Answer, text
from .call import Call
from .definition import Resolved, tool
from .others import use_of_others
from .types import found


async def _own(call: Call, session_id: str) -> Session:
    """The caller's session that an argument names, also an archived one."""
    archived = archived_as(call.services.sessions.remover.archived, call.caller, session_id.strip())
    return await found(call, session_id) if archived is None else call.use(archived, session_id)


OwnSession: TypeAlias = Annotated[Session, Resolved(_own, "session_id", str, default=...)]


@tool(("write", "sessions"), ("write", "kernels"), ("write", "contents"), destructive=True)
async def delete_session(call: Call, session: OwnSession) -> Answer:
    """Delete a session for good: kernel, variables, notebook, files."""
    sessions = call.services.sessions
    if not session.is_agents:
        msg = f"The session on {session.path} is a person's, not yours. They can close it."
        raise Forbidden(msg)
    used = use_of_others(call, session) if sessions.is_ready(session) else ""
    if not used and (words := await sessions.remover.use_by_others(session)):
        used = f"{session.id} ({session.name}) is in use: {words}."
    if used:
        msg = f"{used} Nothing was deleted; delete it when it is no longer in use."
        raise Forbidden(msg)
    had_kernel = sessions.is_ready(session)
    if had_kernel:
        await sessions.shutdown(session, by=call.caller.client, now=True)
    what = ["its kernel"] if had_kernel else []
    if session.folder:
        what.append(await _delete(call, session))
    return text(f"Deleted {session.id} ({session.name}): {' and '.join(what)}.")


async def _delete(call: Call, session: Session) -> str:
    """Delete a session's folder; words for what was in it."""
    try:
        removed = await call.services.sessions.remover.delete(session, is_asked=True)
    except InUse as err:
        msg = f"{session.id} ({session.name}) is in use: {err}. Its files were not deleted."
        raise Forbidden(msg) from err
    except OSError as err:
        msg = (
            f"The folder {session.folder} could not be deleted ({err.strerror}). "
            "The server's operator can delete it."
        )
        raise ContentsError(msg) from err
    call.services.sessions.lives.tell("session_deleted", session, f"by {call.caller.client}")
    if not removed.files:
        return "what it had in memory; nothing of it was on disk"
    files = counted(removed.files, "file")
    return f"the folder {session.folder} with {files} ({size(removed.bytes)}), its notebook too"
