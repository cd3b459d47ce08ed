"""Which resources a client is shown: notebooks that are open or in Jupyter's root, and sessions.

Others are read by the templates' URIs, whose paths and ids can be completed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import mcp_types as types

from jupyter_mcp_ext.errors import ContentsError, Forbidden, InvalidArgument
from jupyter_mcp_ext.files.listing import FolderPage
from jupyter_mcp_ext.outputs.characters import escaped
from jupyter_mcp_ext.resources.uris import TEMPLATES, Uri

from . import notebook_resource, session_resource
from .resource import NOTEBOOK

if TYPE_CHECKING:
    from jupyter_mcp_ext.files.listing import FileEntry
    from jupyter_mcp_ext.sessions.session import Session
    from jupyter_mcp_ext.tools.call import Call

PAGE = 100

MAX_NOTEBOOKS = 1_000
MAX_OPENED = 100
MAX_SESSIONS = 100
"""Of each so many are listed at most; of notebooks that people have open, and of sessions, those
that were used last."""

FRESH = 5_000
"""Milliseconds for which a client need not ask again."""

_CURSOR = re.compile(r"[0-9]{1,6}")

LISTED = (
    types.ResourceTemplate(
        uri_template=TEMPLATES["notebooks"],
        name="notebook",
        title="Jupyter notebook",
        description="A notebook as it is now, also while people have it open: nbformat JSON.",
        mime_type=NOTEBOOK,
    ),
    types.ResourceTemplate(
        uri_template=TEMPLATES["executions"],
        name="execution",
        title="Outputs of an execution",
        description="All outputs of code that was executed, as a notebook of one cell.",
        mime_type=NOTEBOOK,
    ),
    types.ResourceTemplate(
        uri_template=TEMPLATES["sessions"],
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
    last = first + PAGE
    every = await _sessions(call)
    opened = await _opened(call, every)
    sessions = every[:MAX_SESSIONS]
    shown = opened[first:last]
    files = await _files(call, max(first - len(opened), 0), PAGE - len(shown))
    start = max(first - len(opened) - files.total, 0)
    room = PAGE - len(shown) - len(files.entries)
    whole = len(opened) + files.total + len(sessions)
    return types.ListResourcesResult(
        resources=[
            *shown,
            *(_notebook(each.path, each) for each in files.entries if each.kind == "file"),
            *(_session(session) for session in sessions[start : start + room]),
        ],
        next_cursor=str(last) if last < whole else None,
        ttl_ms=FRESH,
    )


async def _files(call: Call, first: int, count: int) -> FolderPage:
    """Some of the notebooks in Jupyter's root or the user's folder, and how many there are."""
    count = max(min(count, MAX_NOTEBOOKS - first), 0)
    with suppress(Forbidden):
        await call.require(*notebook_resource.RIGHTS, tool=notebook_resource.TOOL)
        services = call.services
        home = await services.sessions.paths.have_home(call.caller)
        found = await services.files.listed(
            home or ".", "*.ipynb", folder="", hides=call.hides, offset=first, limit=max(count, 1)
        )
        entries = found.entries[:count]
        services.changes.listed(entry.path for entry in entries)
        return replace(found, entries=entries, total=min(found.total, MAX_NOTEBOOKS))
    return FolderPage(folder="", entries=(), offset=0, total=0)


async def _opened(call: Call, sessions: Sequence[Session]) -> list[types.Resource]:
    """The notebooks of people's sessions that `_files` does not list."""
    people = (session.path for session in sessions if not session.is_agents)
    home = await call.services.sessions.paths.have_home(call.caller)
    paths = [path for path in dict.fromkeys(people) if path.endswith(".ipynb")]
    paths = [path for path in paths if path.rpartition("/")[0] != home]
    found: list[types.Resource] = []
    with suppress(Forbidden):
        await call.require(*notebook_resource.RIGHTS, tool=notebook_resource.TOOL)
        for path in paths[:MAX_OPENED]:
            with suppress(ContentsError):  # hidden, or another user's
                place = await call.services.notebooks.place(path, call.hides)
                found.append(_notebook(place.path, None))
    return found


async def _sessions(call: Call) -> list[Session]:
    """The sessions that the caller may see, those that were used last."""
    with suppress(Forbidden):
        await call.require(*session_resource.RIGHTS, tool=session_resource.TOOL)
        listed = await call.services.sessions.listed(call.caller)
        return sorted(listed, key=lambda session: -session.last_used)
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
