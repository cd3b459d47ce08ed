"""Jupyter's list of sessions, read in part."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from jupyter_server.services.sessions.sessionmanager import SessionManager


async def listed(manager: Any, wanted: Callable[[str], bool]) -> list[dict[str, Any]]:
    """The entries of the list whose ids are wanted.

    Jupyter's own manager makes a model of each entry's kernel, which takes long for many of them:
    here it makes those of the entries that are wanted. Another manager makes its whole list.
    """
    if getattr(type(manager), "list_sessions", None) is not SessionManager.list_sessions:
        return [model for model in await manager.list_sessions() if wanted(str(model["id"]))]
    models: list[dict[str, Any]] = []
    # Each call asks, and most entries of many are not wanted: only these are read whole.
    ids = [found for (found,) in manager.cursor.execute("SELECT session_id FROM session")]
    for session_id in filter(wanted, ids):
        select = "SELECT * FROM session WHERE session_id=?"
        row = manager.cursor.execute(select, (session_id,)).fetchone()
        if row is not None:
            with suppress(KeyError):  # its kernel has ended
                models.append(await manager.row_to_model(row))
    return models
