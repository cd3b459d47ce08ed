"""Where the folders of sessions are beneath Jupyter's root, and what a path is among them."""

from __future__ import annotations

import asyncio
from pathlib import Path

from jupyter_mcp_ext.sessions.session import SESSION_ID

from .folder import HIDDEN, names_in
from .users import UserFolders, folded, make_private

MAX_FOLDERS = 50_000
"""Names of a folder that are looked at."""


class Layout:
    """All session folders are in one folder, or in one for each user; API paths."""

    def __init__(
        self, root: Path, sessions_dir: str, users: UserFolders, *, is_shared: bool
    ) -> None:
        """``sessions_dir`` is beneath the root, or beneath each of the folders for ``users``.

        ``is_shared``: all sessions belong to the one login of the server.
        """
        self.users = users
        self._root = root
        self._is_shared = is_shared
        self._sessions_dir = "/".join(
            part for part in sessions_dir.split("/") if part not in ("", ".")
        )

    @property
    def top(self) -> str:
        """The API path of a folder in which those of all sessions are."""
        return self.users.top if self.users.is_on else self._sessions_dir

    async def have_home(self, subject: str) -> None:
        """Make the folder of a user, for this account alone. Raises OSError."""
        if self.users.is_on:
            await asyncio.to_thread(make_private, self._root, self.users.of(subject))

    def path_of(self, session_id: str, owner: str) -> str:
        """The API path of a session's folder."""
        folder = self.sessions_of(owner)
        return f"{folder}/{session_id}" if folder else session_id

    def sessions_of(self, owner: str) -> str:
        """The API path of the folder with those of a user's sessions."""
        return self.users.join(owner, self._sessions_dir)

    def session_in(self, path: str) -> str:
        """The id of the session in whose folder an API path is, or would be.

        Empty on a server with one login.
        """
        if self._is_shared:
            return ""
        # Where case does not count, another spelling is the same folder.
        above = folded(self.sessions_around(path))
        path = folded(path)
        name = path[len(above) :].partition("/")[0]
        if not path.startswith(above) or not SESSION_ID.fullmatch(name):
            return ""
        # In Jupyter's root itself any folder of eight letters would look like one.
        return name if above or (self._root / name / HIDDEN).is_dir() else ""

    def sessions_around(self, path: str) -> str:
        """The sessions' folder where a path is, with a slash behind it; empty for the root."""
        place = f"{self._sessions_dir}/" if self._sessions_dir else ""
        home = self.users.around(path)
        return f"{home}/{place}" if home else place

    def is_sessions_folder(self, path: str) -> bool:
        """Whether an API path is the folder with the sessions' folders.

        Where that is Jupyter's root, whether it is a session's folder.
        """
        if self._sessions_dir:
            return folded(f"{path}/") == folded(self.sessions_around(path))
        return bool(SESSION_ID.fullmatch(path)) and (self._root / path / HIDDEN).is_dir()

    def is_above_sessions(self, path: str) -> bool:
        """Whether an API path is above the folder with the sessions' folders."""
        # Where case does not count, another spelling is the same folder.
        above = folded(f"{path}/") if path else ""
        places = (self.top, self.sessions_around(path).rstrip("/"))
        return any(folded(f"{place}/").startswith(above) for place in places)

    def every(self) -> list[str]:
        """The API paths of the folders with those of sessions."""
        if not self.users.is_on:
            return [self._sessions_dir]
        inside = self.users.inside
        names = names_in(self._root, self.users.top, most=MAX_FOLDERS)
        tops = (f"{self.users.top}/{name}" if self.users.top else name for name in names)
        found = ("/".join(filter(None, (top, *inside, self._sessions_dir))) for top in tops)
        return [folder for folder in found if self.users.around(folder)]
