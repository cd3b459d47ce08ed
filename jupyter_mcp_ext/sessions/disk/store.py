"""The sessions on disk: one folder each, found again by a later server or another machine."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Container, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from logging import Logger
from pathlib import Path, PurePosixPath

from jupyter_mcp_ext.concurrency import Listeners, to_its_end
from jupyter_mcp_ext.files.beneath import Folder, opened
from jupyter_mcp_ext.notebooks.shared.live import LiveNotebook
from jupyter_mcp_ext.sessions.session import SESSION_ID, Session
from jupyter_mcp_ext.sessions.story.composition import Head
from jupyter_mcp_ext.sessions.story.story import Story

from .folder import HIDDEN, JOURNAL, MAX_RECORD, RECORD, SessionFolder, names_in
from .lock import LOCK
from .record import SessionRecord, UnusableRecord, parse
from .users import UserFolders, make_private

PURPOSE = "sessions"
"""The purpose from which the key of the records is derived."""

SUFFIX = ".ipynb"

MAX_FOLDERS = 50_000
"""Names of the sessions' folder that are looked at."""

AGAIN = 50
"""Folders without a session that each search for sessions reads again."""

MAX_TOLD = 20
"""Folders of which the log says why they are left out."""

_RUNS = re.compile("-{2,}")


@dataclass(frozen=True, kw_only=True)
class Disk:
    """Where sessions are stored, and for whom."""

    root: Path
    """Jupyter's root folder."""
    key: Callable[[str], bytes]
    """Derives the server's key for a purpose."""
    shared_subject: str
    """The owner of all sessions on a server with one login; empty where users are told apart.

    There, a record that the key has not signed belongs to no user.
    """
    live: Callable[[str], Awaitable[LiveNotebook | None]]
    """See `Story`."""
    written: Listeners[str] = field(default_factory=Listeners)
    """Are called with the API path of each session's notebook that is written."""


class Archived(Exception):
    """Another server has archived the session; its ``record`` says so."""

    def __init__(self, record: SessionRecord) -> None:
        super().__init__()
        self.record = record


