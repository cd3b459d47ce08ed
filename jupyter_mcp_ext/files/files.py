"""The files below Jupyter's root: reading, writing and listing them, and the errors of that.

How they are reached is in ``disk.py`` and ``managed.py``, how they are shown in ``file_words.py``.
"""

from __future__ import annotations

import asyncio
import binascii
import mimetypes
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias

from jupyter_server.utils import url_escape, url_path_join
from tornado.web import HTTPError
from traitlets import Int, List, Unicode
from traitlets.config import LoggingConfigurable

from jupyter_mcp_ext import wording
from jupyter_mcp_ext.concurrency import Locks
from jupyter_mcp_ext.errors import ContentsError, InvalidArgument
from jupyter_mcp_ext.outputs.images import UnreadableImage, fit
from jupyter_mcp_ext.outputs.rendering import NotRendered
from jupyter_mcp_ext.rendering.rendering import Rendering

from .beneath import Changed
from .contents import Contents, explained, irregular
from .disk import Disk
from .drafts import DiskDrafts, ManagedDrafts
from .edits import Edit, Named, replace
from .gate import Gate
from .lines import HEAD, Wanted, is_binary
from .listing import FileEntry, FolderPage, Glob
from .managed import Managed
from .nearby import missing
from .paths import Hides, Place, quoted
from .results import Binary, Download, FileImage, FileText, WrittenFile
from .sensitive import SENSITIVE
from .storage import FileStorage, IsApart
from .uploads import InThreads, Uploads

Encoding: TypeAlias = Literal["text", "base64"]

MAX_DIGEST = 20_000_000_000
"""Bytes of the largest file that a SHA-256 is computed of, which takes half a minute."""

_LONG = 500_000
"""Above so many characters a text is encoded in a thread."""

_NOTE = 120
"""Characters of the note on how a long line continues, without the file's path."""

_NOTEBOOK = ".ipynb"


def _never(path: str) -> bool:
    return False


_MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8")


