"""Files on the server's disk, opened in threads, folder by folder, without following links."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from .disk_files import DiskFiles, below
from .lines import TextPage, Wanted
from .listing import FileEntry, FolderPage, Glob
from .searching import FolderSearch, Proceed
from .storage import Below, FileData, IsApart, Look, Refuses

T = TypeVar("T")


class Disk:
    """The files beneath ``root``, each call in a thread."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files = DiskFiles(root)

    async def find(self, path: str) -> FileEntry | None:
        return await asyncio.to_thread(self._files.find, path)

    async def listing(
        self,
        folder: str,
        glob: Glob | None,
        *,
        offset: int,
        limit: int,
        refuses: Refuses,
        is_apart: IsApart,
    ) -> FolderPage:
        search = FolderSearch(self._root, folder, glob, refuses=refuses, is_apart=is_apart)
        return await _in_thread(partial(self._files.list, search, offset, limit))

    async def below(self, folder: str, glob: Glob, *, refuses: Refuses, is_apart: IsApart) -> Below:
        search = FolderSearch(self._root, folder, glob, refuses=refuses, is_apart=is_apart)
        return await _in_thread(partial(below, search))

    async def looked(self, paths: Sequence[str], limit: int, look: Look[T]) -> list[T]:
        return await asyncio.to_thread(self._files.looked, paths, limit, look)

    async def head(self, path: str, count: int, offset: int = 0) -> bytes:
        return await asyncio.to_thread(self._files.head, path, count, offset)

    async def lines(self, path: str, wanted: Wanted) -> TextPage:
        return await _in_thread(partial(self._files.lines, path, wanted))

    async def read(self, path: str, limit: int) -> FileData:
        return await asyncio.to_thread(self._files.read, path, limit)

    async def digest(self, path: str) -> tuple[str, int]:
        return await _in_thread(partial(self._files.digest, path))

    async def write(self, path: str, data: bytes, *, over: FileData | None = None) -> FileEntry:
        return await asyncio.to_thread(self._files.write, path, data, over)

    async def append(self, path: str, data: bytes) -> int:
        return await asyncio.to_thread(self._files.append, path, data)


async def _in_thread(work: Callable[[Proceed], T]) -> T:
    """Run long work in a thread; it ends soon after the caller has stopped waiting."""
    is_over = threading.Event()

    def goes_on() -> None:
        if is_over.is_set():
            raise OSError(errno.ECANCELED, os.strerror(errno.ECANCELED))

    try:
        return await asyncio.to_thread(work, goes_on)
    finally:
        is_over.set()
