"""Files that only Jupyter's ContentsManager can reach, for example in a database.

It gives and takes whole files, so that a page of one is a page of all of it.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import io
import json
import os
import time
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from jupyter_server.utils import ensure_async
from tornado.web import HTTPError

from .beneath import Changed
from .contents import Contents
from .lines import TextPage, Wanted, read_lines
from .listing import MAX_LOOKED, FileEntry, FolderPage, Glob, Kind, paged
from .storage import SLICE, Below, FileData, IsApart, Look, Refuses

T = TypeVar("T")

_NOT_FOUND = 404


class Managed:
    """The files of a ContentsManager, which reads none above ``max_bytes``."""

    def __init__(self, contents: Contents, max_bytes: int) -> None:
        self._contents = contents
        self._max_bytes = max_bytes

    async def find(self, path: str) -> FileEntry | None:
        try:
            model = await ensure_async(self._contents.get(path, content=False))
        except HTTPError as err:
            if err.status_code != _NOT_FOUND:
                raise
            return None
        return entry_of(model)

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
        found: dict[str, FileEntry] = {}
        looked = 0
        passed: list[str] = []

        def passes(path: str, parts: list[str]) -> bool:
            if glob is None or not is_apart(path) or glob.names(parts):
                return False
            passed.append(path)
            return True

        async for entry in self._below(folder, folder, glob, refuses, passes):
            looked += 1
            if looked > MAX_LOOKED:
                break
            parts = _parts(entry.path, folder)
            if glob is None or glob.fits(parts):
                found[entry.path] = entry
        every = ((e.path, e.kind) for e in found.values())
        page = paged(every, offset=offset, limit=limit, is_apart=is_apart)
        return FolderPage(
            folder=folder,
            entries=tuple(found[path] for path, _ in page),
            offset=offset,
            total=len(found),
            is_whole=looked <= MAX_LOOKED,
            passed="".join(passed[-1:]),
        )

    async def below(self, folder: str, glob: Glob, *, refuses: Refuses, is_apart: IsApart) -> Below:
        page = await self.listing(
            folder, glob, offset=0, limit=MAX_LOOKED, refuses=refuses, is_apart=is_apart
        )
        return Below(
            paths=tuple(entry.path for entry in page.entries if entry.kind == "file"),
            passed=page.passed,
            is_whole=page.is_whole,
        )

    async def looked(self, paths: Sequence[str], limit: int, look: Look[T]) -> list[T]:
        found: list[T] = []
        end = time.monotonic() + SLICE
        for path in paths:
            try:
                data: bytes | Exception = (await self.read(path, limit)).data
            except (HTTPError, OSError) as err:
                data = err
            found.append(await asyncio.to_thread(look, path, data))
            if time.monotonic() > end:
                break
        return found

    async def head(self, path: str, count: int, offset: int = 0) -> bytes:
        return (await self.read(path, self._max_bytes)).data[offset : offset + count]

    async def lines(self, path: str, wanted: Wanted) -> TextPage:
        data = (await self.read(path, self._max_bytes)).data
        return await asyncio.to_thread(read_lines, io.BytesIO(data), wanted, goes_on=lambda: None)

    async def read(self, path: str, limit: int) -> FileData:
        known = await ensure_async(self._contents.get(path, content=False))
        if (known.get("size") or 0) > limit:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        try:
            model = await ensure_async(self._contents.get(path, type="file"))
        except HTTPError:  # some keep notebooks as such, and have no file of them
            if known["type"] != "notebook":
                raise
            model = await ensure_async(self._contents.get(path, type="notebook"))
        data = await asyncio.to_thread(_bytes, model)
        if len(data) > limit:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        return FileData(data=data, stamp=hashlib.sha256(data).digest())

    async def digest(self, path: str) -> tuple[str, int]:
        data = (await self.read(path, self._max_bytes)).data
        return await asyncio.to_thread(lambda: hashlib.sha256(data).hexdigest()), len(data)

    async def write(self, path: str, data: bytes, *, over: FileData | None = None) -> FileEntry:
        if over is not None and (await self.read(path, self._max_bytes)).stamp != over.stamp:
            raise Changed
        await self._make_folders(path)
        model = await asyncio.to_thread(_model, data)
        return entry_of(await ensure_async(self._contents.save(model, path)))

    async def append(self, path: str, data: bytes) -> int:
        before = b""
        if await self.find(path) is not None:
            before = (await self.read(path, self._max_bytes - len(data))).data
        await self.write(path, before + data)
        return len(before) + len(data)

    async def _below(
        self,
        folder: str,
        top: str,
        glob: Glob | None,
        refuses: Refuses,
        passes: Callable[[str, list[str]], bool],
    ) -> AsyncIterator[FileEntry]:
        model = await ensure_async(self._contents.get(folder, content=True, type="directory"))
        for entry in map(entry_of, model["content"]):
            if refuses(entry.path):
                continue
            yield entry
            if entry.kind != "folder" or glob is None:
                continue
            parts = _parts(entry.path, top)
            if glob.may_fit_below(parts) and not passes(entry.path, parts):
                async for inner in self._below(entry.path, top, glob, refuses, passes):
                    yield inner

    async def _make_folders(self, path: str) -> None:
        parts = path.split("/")[:-1]
        for depth in range(1, len(parts) + 1):
            folder = "/".join(parts[:depth])
            if not await ensure_async(self._contents.dir_exists(folder)):
                await ensure_async(self._contents.save({"type": "directory"}, folder))


def _parts(path: str, top: str) -> list[str]:
    return (path[len(top) + 1 :] if top else path).split("/")


def entry_of(model: dict[str, Any]) -> FileEntry:
    """What a model of a ContentsManager tells of a file or folder."""
    kind: Kind = "folder" if model["type"] == "directory" else "file"
    at = model.get("last_modified")
    return FileEntry(
        path=str(model["path"]).strip("/"),
        kind=kind,
        size=model.get("size") if kind == "file" else None,
        modified=at.timestamp() if isinstance(at, datetime) else None,
    )


def _bytes(model: dict[str, Any]) -> bytes:
    if model["type"] == "notebook":
        return json.dumps(model["content"]).encode()
    content = str(model["content"] or "")
    return b64decode(content) if model.get("format") == "base64" else content.encode()


def _model(data: bytes) -> dict[str, Any]:
    try:
        return {"type": "file", "format": "text", "content": data.decode()}
    except UnicodeDecodeError:
        return {"type": "file", "format": "base64", "content": b64encode(data).decode()}