class McpFiles(LoggingConfigurable):
    """The files beneath Jupyter's root; ``root`` is None where there is no disk behind.

    ``folder`` is the API path that relative paths start from; a path that ``hides`` is true of does
    not exist for the caller. The methods raise ContentsError and InvalidArgument.
    """

    sensitive = List(
        Unicode(),
        list(SENSITIVE),
        help="Names of files, as shell patterns of the whole name, that the tools neither "
        "show nor read nor write; with a slash at the end names of folders.",
    ).tag(config=True)
    max_bytes = Int(
        100_000_000,
        min=1,
        help="Bytes of the largest file that is written, edited or shown as an image. Text is read "
        "and files are downloaded in pieces, of any size.",
    ).tag(config=True)

    def __init__(
        self,
        contents: Contents,
        root: Path | None,
        base_url: str,
        rendering: Rendering,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._base_url = base_url
        self._rendering = rendering
        self.gate = Gate(contents, root, self.sensitive)
        self.storage: FileStorage = Disk(root) if root else Managed(contents, self.max_bytes)
        drafts = (
            InThreads(DiskDrafts(root))
            if root
            else ManagedDrafts(contents, Managed(contents, self.max_bytes), self.max_bytes)
        )
        self.uploads = Uploads(self.gate, self.storage, drafts)
        self._locks: Locks[str] = Locks()

    async def listed(
        self,
        path: str,
        glob: str | None,
        *,
        folder: str,
        hides: Hides,
        is_apart: IsApart = _never,
        offset: int,
        limit: int,
    ) -> FolderPage:
        """A page of a folder; for ``is_apart`` see `Storage`."""
        place = await self.gate.place(path, hides, folder=folder)
        pattern = Glob.of(glob)
        with _told(f"{quoted(place.path or '.')} could not be listed"):
            entry = await self.storage.find(place.real)
            if entry is None:
                msg = f"There is no folder {quoted(place.path)}. list_files shows what there is."
                raise ContentsError(msg)
            if entry.kind != "folder":
                msg = f"{quoted(place.path)} is a file, not a folder. read_file shows a file."
                raise ContentsError(msg)
            return await self.storage.listing(
                place.real,
                pattern,
                offset=offset,
                limit=limit,
                refuses=lambda path: self.gate.leaves_out(path, hides),
                is_apart=is_apart,
            )

    async def read(
        self,
        path: str,
        *,
        folder: str,
        hides: Hides,
        offset: int,
        limit: int,
        room: int,
        column: int = 0,
    ) -> FileText | FileImage | Binary:
        """A page of a file's lines, or its image, or the note that it is neither."""
        place = await self.gate.place(path, hides, folder=folder)
        with _told(f"{quoted(place.path)} could not be read"):
            size = (await self._file(place, folder, hides)).size or 0
            head = await self.storage.head(place.real, HEAD)
            if _may_be_image(head) and size <= self.max_bytes:
                content = await self.storage.read(place.real, self.max_bytes)
                try:
                    image = await self._rendering.shown(
                        lambda render: fit(content.data, render=render), of=place.path
                    )
                except (UnreadableImage, NotRendered):
                    return self._binary(place, size)
                return FileImage(path=place.path, size=len(content.data), image=image)
            if is_binary(head):
                return self._binary(place, size)
            note = len(place.path) + _NOTE
            wanted = Wanted(first=offset, count=limit, room=room, column=column, note=note)
            lines = await self.storage.lines(place.real, wanted)
        if not lines.lines and offset > 1:
            msg = (
                f"{quoted(place.path)} has {lines.total} lines, so none from {offset} on. "
                "Give a smaller offset."
            )
            raise InvalidArgument(msg)
        return FileText(path=place.path, size=size, lines=lines)

    async def write(
        self,
        path: str,
        content: str,
        *,
        folder: str,
        hides: Hides,
        encoding: Encoding,
        append: bool,
    ) -> WrittenFile:
        """Write a file, or append to it; missing folders are created."""
        place = await self.gate.place(path, hides, folder=folder)
        if path.endswith(("/", "/.")):
            msg = f"{quoted(path)} is the name of a folder. Name a file in it."
            raise InvalidArgument(msg)
        self._refuse_notebook(place)
        coded = partial(_coded, content, encoding)
        data = await asyncio.to_thread(coded) if len(content) > _LONG else coded()
        if len(data) > self.max_bytes:
            raise self._too_large(place, len(data))
        with _told(f"{quoted(place.path)} could not be written"):
            async with self._lock(place):
                before = await self.storage.find(place.real)
                _check_kind(place, before)
                size = len(data)
                if append:
                    size = await self.storage.append(place.real, data)
                else:
                    await self.storage.write(place.real, data)
        did: Literal["made", "replaced", "appended"] = "appended" if append else "replaced"
        return WrittenFile(
            path=place.path, size=size, did="made" if before is None else did, added=len(data)
        )

    async def edit(
        self, path: str, old: str, new: str, *, folder: str, hides: Hides, replace_all: bool
    ) -> tuple[str, Edit]:
        """Replace a text in a file; the file's path and the edit."""
        place = await self.gate.place(path, hides, folder=folder)
        self._refuse_notebook(place)
        with _told(f"{quoted(place.path)} could not be changed"):
            async with self._lock(place):
                size = (await self._file(place, folder, hides)).size or 0
                if size > self.max_bytes:
                    raise self._too_large(place, size)
                before = await self.storage.read(place.real, self.max_bytes)
                change = partial(
                    _edited, before.data, old, new, replace_all=replace_all, name=quoted(place.path)
                )
                edit, data = await asyncio.to_thread(change)
                if len(data) > self.max_bytes:
                    raise self._too_large(place, len(data))
                try:
                    await self.storage.write(place.real, data, over=before)
                except Changed as err:
                    msg = (
                        f"{quoted(place.path)} was changed by another program, and is left as "
                        "it is. Read it again, then edit it."
                    )
                    raise ContentsError(msg) from err
        return place.path, edit

    async def download(
        self, path: str, *, folder: str, hides: Hides, offset: int, limit: int
    ) -> Download:
        """The URL of a file, and ``limit`` of its bytes from ``offset`` on."""
        place = await self.gate.place(path, hides, folder=folder)
        with _told(f"{quoted(place.path)} could not be read"):
            size = (await self._file(place, folder, hides)).size or 0
            if limit and offset and offset >= size:
                msg = f"{quoted(place.path)} has {size:,} bytes. Give a smaller offset."
                raise InvalidArgument(msg)
            sha256 = None
            if size <= MAX_DIGEST:
                sha256, size = await self.storage.digest(place.real)
            data = await self.storage.head(place.real, limit, offset) if limit else b""
        return Download(
            path=place.path,
            size=size,
            mime_type=_mime_type(place.path),
            url=url_path_join(self._base_url, "files", url_escape(place.path)),
            sha256=sha256,
            offset=offset,
            data=data,
        )

    async def _file(self, place: Place, folder: str, hides: Hides) -> FileEntry:
        entry = await self.storage.find(place.real)
        if entry is None:
            raise await missing(
                place.path, folder=folder, hides=hides, gate=self.gate, storage=self.storage
            )
        _check_kind(place, entry)
        return entry

    def _lock(self, place: Place) -> asyncio.Lock:
        return self._locks.of(place.real)

    def _refuse_notebook(self, place: Place) -> None:
        if any(path.lower().endswith(_NOTEBOOK) for path in (place.path, place.real)):
            msg = (
                f"{quoted(place.path)} is a notebook, which is not written as text. "
                "create_notebook makes a new one from cells."
            )
            raise ContentsError(msg)

    def _too_large(self, place: Place, size: int) -> ContentsError:
        return ContentsError(
            f"{quoted(place.path)} has {wording.size(size)}, over the "
            f"{wording.size(self.max_bytes)} that a file here may have to be written or edited. "
            "Use code (execute_code) instead."
        )

    def _binary(self, place: Place, size: int) -> Binary:
        return Binary(path=place.path, size=size, mime_type=_mime_type(place.path))


@contextmanager
def _told(doing: str) -> Iterator[None]:
    """Turn failures of the storage into ContentsError."""
    try:
        yield
    except (HTTPError, OSError) as err:
        raise explained(err, doing) from err


def _check_kind(place: Place, entry: FileEntry | None) -> None:
    if entry is None or entry.kind == "file":
        return
    if entry.kind != "folder":
        raise irregular(place.path)
    msg = f"{quoted(place.path or '.')} is a folder, not a file. Name a file in it."
    raise ContentsError(msg)


def _may_be_image(head: bytes) -> bool:
    return head.startswith(_MAGIC) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")


def _mime_type(path: str) -> str:
    return mimetypes.guess_type(path)[0] or "application/octet-stream"


def _coded(content: str, encoding: Encoding) -> bytes:
    if encoding == "text":
        return content.encode()
    try:
        return b64decode("".join(content.split()), validate=True)
    except (binascii.Error, ValueError) as err:
        msg = "The content is not base64. Encode it, or leave out encoding to write it as text."
        raise InvalidArgument(msg) from err


def _edited(data: bytes, old: str, new: str, *, replace_all: bool, name: str) -> tuple[Edit, bytes]:
    try:
        text = data.decode()
    except UnicodeDecodeError as err:
        msg = f"{name} is not UTF-8 text, so it is not edited. Use code (execute_code) instead."
        raise ContentsError(msg) from err
    edit = replace(text, old, new, replace_all=replace_all, named=Named(name=name))
    return edit, edit.text.encode()
