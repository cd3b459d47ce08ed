"""Notebooks as files: made and read through Jupyter's ContentsManager, beneath its root.

What a notebook's text means is in ``reading/document.py``, how it is shown in
``reading/words.py``.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath

from jupyter_server.utils import ensure_async
from tornado.web import HTTPError

from jupyter_mcp_ext.concurrency import Listeners, Locks
from jupyter_mcp_ext.errors import ContentsError
from jupyter_mcp_ext.files.contents import Contents, explained, irregular
from jupyter_mcp_ext.files.gate import Gate
from jupyter_mcp_ext.files.nearby import missing
from jupyter_mcp_ext.files.paths import Hides, Place, check_wording, quoted
from jupyter_mcp_ext.files.storage import MAX_BYTES, FileStorage
from jupyter_mcp_ext.notebooks.reading.document import (
    KernelMetadata,
    Live,
    Notebook,
    compose,
    from_node,
    parse,
    text_of,
)

from .cells import NewCell

_SUFFIX = ".ipynb"

_MANY_CELLS = 50
_LONG_TEXT = 500_000
"""Above these, nbformat and JSON work moves to a thread: it takes over 5 ms."""

_CHECKPOINTS = ".ipynb_checkpoints"


class TooLarge(ContentsError):
    """A notebook's file has more bytes than were to be read."""


