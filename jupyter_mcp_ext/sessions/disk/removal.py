"""Archives and deletes the folders of sessions that no server uses.

Each step is done under the folder's lock, and a crash leaves either state whole: the record that
says *archived* is written before what it makes useless is removed, saved variables lose their
indexes first, and a folder that is deleted gets another name first, under which a later
`Removal.sweep` finds it.

Everything here blocks: call it in a thread. Failures are OSError.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from jupyter_mcp_ext.files.beneath import HAS_DIR_FD
from jupyter_mcp_ext.files.removal import Extent, changed, clear, extent, remove_tree
from jupyter_mcp_ext.sandbox.overlay import PACKAGES

from .folder import ARCHIVED, HIDDEN, INDEXES, SessionFolder
from .record import UnusableRecord
from .room import FULL

if TYPE_CHECKING:
    from jupyter_mcp_ext.sessions.session import Session

    from .record import SessionRecord
    from .store import SessionStore

DELETED = re.compile(r"\.[a-z2-7]{8}-[0-9a-f]{8}\.deleted")
"""The name of a folder that is being deleted."""


class StillUsed(Exception):
    """Another server has used the session since, or has removed it; nothing was done."""


@dataclass(frozen=True, kw_only=True)
class Weight:
    """Bytes of a session on disk."""

    bytes: int = 0
    """All that is in its folder."""
    snapshots: int = 0
    """Those of its saved variables."""


class Removal:
    """Archives and deletes sessions in a store.

    Raises HeldElsewhere when another server holds a session, and StillUsed.
    """

    def __init__(
        self, store: SessionStore, is_kernel: Callable[[int], bool] = lambda _: False
    ) -> None:
        """``is_kernel`` tells whether a process is a kernel, which is no other server."""
        self._store = store
        self._is_kernel = is_kernel

    def weight(self, session: Session) -> Weight:
        """What a session takes on the disk; of one that cannot be read nothing."""
        folder = self._store.folder_of(session.id, session.owner)
        try:
            with folder.visible() as visible, folder.hidden() as hidden:
                return Weight(
                    bytes=extent(visible).bytes,
                    snapshots=extent(hidden, but=ARCHIVED | {PACKAGES}).bytes,
                )
        except OSError:
            return Weight()

    def changed(self, session: Session) -> float:
        """When one of the files that people see in a session's folder was written last.

        0 if that is not known.
        """
        try:
            with self._store.folder_of(session.id, session.owner).visible() as visible:
                return changed(visible, but=frozenset({HIDDEN}))
        except OSError:
            return 0.0

    def archive(self, session: Session, *, now: float) -> SessionRecord:
        """Keep its notebook, journal and other files, and remove what it comes back from.

        Its new record is returned.
        """
        with self._held(session) as (folder, found):
            record = replace(
                found.record, archived=found.record.archived or now, kernel=None, is_at_rest=True
            )
            try:
                self._store.save_in(folder, record)
            except OSError as err:
                if err.errno not in FULL:
                    raise
                self._strip(folder)  # makes the room for the record
                self._store.save_in(folder, record)
            self._strip(folder)
            return record

    def drop_snapshots(self, session: Session) -> SessionRecord:
        """Remove its saved variables; the session stays. Its new record is returned."""
        with self._held(session) as (folder, found):
            record = replace(found.record, not_saved="expired", is_at_rest=True)
            # Without its data an index would tell of variables that can still be loaded, and a
            # record that is written while they can would tell that they are lost.
            for name in INDEXES:
                folder.remove(name)
            self._store.save_in(folder, record)
            with folder.hidden() as hidden:
                clear(hidden, but=ARCHIVED | {PACKAGES})
            return record

    def delete(self, session: Session, *, is_asked: bool = False) -> Extent:
        """Delete its folder with all that is in it; what was deleted is returned.

        ``is_asked``: whether it has been used since does not matter, nor whether it was ever saved.
        """
        if is_asked and not self._store.has_folder(session):
            return self._delete_unsaved(session)
        name = f".{session.id}-{secrets.token_hex(4)}.deleted"
        with self._held(session, is_asked=is_asked) as (folder, _):
            if not HAS_DIR_FD:  # on Windows a folder with an open file has to keep its name
                folder.let_go()
            with self._store.folders(session.owner) as folders:
                folders.move(session.id, folders, to=name)
        with self._store.folders(session.owner) as folders:
            return remove_tree(folders, name)

    def _delete_unsaved(self, session: Session) -> Extent:
        """Delete what was made of its folder before its record could not be written."""
        try:
            with self._store.folders(session.owner) as folders:
                return remove_tree(folders, session.id)
        except (FileNotFoundError, NotADirectoryError):
            return Extent()

    def sweep(self) -> None:
        """Remove the rest of folders whose deletion was cut short."""
        for folders in self._store.every_folder():
            left = [entry.name for entry in folders.entries() if DELETED.fullmatch(entry.name)]
            for name in left:
                with suppress(OSError):  # the next sweep tries again
                    remove_tree(folders, name)

    def is_stripped(self, session: Session) -> bool:
        """Whether nothing is left of what an archived session came back from."""
        try:
            return set(self._store.folder_of(session.id, session.owner).names()) <= ARCHIVED
        except OSError:
            return True

    def _strip(self, folder: SessionFolder) -> None:
        with folder.hidden() as hidden:
            clear(hidden, but=ARCHIVED)

    @contextmanager
    def _held(
        self, session: Session, *, is_asked: bool = False
    ) -> Iterator[tuple[SessionFolder, Session]]:
        """Hold the session's folder; gives it with the session as it is on disk."""
        folder = self._store.folder_of(session.id, session.owner)
        try:
            folder.hold(self._is_kernel)
        except FileNotFoundError as err:
            raise StillUsed from err
        try:
            try:
                found = self._store.found_in(folder)
            except UnusableRecord as err:
                raise StillUsed from err
            if found is None or (found.id, found.owner) != (session.id, session.owner):
                raise StillUsed
            if found.last_used > session.last_used and not is_asked:
                raise StillUsed
            yield folder, found
        finally:
            folder.let_go()
