"""Files on the server's disk as a thread reads and writes them. All of it blocks."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TypeVar

from jupyter_mcp_ext.errors import ContentsError

from .beneath import Folder, opened, stamp
from .lines import CHUNK, TextPage, Wanted, read_lines
from .listing import MAX_LOOKED, FileEntry, FolderPage, Kind, paged
from .paths import followed
from .searching import FolderSearch, Proceed
from .storage import SLICE, Below, FileData, Look, Refuses

T = TypeVar("T")


class DiskFiles:
    """The files beneath ``root``; for what each method does see `FileStorage`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def find(self, path: str) -> FileEntry | None:
        if not path:
            return FileEntry(path="", kind="folder")
        try:
            with self._parent(path) as (folder, name):
                status = folder.stat(name)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return None if status is None else _entry(path, status)

    def head(self, path: str, count: int, offset: int) -> bytes:
        with self._file(path) as file:
            file.seek(offset)
            return file.read(count)

    def lines(self, path: str, wanted: Wanted, goes_on: Proceed) -> TextPage:
        with self._file(path) as file:
            return read_lines(file, wanted, goes_on=goes_on)

    def read(self, path: str, limit: int) -> FileData:
        with self._file(path) as file:
            status = os.fstat(file.fileno())
            data = b"" if status.st_size > limit else file.read(limit + 1)
        if max(len(data), status.st_size) > limit:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        return FileData(data=data, stamp=stamp(status))

    def looked(self, paths: Sequence[str], limit: int, look: Look[T]) -> list[T]:
        found: list[T] = []
        end = time.monotonic() + SLICE
        for path in paths:
            try:
                data: bytes | Exception = self.read(path, limit).data
            except OSError as err:
                data = err
            found.append(look(path, data))
            if time.monotonic() > end:
                break
        return found

    def digest(self, path: str, goes_on: Proceed) -> tuple[str, int]:
        digest, size = hashlib.sha256(), 0
        with self._file(path) as file:
            while chunk := file.read(CHUNK):
                goes_on()
                digest.update(chunk)
                size += len(chunk)
        return digest.hexdigest(), size

    def write(self, path: str, data: bytes, over: FileData | None) -> FileEntry:
        with self._parent(path, make=over is None) as (folder, name):
            before = folder.stat(name)
            if before is not None:  # what may not be written is not replaced either
                os.close(folder.open(name, os.O_WRONLY))
            written = folder.write(
                name,
                (data,),
                mode=0o666,
                like=before,
                check=(lambda: stamp(folder.stat(name)) == over.stamp) if over else None,
            )
        return _entry(path, written)

    def append(self, path: str, data: bytes) -> int:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        with self._parent(path, make=True) as (folder, name):
            fd = folder.open(name, flags, 0o666)
            with os.fdopen(fd, "wb", buffering=0) as file:
                before, written = os.fstat(fd).st_size, 0
                try:
                    while written < len(data):
                        written += file.write(data[written:]) or 0
                    os.fsync(fd)
                except OSError:
                    with suppress(OSError):  # no half of it stays, unless others wrote too
                        if os.fstat(fd).st_size == before + written:
                            os.ftruncate(fd, before)
                    raise
                return os.fstat(fd).st_size

    def list(self, search: FolderSearch, offset: int, limit: int, goes_on: Proceed) -> FolderPage:
        found = search.found(goes_on)
        page = paged(found, offset=offset, limit=limit, is_apart=search.is_apart)
        return FolderPage(
            folder=search.top,
            entries=tuple(self._described(path, kind, search.refuses) for path, kind in page),
            offset=offset,
            total=search.fitting,
            is_whole=search.entries <= MAX_LOOKED,
            passed=search.passed,
        )

    @contextmanager
    def _parent(self, path: str, *, make: bool = False) -> Iterator[tuple[Folder, str]]:
        above, _, name = path.rpartition("/")
        parts = above.split("/") if make and above else []
        paths = ["/".join(parts[:depth]) for depth in range(len(parts), 0, -1)]
        missing = [path for path in paths if self.find(path) is None]
        try:
            with opened(self._root, above, make=make) as folder:
                yield folder, name
        except OSError:
            for folder_path in missing:  # ours, as long as they are empty
                with suppress(OSError), self._parent(folder_path) as (parent, made):
                    parent.remove_folder(made)
            raise

    @contextmanager
    def _file(self, path: str) -> Iterator[BinaryIO]:
        with self._parent(path) as (folder, name), os.fdopen(folder.open(name, 0), "rb") as file:
            yield file

    def _described(self, path: str, kind: Kind, refuses: Refuses) -> FileEntry:
        if kind != "link":
            return self.find(path) or FileEntry(path=path, kind=kind)
        try:
            real = followed(path, self._root)
            target = None if refuses(real) else self.find(real)
        except (ContentsError, OSError):  # out of the root, where nothing is said of it
            return FileEntry(path=path, kind="link")
        if target is None:
            return FileEntry(path=path, kind="link")
        return FileEntry(path=path, kind=target.kind, size=target.size, modified=target.modified)


def below(search: FolderSearch, goes_on: Proceed) -> Below:
    """The files that a search finds. It blocks."""
    links = 0

    def files() -> Iterator[tuple[str, Kind]]:
        nonlocal links
        for path, kind in search.found(goes_on):
            links += kind == "link"
            if kind == "file":
                yield path, kind

    return Below(
        paths=tuple(path for path, _ in paged(files(), offset=0, limit=MAX_LOOKED)),
        links=links,
        caches=tuple(sorted(search.caches)),
        passed=search.passed,
        is_whole=search.entries <= MAX_LOOKED,
    )


def _entry(path: str, status: os.stat_result) -> FileEntry:
    kind: Kind = "other"
    if stat.S_ISDIR(status.st_mode):
        kind = "folder"
    elif stat.S_ISREG(status.st_mode):
        kind = "file"
    elif stat.S_ISLNK(status.st_mode):
        kind = "link"
    size = status.st_size if kind == "file" else None
    return FileEntry(path=path, kind=kind, size=size, modified=status.st_mtime)
