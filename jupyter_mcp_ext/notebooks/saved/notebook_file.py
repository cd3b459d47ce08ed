"""A notebook's file, read and saved as Jupyter does it.

A ContentsManager holds the event loop while it validates and signs, for more than a second where a
notebook has 2,000 cells. For files on this server's disk the same is done here in a thread: with
nbformat's reader and writer, the manager's hooks, its signatures, its checkpoint and its event.
"""

from __future__ import annotations

import asyncio
import copy
import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from jupyter_server.services.contents.filemanager import (
    AsyncFileContentsManager,
    FileContentsManager,
)
from jupyter_server.services.contents.largefilemanager import (
    AsyncLargeFileManager,
    LargeFileManager,
)
from jupyter_server.utils import ensure_async
from tornado.web import HTTPError

from jupyter_mcp_ext.errors import ContentsError
from jupyter_mcp_ext.files.beneath import Changed
from jupyter_mcp_ext.files.contents import Contents, explained
from jupyter_mcp_ext.files.managed import entry_of
from jupyter_mcp_ext.files.paths import Place, quoted
from jupyter_mcp_ext.files.storage import MAX_BYTES, FileData, FileStorage
from jupyter_mcp_ext.measured import TooMuch
from jupyter_mcp_ext.notebooks.reading.document import too_much

from . import text
from .being_saved import until_saved
from .trust import Trust

AFTERWARDS = "the file is saved, but Jupyter could not make its checkpoint or call its hook"

TRIES = 3
"""How often a file is read that was just being written."""

JUPYTERS = (
    *(FileContentsManager, LargeFileManager),
    *(AsyncFileContentsManager, AsyncLargeFileManager),
)
"""The managers whose way of saving is known; one that is derived from them may do it in another."""


@dataclass(frozen=True, kw_only=True)
class SavedFile:
    """A notebook's file that was saved."""

    notes: Sequence[str] = ()
    """What there is to say of it."""
    stamp: object = None
    """Is another once another program saves it; None where that is not known."""


class NotebookFile(Protocol):
    """The file of one notebook. Failures are ContentsError."""

    async def read(self) -> dict[str, Any] | None:
        """The notebook as nbformat 4; None if it cannot be read in this way."""

    async def save(self, node: dict[str, Any]) -> SavedFile | None:
        """Save what `read` has given, changed.

        None if another program has saved the file in between. Raises ContentsError, which says
        whether the file was changed.
        """


def notebook_file(
    contents: Contents, storage: FileStorage, place: Place, root: Path | None
) -> NotebookFile:
    """The file of a notebook; ``root`` is None where there is no disk behind."""
    if root is not None and type(contents) in JUPYTERS:
        return DiskNotebookFile(contents, storage, place, root)
    return ManagedNotebookFile(contents, storage, place, is_on_disk=root is not None)


class ManagedNotebookFile:
    """A notebook that is read and saved by a ContentsManager."""

    def __init__(
        self, contents: Contents, storage: FileStorage, place: Place, *, is_on_disk: bool
    ) -> None:
        self._contents = contents
        self._storage = storage
        self._place = place
        self._is_on_disk = is_on_disk
        self._stamp: object = None
        self._digest = ""

    async def read(self) -> dict[str, Any] | None:
        self._stamp = await self._look()
        content = await self._content()
        self._digest = await asyncio.to_thread(_digest, content)
        # A manager may give what it keeps itself.
        node: dict[str, Any] = await asyncio.to_thread(copy.deepcopy, content)
        return node

    async def save(self, node: dict[str, Any]) -> SavedFile | None:
        if not await self._is_as_read():
            return None
        path = self._place.path
        model = {"type": "notebook", "format": "json", "content": node}
        try:
            saved = await ensure_async(self._contents.save(model, path))
        except Exception as err:  # a manager has failures of its own
            raise await self._failed(err) from err
        return SavedFile(stamp=await self._stamp_of(saved))

    async def _failed(self, err: Exception) -> ContentsError:
        """The error for a save that failed: a manager calls hooks once it has written."""
        with suppress(ContentsError):  # it may not be there to be read
            if await self._is_as_read():
                return unsaved(err, self._place.path)
        msg = (
            f"Jupyter failed to save {quoted(self._place.path)} and may have written this edit. "
            "Read the notebook again to see whether it has it."
        )
        return ContentsError(msg)

    async def _stamp_of(self, saved: Any) -> object:
        """The file's stamp if it still is as the manager has saved it."""
        with suppress(ContentsError):
            stamp, told = await self._look(), entry_of(saved)
            if stamp is not None and told.modified is not None:
                # The model's times have microseconds, those of the disk have more.
                is_same = abs(stamp[0] - told.modified) < 1e-5 and told.size in {None, stamp[1]}
                return stamp if is_same else None
        return None

    async def _is_as_read(self) -> bool:
        """Whether no other program has saved it since.

        Some managers have no time for a file, and some always the present one.
        """
        if self._stamp is not None and await self._look() == self._stamp:
            return True
        return await asyncio.to_thread(_digest, await self._content()) == self._digest

    async def _content(self) -> Any:
        path = self._place.path
        if self._is_on_disk:
            await until_saved(self._storage, self._place)
        try:
            model = await ensure_async(self._contents.get(path, content=True, type="notebook"))
        except Exception as err:  # a manager has failures of its own, and nbformat several
            raise unread(err, path) from err
        return model["content"]

    async def _look(self) -> tuple[float, int | None] | None:
        try:
            entry = await self._storage.find(self._place.real)
        except (HTTPError, OSError) as err:
            raise explained(err, f"{quoted(self._place.path)} could not be read") from err
        if entry is None or entry.modified is None:
            return None
        return entry.modified, entry.size


