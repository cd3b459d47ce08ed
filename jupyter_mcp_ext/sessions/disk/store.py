"""The sessions on disk: one folder each, found again by a later server or another machine."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Container, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from logging import Logger
from pathlib import Path, PurePosixPath
from typing import TypeVar

from jupyter_mcp_ext.concurrency import Listeners, to_its_end
from jupyter_mcp_ext.files.beneath import Folder, opened
from jupyter_mcp_ext.notebooks.shared.live import LiveNotebook
from jupyter_mcp_ext.sessions.session import SESSION_ID, Session
from jupyter_mcp_ext.sessions.story.composition import Head
from jupyter_mcp_ext.sessions.story.story import Story

from .folder import (
    JOURNAL,
    MAX_RECORD,
    RECORD,
    SessionFolder,
    holder_in,
    names_in,
    size_of,
)
from .layout import MAX_FOLDERS, Layout
from .lock import LOCK
from .record import SessionRecord, UnusableRecord, parse
from .users import UserFolders

PURPOSE = "sessions"
"""The purpose from which the key of the records is derived."""

SUFFIX = ".ipynb"

AGAIN = 50
"""Folders without a session that each search for sessions reads again."""

MAX_TOLD = 20
"""Folders of which the log says why they are left out."""

_RUNS = re.compile("-{2,}")

T = TypeVar("T")


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
    """Another server has archived or deleted the session; its ``record`` says so."""

    def __init__(self, record: SessionRecord) -> None:
        super().__init__()
        self.record = record


class SessionStore:
    """Stores sessions in ``sessions_dir``, an API path beneath the root."""

    def __init__(
        self, disk: Disk, sessions_dir: str, log: Logger, users: UserFolders | None = None
    ) -> None:
        """With folders for ``users``, it is beneath each of these."""
        self.layout = Layout(
            disk.root, sessions_dir, users or UserFolders(""), is_shared=bool(disk.shared_subject)
        )
        self._disk = disk
        self._root = disk.root
        self._log = log
        self._left_out: dict[str, None] = {}
        """Folders in which no session was found, the one that was looked at last at the end."""
        self._told: set[str] = set()

    def folder_of(self, session_id: str, owner: str) -> SessionFolder:
        """A session's folder."""
        return SessionFolder(self._root, self.layout.path_of(session_id, owner))

    @contextmanager
    def folders(self, owner: str) -> Iterator[Folder]:
        """The folder with those of a user's sessions. Blocks. Raises OSError."""
        with opened(self._root, self.layout.sessions_of(owner)) as folder:
            yield folder

    def every_folder(self) -> Iterator[Folder]:
        """The same of all users; each is open until the next one is taken. Blocks."""
        for path in self.layout.every():
            with suppress(FileNotFoundError), opened(self._root, path) as folder:
                yield folder

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
            await asyncio.to_thread(self._check_usable, session, folder)
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
        [words] = self.holders([session])
        return words

    def holders(self, sessions: Sequence[Session]) -> list[str]:
        """The same for several sessions."""

        def words(session: Session, folder: Folder) -> str:
            return holder_in(folder) if session.story is None else ""

        return self._looked_at(sessions, words, "")

    def has_folder(self, session: Session) -> bool:
        """Whether a session's folder is there with its record, or cannot be looked for. Blocks."""
        try:
            return SessionFolder(self._root, session.folder).status(RECORD) is not None
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            return True

    def sizes(self, sessions: Sequence[Session]) -> list[int]:
        """Bytes of sessions' notebooks and of what they come back from. Blocks."""

        def size(session: Session, folder: Folder) -> int:
            return size_of(folder, session.record.notebook)

        return self._looked_at(sessions, size, 0)

    def _looked_at(
        self, sessions: Sequence[Session], look: Callable[[Session, Folder], T], nothing: T
    ) -> list[T]:
        """What is found in the folder of each session; those beside each other are opened fast."""
        found = dict.fromkeys(sessions, nothing)
        there = sorted((s for s in sessions if s.folder), key=_above)
        for above, beside in groupby(there, _above):
            with suppress(OSError), opened(self._root, above) as folders:
                for session in beside:
                    name = session.folder[len(above) :].lstrip("/")
                    with suppress(OSError), closing(folders.inner(name)) as folder:
                        found[session] = look(session, folder)
        return [found[session] for session in sessions]

    def snapshot_key(self, session: Session) -> bytes:
        """The key that signs a session's snapshots: no other's owner can have them loaded."""
        return self._disk.key(f"snapshots of {session.owner}")

    def save_in(self, folder: SessionFolder, record: SessionRecord) -> None:
        """Write a session's record. Blocks. Raises OSError."""
        folder.write(RECORD, record.to_bytes(self._disk.key(PURPOSE)))

    def _check_usable(self, session: Session, folder: SessionFolder) -> None:
        try:
            found = self.found_in(folder)
        except UnusableRecord:
            return
        if found is None and session.record.had_kernel and not session.fault:
            folder.discard()  # it was made just now in the place of the one that was deleted
            raise Archived(session.record.deleted(now=time.time()))
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
        wanted = {
            name: folder
            for folder in self.layout.every()
            for name in names_in(self._root, folder, most=MAX_FOLDERS)
            if name not in but and SESSION_ID.fullmatch(name)
        }
        # Those of which nothing could be made are looked at again in turns.
        known = [name for name in self._left_out if name in wanted]
        again, rest = known[:AGAIN], known[AGAIN:]
        new = wanted.keys() - set(known)
        self._left_out = dict.fromkeys(rest)
        sessions = {name: self._load(name, wanted[name]) for name in (*new, *again)}
        self._left_out |= dict.fromkeys(name for name in sessions if sessions[name] is None)
        return [session for session in sessions.values() if session is not None]

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
        if (
            folder.api_path != self.layout.path_of(record.id, record.owner)
            and self.layout.users.is_on
        ):
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


def _above(session: Session) -> str:
    return session.folder.rpartition("/")[0]


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
