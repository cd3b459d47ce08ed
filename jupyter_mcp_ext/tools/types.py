"""The types of arguments that several tools share, with what the model reads of them."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from jupyter_mcp_ext.files.paths import Place
from jupyter_mcp_ext.operations.session import use_session
from jupyter_mcp_ext.sessions.session import Session

from .call import Call
from .definition import Resolved

SessionId: TypeAlias = str | None
"""Described where it is met first: the list of tools is read by models, at a price."""
Wait = Annotated[float, Field(ge=0)]
"""Seconds until [running] is returned; described by ``execute_code``."""
Handles: TypeAlias = list[str]
"""Cells by their handles; numbers become strings."""
Restore = Literal["snapshot", "replay", "fresh"]


async def used(call: Call, session_id: str | None) -> Session:
    """The session that an argument means; the default one is made where the caller may do so."""
    session = await use_session(call.services, call.caller, session_id, call.require)
    return call.use(session, session_id)


async def found(call: Call, session_id: str | None) -> Session:
    """The session that an argument means; none is made."""
    return call.use(await call.services.sessions.find(call.caller, session_id), session_id)


async def placed(call: Call, path: str) -> Place:
    """The notebook that an argument names, which is there."""
    place = await call.services.notebooks.place(path, call.hides)
    await call.services.notebooks.check(place, path, hides=call.hides)
    return place


async def _below(call: Call, session_id: str | None) -> Session | None:
    """The session in whose folder paths are; None when they are in Jupyter's root."""
    return await found(call, session_id) if session_id and session_id.strip() else None


UsedSession: TypeAlias = Annotated[
    Session,
    Resolved(
        used,
        "session_id",
        Annotated[str | None, Field(description="Session id or name, notebook path or kernel id.")],
    ),
]
FoundSession: TypeAlias = Annotated[Session, Resolved(found, "session_id", SessionId)]
NamedSession: TypeAlias = Annotated[Session, Resolved(found, "session_id", str, default=...)]
FolderSession: TypeAlias = Annotated[Session | None, Resolved(_below, "session_id", SessionId)]