class Notebooks:
    """The notebooks beneath Jupyter's root; ``root`` is None where there is no disk behind.

    ``gate`` says which may be used; they are read from ``storage``, or from ``live`` where people
    have them open.
    """

    def __init__(
        self,
        contents: Contents,
        root: Path | None,
        *,
        gate: Gate,
        storage: FileStorage,
        live: Live | None = None,
    ) -> None:
        self._contents = contents
        self._root = root
        self._gate = gate
        self._storage = storage
        self._live = live
        self._locks: Locks[str] = Locks()
        self.made: Listeners[str] = Listeners()
        """Are called with the API path of each new notebook."""

    async def named(self, path: str, hides: Hides) -> str:
        """The API path of the notebook that an argument names; ``.ipynb`` may be left out."""
        return (await self.place(path, hides)).path

    async def place(self, path: str, hides: Hides) -> Place:
        """What the argument names; ``.ipynb`` may be left out. Raises ContentsError."""
        check_wording(path)
        name = PurePosixPath(path)
        is_folder = path.endswith(("/", "/.")) or not name.name
        # Without the suffix it would be another path, which may be a link.
        wanted = path if is_folder or name.suffix else f"{path}{_SUFFIX}"
        place = await self._gate.place(wanted, hides)
        if is_folder:
            msg = f'{quoted(path)} is a folder. Name a notebook in it, like "a.ipynb".'
            raise ContentsError(msg)
        if name.suffix not in {"", _SUFFIX}:
            msg = (
                f"{quoted(path)} is not a notebook: the name of one ends in {_SUFFIX}. Name "
                "one of those."
            )
            raise ContentsError(msg)
        return place

    async def existing(self, path: str, *, hides: Hides) -> str:
        """The API path of a notebook, if it is there; else empty."""
        place = await self.place(path, hides)
        with suppress(HTTPError, OSError):
            entry = await self._storage.find(place.real)
            return place.path if entry is not None and entry.kind == "file" else ""
        return ""

    async def kernel_name(self, path: str, *, hides: Hides) -> str:
        """The kernel that an existing notebook asks for; empty when it names none."""
        return (await self.read(path, hides=hides)).kernel_name

    async def create(
        self, path: str, cells: Sequence[NewCell], *, kernel: KernelMetadata | None, hides: Hides
    ) -> Notebook:
        """Create a notebook and its missing folders; nothing may exist at its path."""
        place = await self.place(path, hides)
        path = place.path
        many = len(cells) > _MANY_CELLS
        node = await asyncio.to_thread(compose, cells, kernel) if many else compose(cells, kernel)
        async with self._locks.of(place.real):
            await self._check_free(path)
            made: list[str] = []
            checkpoints_are_ours = False
            try:
                await self._make_folders(path, made)
                checkpoints_are_ours = bool(made) or await self._has_no_checkpoints(path)
                model = {"type": "notebook", "format": "json", "content": node}
                await ensure_async(self._contents.save(model, path))
            except BaseException as err:
                # Jupyter writes in place: whatever stopped it may have left a piece of the file.
                await self._discard(path, made, checkpoints=checkpoints_are_ours)
                if isinstance(err, HTTPError | OSError):
                    raise explained(err, f"{quoted(path)} could not be made") from err
                raise
        self.made.tell(path)
        return from_node(node, path)

    async def read(self, path: str, *, hides: Hides) -> Notebook:
        """Read a notebook as people have it open together, else from its file."""
        place = await self.place(path, hides)
        await self.check(place, path, hides=hides)
        copied = await self._live(place.path) if self._live is not None else None
        if copied is not None:
            return await asyncio.to_thread(copied.notebook, place.path)
        try:
            data = (await self._storage.read(place.real, MAX_BYTES)).data
        except (HTTPError, OSError) as err:
            raise explained(err, f"{quoted(place.path)} could not be read") from err
        if len(data) > _LONG_TEXT:
            return await asyncio.to_thread(parse, data, place.path)
        return parse(data, place.path)

    async def text(self, place: Place, *, limit: int) -> str:
        """A notebook's JSON as people have it open together, else that of its file.

        Raises TooLarge for one of more bytes than ``limit``, before it is parsed.
        """
        msg = f"{quoted(place.path)} is larger than it may be here. Read a part of it."
        copied = await self._live(place.path) if self._live is not None else None
        if copied is not None:
            if copied.size > limit:
                raise TooLarge(msg)
            return await asyncio.to_thread(copied.text)
        try:
            data = (await self._storage.read(place.real, limit)).data
        except (HTTPError, OSError) as err:
            if getattr(err, "errno", None) == errno.EFBIG:
                raise TooLarge(msg) from err
            raise explained(err, f"{quoted(place.path)} could not be read") from err
        return await asyncio.to_thread(text_of, data, place.path)

    async def check(self, place: Place, named: str, *, hides: Hides) -> None:
        """Return if there is a notebook that is read here. Raises ContentsError."""
        size = await self.size(place, named, hides=hides)
        if size > MAX_BYTES:
            raise _too_large(place.path, size)

    async def size(self, place: Place, named: str, *, hides: Hides) -> int:
        """The bytes of a notebook's file, which an argument has named.

        Raises ContentsError if there is none.
        """
        try:
            entry = await self._storage.find(place.real)
        except (HTTPError, OSError) as err:
            raise explained(err, f"{quoted(place.path)} could not be read") from err
        if entry is None:
            raise await self.missing(named, hides=hides)
        if entry.kind == "folder":
            raise _is_folder_words(place.path)
        if entry.kind != "file":
            raise irregular(place.path)
        return entry.size or 0

    async def missing(self, path: str, *, hides: Hides) -> ContentsError:
        """The error for a notebook that does not exist: it suggests similar names."""
        with suppress(ContentsError):  # a hidden folder is not told of
            if await self._is_folder((await self._gate.place(path, hides)).path):
                return _is_folder_words(path)
        return await missing(
            await self.named(path, hides),
            folder="",
            hides=hides,
            gate=self._gate,
            storage=self._storage,
            noun="notebook",
            suffix=_SUFFIX,
        )

    async def _check_free(self, path: str) -> None:
        if await ensure_async(self._contents.exists(path)):
            is_folder = await ensure_async(self._contents.dir_exists(path))
            msg = (
                f"{quoted(path)} is a folder already. Give another name."
                if is_folder
                else f"{quoted(path)} exists already and is not overwritten. Give another name."
            )
            raise ContentsError(msg)

    async def _make_folders(self, path: str, made: list[str]) -> None:
        for folder in map(str, reversed(PurePosixPath(path).parents[:-1])):
            if await self._is_folder(folder):
                continue
            if await ensure_async(self._contents.exists(folder)):
                msg = f"{quoted(folder)} is a file, so no folder can be there. Use another folder."
                raise ContentsError(msg)
            try:
                await ensure_async(self._contents.save({"type": "directory"}, folder))
            except (HTTPError, OSError):
                # Another call may have made it; the lock is only for the notebook.
                if not await self._is_folder(folder):
                    raise
            else:
                made.append(folder)

    async def _has_no_checkpoints(self, path: str) -> bool:
        # Of a notebook that a person has lost they may be the last copy.
        if self._root is None:
            return False
        return not await ensure_async(self._contents.checkpoints.list_checkpoints(path))

    async def _is_folder(self, path: str) -> bool:
        return bool(await ensure_async(self._contents.dir_exists(path)))

    async def _discard(self, path: str, made: Sequence[str], *, checkpoints: bool) -> None:
        """Remove what a failed creation has left; with ``checkpoints`` also those of the path."""
        if self._root is None:
            with suppress(HTTPError, OSError):
                await ensure_async(self._contents.delete_file(path))
            return
        if checkpoints:
            with suppress(HTTPError, OSError):
                await ensure_async(self._contents.checkpoints.delete_all_checkpoints(path))
        file = self._root / path
        # Not through the ContentsManager, which would put the piece into the person's trash.
        with suppress(OSError):
            file.unlink()
        with suppress(OSError):
            (file.parent / _CHECKPOINTS).rmdir()
        with suppress(OSError):
            for folder in reversed(made):
                (self._root / folder).rmdir()


def _is_folder_words(path: str) -> ContentsError:
    return ContentsError(f"{quoted(path)} is a folder, not a notebook. Name a notebook in it.")


def _too_large(path: str, size: int) -> ContentsError:
    return ContentsError(
        f"{quoted(path)} has {size / 1e6:.0f} MB, more than the {MAX_BYTES / 1e6:.0f} MB "
        "that are read here. Look at it with code of your own (execute_code)."
    )
