"""Files that arrive in parts, under another name until they are whole.

An upload to a name takes away the drafts of earlier ones to it, also of those that still go on: the
one that began last is the one that counts. Drafts that are not gone on with go with the next upload
into their folder.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from jupyter_server.utils import ensure_async

from .beneath import Folder, opened
from .contents import Contents
from .lines import CHUNK
from .managed import Managed

LEFT = 86_400
"""Seconds after its last part in which a draft counts as left behind."""

_MARK = "upload-"
_END = ".part"


class Gone(Exception):
    """The draft is not as its upload left it: another one began, or it was left for too long."""


class Differs(Exception):
    """The draft is not what was sent."""


class Drafts(Protocol):
    """Drafts of files, by the API path of the file and the id of the upload.

    Failures are Gone, OSError and HTTPError.
    """

    async def add(self, path: str, upload: str, data: bytes, offset: int) -> None:
        """Add a part that begins at an offset; the first one makes the draft."""

    async def publish(self, path: str, upload: str, sha256: str, *, overwrite: bool) -> int:
        """Give a draft its name in one step; its size.

        Raises Differs, and FileExistsError for a name that is taken unless ``overwrite``.
        """

    async def drop(self, path: str, upload: str) -> None:
        """Remove a draft, if there is one."""


def draft_name(name: str, upload: str) -> str:
    """The name of a draft, which is short for any name."""
    return f".{_MARK}{hashlib.sha256(name.encode()).hexdigest()[:12]}-{upload}{_END}"


class DiskDrafts:
    """Drafts on the server's disk, beside the files that they become. All of it blocks."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def add(self, path: str, upload: str, data: bytes, offset: int) -> None:
        """See `Drafts`."""
        with self._folder(path, make=True) as (folder, name):
            draft = draft_name(name, upload)
            if offset == 0:
                _clear(folder, name)
            flags = os.O_WRONLY | (os.O_CREAT | os.O_EXCL if offset == 0 else os.O_APPEND)
            try:
                descriptor = folder.open(draft, flags, 0o666)
            except (FileNotFoundError, FileExistsError) as err:
                raise Gone from err
            with os.fdopen(descriptor, "wb") as file:
                if os.fstat(descriptor).st_size != offset:
                    raise Gone
                try:
                    file.write(data)
                    file.flush()
                except OSError:  # a full disk gets the room back at once
                    folder.remove(draft)
                    raise

    def publish(self, path: str, upload: str, sha256: str, *, overwrite: bool) -> int:
        """See `Drafts`."""
        with self._folder(path) as (folder, name):
            draft = draft_name(name, upload)
            try:
                descriptor = folder.open(draft, os.O_RDWR)
            except FileNotFoundError as err:
                raise Gone from err
            with os.fdopen(descriptor, "rb") as file:
                digest, size = hashlib.sha256(), 0
                while chunk := file.read(CHUNK):
                    digest.update(chunk)
                    size += len(chunk)
                if digest.hexdigest() != sha256:
                    raise Differs
                before = folder.stat(name)
                if before is not None and overwrite:
                    os.close(folder.open(name, os.O_WRONLY))  # what may not be written stays
                    if hasattr(os, "fchmod"):
                        os.fchmod(descriptor, stat.S_IMODE(before.st_mode) & 0o777)
                os.fsync(descriptor)
            try:
                if overwrite:
                    folder.rename(draft, name)
                else:
                    folder.rename_new(draft, name)
            except FileNotFoundError as err:
                raise Gone from err
        return size

    def drop(self, path: str, upload: str) -> None:
        """See `Drafts`."""
        with suppress(FileNotFoundError), self._folder(path) as (folder, name):
            folder.remove(draft_name(name, upload))

    @contextmanager
    def _folder(self, path: str, *, make: bool = False) -> Iterator[tuple[Folder, str]]:
        above, _, name = path.rpartition("/")
        with opened(self._root, above, make=make) as folder:
            yield folder, name


class ManagedDrafts:
    """Drafts that only a ContentsManager can reach, which gives and takes whole files."""

    def __init__(self, contents: Contents, files: Managed, max_bytes: int) -> None:
        self._contents = contents
        self._files = files
        self._max_bytes = max_bytes

    async def add(self, path: str, upload: str, data: bytes, offset: int) -> None:
        """See `Drafts`."""
        draft = self._path(path, upload)
        before = b""
        if offset:
            if await self._files.find(draft) is None:
                raise Gone
            before = (await self._files.read(draft, self._max_bytes - len(data))).data
            if len(before) != offset:
                raise Gone
        elif len(data) > self._max_bytes:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        await self._files.write(draft, before + data)

    async def publish(self, path: str, upload: str, sha256: str, *, overwrite: bool) -> int:
        """See `Drafts`."""
        draft = self._path(path, upload)
        if await self._files.find(draft) is None:
            raise Gone
        data = (await self._files.read(draft, self._max_bytes)).data
        if hashlib.sha256(data).hexdigest() != sha256:
            raise Differs
        if await self._files.find(path) is not None and not overwrite:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        await self._files.write(path, data)
        await ensure_async(self._contents.delete_file(draft))
        return len(data)

    async def drop(self, path: str, upload: str) -> None:
        """See `Drafts`."""
        draft = self._path(path, upload)
        if await self._files.find(draft) is not None:
            await ensure_async(self._contents.delete_file(draft))

    def _path(self, path: str, upload: str) -> str:
        above, _, name = path.rpartition("/")
        draft = draft_name(name, upload).lstrip(".")
        return f"{above}/{draft}" if above else draft


def _clear(folder: Folder, name: str) -> None:
    """Remove the drafts of a name, and others that were left behind."""
    own = draft_name(name, "").removesuffix(_END)
    for each in folder.names():
        if not (each.startswith(f".{_MARK}") and each.endswith(_END)):
            continue
        status = folder.stat(each)
        is_left = status is not None and time.time() - status.st_mtime > LEFT
        if each.startswith(own) or is_left:
            folder.remove(each)