class DiskNotebookFile:
    """A notebook on this server's disk, of a manager whose way of saving is Jupyter's own."""

    def __init__(self, contents: Any, storage: FileStorage, place: Place, root: Path) -> None:
        self._contents = contents
        self._storage = storage
        self._place = place
        self._root = root
        self._trust = Trust(contents.notary)
        self._read: FileData | None = None

    async def read(self) -> dict[str, Any] | None:
        for _ in range(TRIES):
            with suppress(_NoJson):
                return await self._read_once()
            await until_saved(self._storage, self._place)
        raise unreadable(self._place.path)

    async def _read_once(self) -> dict[str, Any] | None:
        try:
            self._read = await self._storage.read(self._place.real, MAX_BYTES)
        except OSError as err:
            raise explained(err, f"{quoted(self._place.path)} could not be read") from err
        try:
            node, signature = await asyncio.to_thread(self._parse, self._read.data)
        except (TooMuch, RecursionError) as err:
            raise too_much(self._place.path) from err
        except (ValueError, AttributeError, KeyError, TypeError) as err:
            if not await asyncio.to_thread(_is_json, self._read.data):
                raise _NoJson from err
            return None  # the manager may still read it, or says why not
        if node is None:
            return None
        self._trust.mark(node, signature)
        return node

    async def save(self, node: dict[str, Any]) -> SavedFile | None:
        place = self._place
        model: dict[str, Any] = {"type": "notebook", "format": "json", "content": node}
        try:
            self._contents.run_pre_save_hooks(model=model, path=place.path)
            data, signature = await asyncio.to_thread(self._written, model["content"])
            written = await self._storage.write(place.real, data, over=self._read)
        except Changed:
            return None
        except Exception as err:  # a hook's, or of what it has put in
            raise unsaved(err, place.path) from err
        try:
            await self._follow_up(signature)
        except Exception:  # noqa: BLE001  # the file is written, whatever fails then
            return SavedFile(notes=(AFTERWARDS,), stamp=written.stamp)
        return SavedFile(stamp=written.stamp)

    async def _follow_up(self, signature: str) -> None:
        """Do what Jupyter does once it has written a notebook."""
        contents, place = self._contents, self._place
        self._trust.keep(signature)
        if not await ensure_async(contents.checkpoints.list_checkpoints(place.path)):
            await ensure_async(contents.create_checkpoint(place.path))
        saved = await ensure_async(contents.get(place.path, content=False))
        contents.run_post_save_hooks(model=saved, os_path=str(self._root / place.real))
        contents.emit(data={"action": "save", "path": place.path})

    def _parse(self, data: bytes) -> tuple[dict[str, Any] | None, str]:
        node = text.read(data)  # None for an earlier format, which the manager converts
        return node, "" if node is None else self._trust.signature(node)

    def _written(self, node: dict[str, Any]) -> tuple[bytes, str]:
        is_trusted = self._trust.take_marks(node)
        return text.written(node), self._trust.signature(node) if is_trusted else ""


class _NoJson(Exception):
    """The file is damaged, or just being written."""


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data.decode())
    except (ValueError, RecursionError):
        return False
    return True


def _digest(content: Any) -> str:
    text = json.dumps(content, sort_keys=True, default=repr)
    return hashlib.sha256(text.encode()).hexdigest()


def unread(err: Exception, path: str) -> ContentsError:
    """The error for a notebook that a manager could not read."""
    if not isinstance(err, HTTPError | OSError) or getattr(err, "status_code", None) == 400:
        return unreadable(path)
    return explained(err, f"{quoted(path)} could not be read as a notebook")


def unreadable(path: str) -> ContentsError:
    """The error for a file that is no notebook."""
    msg = (
        f"{quoted(path)} could not be read as a notebook: Jupyter cannot open it. Repair its "
        "text with edit_file."
    )
    return ContentsError(msg)


def unsaved(err: Exception, path: str) -> ContentsError:
    """The error for a notebook that could not be saved."""
    return explained(err, f"{quoted(path)} could not be saved, and was not changed")
