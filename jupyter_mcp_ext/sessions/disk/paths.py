"""Which paths belong to sessions, and which of them a caller does not see."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_mcp_ext.governance.caller import Caller
    from jupyter_mcp_ext.sessions.register import Register
    from jupyter_mcp_ext.sessions.session import Session

    from .store import SessionStore


class SessionPaths:
    """Answers for API paths; without a ``store`` no path is a session's."""

    def __init__(self, register: Register, store: SessionStore | None) -> None:
        self._register = register
        self._store = store

    def hides(self, caller: Caller, path: str) -> bool:
        """Whether a path is in the folder of a session that is not the caller's.

        So is one where a session's folder could be and is not: a caller must not learn which.
        """
        session_id = self._store.session_in(path) if self._store is not None else ""
        session = self._register.get(session_id) if session_id else None
        return bool(session_id) and (session is None or session.owner != caller.subject)

    def is_sessions_folder(self, path: str) -> bool:
        """Whether a path is the folder with the sessions' own folders, or one of those."""
        return self._store is not None and self._store.is_sessions_folder(path)

    def is_above_sessions(self, path: str) -> bool:
        """Whether the sessions' own folders are somewhere below a path."""
        return self._store is not None and self._store.is_above_sessions(path)

    def is_servers_file(self, session: Session, path: str) -> bool:
        """Whether this server writes the file: a session's notebook, or in another's folder."""
        story = session.story
        if path in (session.path, session.notebook) or (story is not None and path == story.path):
            return True
        if self._store is None or session.cwd == session.folder:
            return False
        folders = self._store.path_of("")
        return bool(folders) and path.startswith(folders)