class SessionStore:
    """Stores sessions in ``sessions_dir``, an API path beneath the root."""

    def __init__(
        self, disk: Disk, sessions_dir: str, log: Logger, users: UserFolders | None = None
    ) -> None:
        """With folders for ``users``, it is beneath each of these."""
        self.users = users or UserFolders("")
        self._disk = disk
        self._root = disk.root
        self._sessions_dir = "/".join(
            part for part in sessions_dir.split("/") if part not in ("", ".")
        )
        self._log = log
        self._left_out: dict[str, None] = {}
        """Folders in which no session was found, the one that was looked at last at the end."""
        self._told: set[str] = set()

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
        folder = self._sessions_of(owner)
        return f"{folder}/{session_id}" if folder else session_id

    def _sessions_of(self, owner: str) -> str:
        """The API path of the folder with those of a user's sessions."""
        return self.users.join(owner, self._sessions_dir)

    def folder_of(self, session_id: str, owner: str) -> SessionFolder:
        """A session's folder."""
        return SessionFolder(self._root, self.path_of(session_id, owner))

    @contextmanager
    def folders(self, owner: str) -> Iterator[Folder]:
        """The folder with those of a user's sessions. Blocks. Raises OSError."""
        with opened(self._root, self._sessions_of(owner)) as folder:
            yield folder

    def every_folder(self) -> Iterator[Folder]:
        """The same of all users; each is open until the next one is taken. Blocks."""
        for path in self._folders():
            with suppress(FileNotFoundError), opened(self._root, path) as folder:
                yield folder

    def session_in(self, path: str) -> str:
        """The id of the session in whose folder an API path is, or would be.

        Empty on a server with one login.
        """
        if self._disk.shared_subject:
            return ""
        # Where case does not count, another spelling is the same folder.
        above = self.sessions_around(path).casefold()
        path = path.casefold()
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
            return f"{path}/".casefold() == self.sessions_around(path).casefold()
        return bool(SESSION_ID.fullmatch(path)) and (self._root / path / HIDDEN).is_dir()

    def is_above_sessions(self, path: str) -> bool:
        """Whether an API path is above the folder with the sessions' folders."""
        # Where case does not count, another spelling is the same folder.
        above = f"{path}/".casefold() if path else ""
        places = (self.top, self.sessions_around(path).rstrip("/"))
        return any(f"{place}/".casefold().startswith(above) for place in places)

    async def all(self, *, but: Container[str] = ()) -> list[Session]:
        """Every session that is stored here, except those with some ids."""
        return await asyncio.to_thread(self._all, but)

    async def hold(
        self, session: Session, head: Callable[[], Head], is_kernel: Callable[[int], bool]
    ) -> Story:
        """Be the server that writes a session's story, which is returned; its folder is made.

        ``head`` gives what the notebook says of its session, ``is_kernel`` tells of a process
        whether it is a kernel of this server. Raises OSError, HeldElsewhere, LaterJournal,
        Archived.
        """
        folder = SessionFolder(self._root, session.folder)
        name = session.record.notebook
        story = Story(
            folder,
            name,
            head,
            self._log,
            key=partial(self._disk.key, f"journal of {session.id}"),
            live=self._disk.live,
        )
        story.written.add(self._disk.written.tell)

        def take() -> None:
            folder.make()
            folder.hold(is_kernel)

        try:
            await to_its_end(take)  # else it could be held though nothing lets it go
            await asyncio.to_thread(self._check_usable, folder)
            await story.open()
        except BaseException:
            folder.let_go()
            raise
        return story

    async def save(self, session: Session, *, is_at_rest: bool = False) -> None:
        """Write a session's record. Raises OSError."""
        if session.story is not None:
            record = replace(session.record, is_at_rest=is_at_rest)
            await asyncio.to_thread(self.save_in, session.story.folder, record)

    def holder(self, session: Session) -> str:
        """Words for another server that holds a session, empty when none does. Blocks."""
        if session.story is not None or not session.folder:
            return ""
        return SessionFolder(self._root, session.folder).holder()

    def size(self, session: Session) -> int:
        """Bytes of a session's notebook and of what it comes back from. Blocks."""
        return SessionFolder(self._root, session.folder).size(session.record.notebook)

    def snapshot_key(self, session: Session) -> bytes:
        """The key that signs a session's snapshots: no other's owner can have them loaded."""
        return self._disk.key(f"snapshots of {session.owner}")

    def save_in(self, folder: SessionFolder, record: SessionRecord) -> None:
        """Write a session's record. Blocks. Raises OSError."""
        folder.write(RECORD, record.to_bytes(self._disk.key(PURPOSE)))

    def _check_usable(self, folder: SessionFolder) -> None:
        try:
            found = self.found_in(folder)
        except UnusableRecord:
            return
        if found is not None and found.record.archived:
            raise Archived(found.record)

    def found_in(self, folder: SessionFolder) -> Session | None:
        """The session in a folder as its record says, None without one. Blocks.

        Raises OSError, UnusableRecord.
        """
        data = folder.read(RECORD, MAX_RECORD)
        return (
            None if data is None else self._session(folder, *parse(data, self._disk.key(PURPOSE)))
        )

    def _all(self, but: Container[str]) -> list[Session]:
        places = {
            name: folder
            for folder in self._folders()
            for name in names_in(self._root, folder, most=MAX_FOLDERS)
        }
        wanted = {name for name in places if SESSION_ID.fullmatch(name) and name not in but}
        # Those of which nothing could be made are looked at again in turns.
        known = [name for name in self._left_out if name in wanted]
        again, rest = known[:AGAIN], known[AGAIN:]
        new = wanted.difference(known)
        self._left_out = dict.fromkeys(rest)
        sessions = {name: self._load(name, places[name]) for name in (*new, *again)}
        self._left_out |= dict.fromkeys(name for name in sessions if sessions[name] is None)
        return [session for session in sessions.values() if session is not None]

    def _folders(self) -> list[str]:
        """The API paths of the folders with those of sessions."""
        if not self.users.is_on:
            return [self._sessions_dir]
        inside = self.users.inside
        names = names_in(self._root, self.users.top, most=MAX_FOLDERS)
        tops = (f"{self.users.top}/{name}" if self.users.top else name for name in names)
        found = ("/".join(filter(None, (top, *inside, self._sessions_dir))) for top in tops)
        return [folder for folder in found if self.users.around(folder)]

    def _warn(self, folder: SessionFolder, why: object) -> None:
        """Log once for a folder why it is left out, for `MAX_TOLD` folders at most."""
        if folder.api_path not in self._told and len(self._told) < MAX_TOLD:
            self._told.add(folder.api_path)
            self._log.warning("The session in %s is left out: %s", folder.api_path, why)
            if len(self._told) == MAX_TOLD:
                self._log.warning("Further sessions that are left out are not logged")

    def _load(self, session_id: str, sessions: str) -> Session | None:
        api_path = f"{sessions}/{session_id}" if sessions else session_id
        folder = SessionFolder(self._root, api_path)
        try:
            session = self.found_in(folder)
            if session is None and set(folder.names()) <= {LOCK} and not folder.holder():
                folder.discard()  # a server was killed before a caller had the session
        except (OSError, UnusableRecord) as err:
            self._warn(folder, err)
            return None
        # Else it is a copy of another session's folder.
        return session if session is not None and session.id == session_id else None

    def _session(self, folder: SessionFolder, record: SessionRecord, is_signed: bool) -> Session:
        if not is_signed and not self._disk.shared_subject:
            msg = "this server's key (McpApp.key_file) has not signed it, so its owner is unknown"
            raise UnusableRecord(msg)
        if self.users.is_on and folder.api_path != self.path_of(record.id, record.owner):
            msg = "it is not in the folder of its owner (McpSessions.user_dir)"
            raise UnusableRecord(msg)
        # The record is written seldom while a server works there.
        status = None if record.is_at_rest else folder.status(JOURNAL)
        written = 0.0 if status is None else status.st_mtime
        last_used = min(max(record.last_used, written), time.time())
        record = replace(record, last_used=last_used, notebook=_file_of(record))
        if not is_signed:
            record = record.claimed(
                owner=self._disk.shared_subject, notebook=record.notebook, folder=folder.api_path
            )
        return session_of(record, folder=folder.api_path, is_signed=is_signed)


