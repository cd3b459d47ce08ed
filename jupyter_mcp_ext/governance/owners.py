"""To whom the kernels, sessions and files of Jupyter's REST API belong."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tornado.web import HTTPError

from jupyter_mcp_ext.errors import ContentsError
from jupyter_mcp_ext.files.paths import followed

from .caller import Caller

if TYPE_CHECKING:
    from jupyter_server.auth.identity import User

    from jupyter_mcp_ext.sessions.service import McpSessions

    from .policy import McpPolicy

CHECKPOINTS = ".ipynb_checkpoints"
"""The folder, beside a file, with what Jupyter has kept of it."""


class Owners:
    """Answers for Jupyter's users which of that is theirs."""

    def __init__(
        self,
        sessions: McpSessions,
        policy: McpPolicy,
        manager: Any,
        root: Path | None,
        subject_of: Callable[[User], str],
    ) -> None:
        """``manager`` is Jupyter's session manager, ``root`` its root folder on disk."""
        self._sessions = sessions
        self._policy = policy
        self._manager = manager
        self._root = root
        self._subject_of = subject_of

    def is_administrator(self, user: User) -> bool:
        """Whether a user may use what belongs to no user."""
        return self._policy.is_administrator(self._subject_of(user), user)

    def subject(self, user: User) -> str:
        """The name under which sessions are a user's."""
        return self._subject_of(user)

    def owner_of_kernel(self, kernel_id: str) -> str:
        """The subject whose agents have started a kernel; empty if it is a person's."""
        found = self._sessions.directory.on_kernel(kernel_id)
        return next((session.owner for session in found if session.is_agents), "")

    def has_kernel(self, user: User, kernel_id: str) -> bool:
        """Whether a user may use a kernel."""
        return self._has(user, self.owner_of_kernel(kernel_id))

    async def has_session(self, user: User, session_id: str) -> bool:
        """Whether a user may use one of Jupyter's sessions."""
        session = self._sessions.directory.get(session_id[:8])
        if session is not None and session.record.jupyter_id == session_id and session.is_agents:
            return self._has(user, session.owner)
        try:
            model = await self._manager.get_session(session_id=session_id)
        except HTTPError:  # there is none
            return self._has(user, "")
        return self.has_kernel(user, model["kernel"]["id"])

    async def has_path(self, user: User, path: str, *, whole: bool) -> bool:
        """Whether a user may use what an API path names, through symbolic links too.

        ``whole``: also all that is below it, as when a folder is moved or removed. The answer is
        true when it is given: a kernel can change a link at any time in its session's folder.
        """
        parts = [part for part in path.split("/") if part]
        if {".", ".."} & set(parts) or "\\" in path or "\0" in path:
            return False
        named = real = "/".join(parts)
        try:
            if self._root is not None:
                real = await asyncio.to_thread(followed, named, self._root)
        except (OSError, ValueError):
            return False
        except ContentsError:  # a link leads out of the root
            if not self.is_administrator(user):
                return False
        caller = Caller(subject=self._subject_of(user), username=user.username, client="")
        paths, is_administrator = self._sessions.paths, self.is_administrator(user)
        return not any(
            paths.is_others(caller, each)
            or not (is_administrator or paths.is_in_own(caller, each))
            or paths.is_sessions_folder(each)
            or (whole and paths.is_above_sessions(each))
            for each in (named, real)
        )

    async def has_beside(self, user: User, path: str) -> bool:
        """Whether a user may have Jupyter use what is beside a file, or new names in a folder.

        Jupyter writes a file by a copy, makes checkpoints, and reads both where the file is broken.
        If code has put links there, they would lead it to files of others.
        """
        if self._root is None or self.is_administrator(user):
            return True
        return not await asyncio.to_thread(_has_links_beside, self._root / path.strip("/"))

    async def is_folder(self, path: str) -> bool:
        """Whether an API path names a folder."""
        if self._root is None:
            return False
        return await asyncio.to_thread((self._root / path.strip("/")).is_dir)

    def _has(self, user: User, owner: str) -> bool:
        return self._subject_of(user) == owner if owner else self.is_administrator(user)


def _has_links_beside(path: Path) -> bool:
    """Whether links are where Jupyter itself makes files: for a folder, anywhere in it. Blocks."""
    folder = path if path.is_dir() else path.parent
    copies = folder / CHECKPOINTS
    if copies.is_symlink() or (folder / f".~{path.name}").is_symlink():
        return True
    looked = (copies, folder) if folder == path else (copies,)
    return any(entry.is_symlink() for each in looked if each.is_dir() for entry in each.iterdir())
