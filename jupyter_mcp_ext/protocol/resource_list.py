"""Which resources a client is shown: notebooks that are open or in Jupyter's root, and sessions.

Others are read by the templates' URIs, whose paths and ids can be completed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import mcp_types as types

from jupyter_mcp_ext.errors import Forbidden, InvalidArgument
from jupyter_mcp_ext.outputs.characters import escaped
from jupyter_mcp_ext.resources.uris import Uri

from . import notebook_resource, session_resource
from .resource import NOTEBOOK

if TYPE_CHECKING:
    from jupyter_mcp_ext.files.listing import FileEntry
    from jupyter_mcp_ext.sessions.session import Session
    from jupyter_mcp_ext.tools.call import Call

PAGE = 100

MAX_NOTEBOOKS = 1_000
MAX_SESSIONS = 100
"""Of each so many are listed at most."""

FRESH = 5_000
"""Milliseconds for which a client need not ask again."""

_CURSOR = re.compile(r"[0-9]{1,6}")

TEMPLATES = (
    types.ResourceTemplate(
        uri_template="jupyter://notebooks/{path}",
        name="notebook",
        title="Jupyter notebook",
        description="A notebook as it is now, also while people have it open: nbformat JSON.",
        mime_type=NOTEBOOK,
    ),
    types.ResourceTemplate(
        uri_template="jupyter://executions/{id}",
        name="execution",
        title="Outputs of an execution",
        description="All outputs of code that was executed, as a notebook of one cell.",
        mime_type=NOTEBOOK,
    ),
    types.ResourceTemplate(
        uri_template="jupyter://sessions/{id}",
        name="session",
        title="Jupyter session",
        description="A session: its kernel, its notebook and its latest executions.",
        mime_type="application/json",
    ),
)


async def page(call: Call, cursor: str | None) -> types.ListResourcesResult:
    """A page of the list, of what the caller may read. Raises InvalidArgument."""
    if cursor is not None and not _CURSOR.fullmatch(cursor):
        msg = "The cursor is none of this server's. List the resources from the beginning."
        raise InvalidArgument(msg)
    first = int(cursor or 0)
    found = [*await _notebooks(call), *await _sessions(call)]
    last = first + PAGE
    return types.ListResourcesResult(
        resources=found[first:last],
        next_cursor=str(last) if last < len(found) else None,
        ttl_ms=FRESH,
    )


async def _notebooks(call: Call) -> list[types.Resource]:
    with suppress(Forbidden):
        await call.require(*notebook_resource.RIGHTS)
        services = call.services
        below = await services.files.listed(
            ".", "*.ipynb", folder="", hides=call.hides, offset=0, limit=MAX_NOTEBOOKS
        )
        services.changes.listed(entry.path for entry in below.entries)
        files = {entry.path: entry for entry in below.entries if entry.kind == "file"}
        is_open = [path for path in await _open(call) if path not in files]
        return [
            *(_notebook(path, None) for path in is_open),
            *(_notebook(path, entry) for path, entry in files.items()),
        ]
    return []


async def _open(call: Call) -> Iterator[str]:
    """The notebooks of people's sessions."""
    sessions = await call.services.sessions.listed(call.caller)
    paths = [s.path for s in sessions if not s.is_agents and s.path.endswith(".ipynb")]
    gate = call.services.files.gate
    return (path for path in dict.fromkeys(paths) if not gate.leaves_out(path, call.hides))


async def _sessions(call: Call) -> list[types.Resource]:
    with suppress(Forbidden):
        await call.require(*session_resource.RIGHTS)
        sessions = await call.services.sessions.listed(call.caller)
        latest = sorted(sessions, key=lambda session: -session.last_used)
        return [_session(session) for session in latest[:MAX_SESSIONS]]
    return []


def _notebook(path: str, entry: FileEntry | None) -> types.Resource:
    return types.Resource(
        uri=str(Uri(kind="notebooks", name=path)),
        name=escaped(path),
        description="Notebook" if entry is not None else "Notebook that a person has open",
        mime_type=NOTEBOOK,
        size=entry.size if entry is not None else None,
        annotations=_modified(entry.modified) if entry is not None else None,
    )


def _modified(seconds: float | None) -> types.Annotations | None:
    if seconds is None:
        return None
    time = datetime.fromtimestamp(seconds, timezone.utc)
    return types.Annotations(last_modified=time.isoformat(timespec="seconds"))


def _session(session: Session) -> types.Resource:
    whose = "Session of an agent" if session.is_agents else "Session of a person"
    return types.Resource(
        uri=str(Uri(kind="sessions", name=session.id)),
        name=escaped(session.name),
        description=f"{whose}, kernel {session.kernel_name}, folder {escaped(session.cwd or '.')}",
        mime_type="application/json",
        annotations=_modified(session.last_used),
    )