def session_of(record: SessionRecord, *, folder: str, is_signed: bool) -> Session:
    """A session of an earlier server, or of another machine.

    Paths of its own folder in the record are replaced by where the folder is now.
    """
    last_client = record.last_client or (record.client if record.had_kernel else "")
    is_own_path = PurePosixPath(record.path).parent.name == record.id
    is_own_cwd = PurePosixPath(record.cwd).name == record.id
    record = replace(
        record,
        path=f"{folder}/{record.notebook}" if is_own_path else record.path,
        cwd=folder if is_own_cwd else record.cwd,
        last_client=last_client,
    )
    return Session(record=record, folder=folder, is_signed=is_signed)


def notebook_for(title: str) -> str:
    """The name of the file that tells a session's story; the title is for people."""
    return f"{_RUNS.sub('-', as_file_name(title))}{SUFFIX}"


def as_file_name(name: str) -> str:
    """A session's name as a file's."""
    name = name.removesuffix(SUFFIX)  # a session on a notebook is named like it
    plain = "".join(c if c.isalnum() or c in "-_." else "-" for c in name).strip("-.")
    return plain.encode()[:100].decode(errors="ignore") or "session"


def _file_of(record: SessionRecord) -> str:
    """The file name of a session's notebook."""
    name = record.notebook
    is_plain = name.isprintable() and not name.startswith(".") and "/" not in name
    return name if is_plain and name.endswith(SUFFIX) else as_file_name(record.name) + SUFFIX
