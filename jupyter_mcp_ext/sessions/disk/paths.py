"""Which paths belong to sessions, and which of them a caller does not see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_mcp_ext.errors import ContentsError

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
        self._homes: set[str] = set()
        """Subjects whose folders are there."""

    @property
    def top(self) -> str:
        """The API path of a folder in which those of all sessions are."""
        return self._store.layout.top if self._store is not None else ""

    def hides(self, caller: Caller, path: str) -> bool:
        """Whether a path is in the folder of a session that is not the caller's.

        So is one where a session's folder could be and is not: a caller must not learn which. Where
        users have folders of their own, so is all but what is in the caller's, and leads there.
        """
        if self._store is None:
            return False
        users, subject = self._store.layout.users, caller.subject
        if users.has(subject, path) or users.leads_to(subject, path):
            return self.is_others(caller, path)
        return True

    def is_others(self, caller: Caller, path: str) -> bool:
        """Whether a path is in the folder of another user, or of a session of another user."""
        if self._store is None:
            return False
        session_id = self._store.layout.session_in(path)
        session = self._register.get(session_id) if session_id else None
        is_anothers = bool(session_id) and (session is None or session.owner != caller.subject)
        return is_anothers or self._store.layout.users.is_others(caller.subject, path)

    def is_in_own(self, caller: Caller, path: str) -> bool:
        """Whether a path is in the caller's own folder, or users have none."""
        return self._store is None or self._store.layout.users.has(caller.subject, path)

    async def have_home(self, caller: Caller) -> str:
        """The API path of the caller's own folder, which is made if there is none.

        It is the root where users have none. Raises ContentsError.
        """
        if self._store is None:
            return ""
        home = self._store.layout.users.of(caller.subject)
        if caller.subject in self._homes:
            return home
        try:
            await self._store.layout.have_home(caller.subject)
        except OSError as err:
            msg = (
                "Your folder cannot be made or opened (McpSessions.user_dir). Tell this server's "
                "operator, and try again."
            )
            raise ContentsError(msg) from err
        self._homes.add(caller.subject)
        return home

    def is_sessions_folder(self, path: str) -> bool:
        """Whether a path is the folder with the sessions' own folders, or one of those."""
        return self._store is not None and self._store.layout.is_sessions_folder(path)

    def is_above_sessions(self, path: str) -> bool:
        """Whether the sessions' own folders are somewhere below a path."""
        return self._store is not None and self._store.layout.is_above_sessions(path)

    def is_servers_file(self, session: Session, path: str) -> bool:
        """Whether this server writes the file: a session's notebook, or in another's folder."""
        story = session.story
        if path in (session.path, session.notebook) or (story is not None and path == story.path):
            return True
        if self._store is None or session.cwd == session.folder:
            return False
        folders = self._store.layout.path_of("", session.owner)
        return bool(folders) and path.startswith(folders)
