"""Notebooks as files: made and read through Jupyter's ContentsManager, beneath its root.

What a notebook's text means is in ``document.py``, how it is shown in ``view.py``.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from weakref import WeakValueDictionary

from jupyter_server.utils import ensure_async
from tornado.web import HTTPError

from jupyter_mcp_ext.errors import ContentsError
from jupyter_mcp_ext.files.contents import Contents, check_visible, explained, names_of, of_another
from jupyter_mcp_ext.files.paths import Hides, contents_path, quoted
from jupyter_mcp_ext.notebooks.cells import NewCell
from jupyter_mcp_ext.notebooks.document import KernelInfo, Notebook, compose, from_node, parse

_SUFFIX = ".ipynb"

_MANY_CELLS = 50
_LONG_TEXT = 500_000
"""From here on, nbformat and JSON work goes to a thread: it would hold the loop over 5 ms."""

_MAX_BYTES = 200_000_000

_CHECKPOINTS = ".ipynb_checkpoints"

_MAX_NAMES = 2_000
"""Names of a folder that are compared with one that does not exist."""


class Notebooks:
    """The notebooks beneath Jupyter's root; ``root`` is None where there is no disk behind."""

    def __init__(self, contents: Contents, root: Path | None) -> None:
        self._contents = contents
        self._root = root
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def path(self, path: str) -> str:
        """The API path of the notebook that an argument names; ``.ipynb`` may be left out."""
        name = PurePosixPath(contents_path(path, self._root))
        if path.endswith(("/", "/.")) or not name.name:
            msg = f'{quoted(path)} is a folder. Name a notebook in it, like "a.ipynb".'
            raise ContentsError(msg)
        if name.suffix not in {"", _SUFFIX}:
            msg = (
                f"{quoted(path)} is not a notebook: the name of one ends in {_SUFFIX}. Name "
                "one of those."
            )
            raise ContentsError(msg)
        # With the suffix it is another path, which may be a link.
        return str(name) if name.suffix else contents_path(f"{name}{_SUFFIX}", self._root)

    async def named(self, path: str, hides: Hides) -> str:
        """The API path of the notebook that an argument names, hidden ones refused."""
        path = self.path(path)
        await check_visible(self._contents, path)
        if any(map(hides, names_of(path, self._root))):
            raise of_another(path)
        return path

    def lock(self, path: str) -> asyncio.Lock:
        """Held while a notebook is changed, so that no two changes of ours cross."""
        key = path if self._root is None else os.path.realpath(self._root / path)
        return self._locks.setdefault(key, asyncio.Lock())

    async def create(
        self, path: str, cells: Sequence[NewCell], *, kernel: KernelInfo | None, hides: Hides
    ) -> Notebook:
        """Make a notebook where nothing is yet, with the folders it needs."""
        path = await self.named(path, hides)
        many = len(cells) > _MANY_CELLS
        node = await asyncio.to_thread(compose, cells, kernel) if many else compose(cells, kernel)
        async with self.lock(path):
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
        return from_node(node, path)

    async def read(self, path: str, *, hides: Hides) -> Notebook:
        """The notebook as it is in its file now. What ``hides`` a path is not there."""
        folder = contents_path(path, self._root)
        is_hidden = any(map(hides, names_of(folder, self._root)))
        if not is_hidden and await ensure_async(self._contents.dir_exists(folder)):
            msg = f"{quoted(path)} is a folder, not a notebook. Name a notebook in it."
            raise ContentsError(msg)
        path = self.path(path)
        if is_hidden or any(map(hides, names_of(path, self._root))):
            raise _not_there(path)
        text = await self._text(path)
        return (
            await asyncio.to_thread(parse, text, path)
            if len(text) > _LONG_TEXT
            else parse(text, path)
        )

    async def _text(self, path: str) -> str:
        await check_visible(self._contents, path)
        try:
            if not await ensure_async(self._contents.exists(path)):
                raise await self._missing(path)
            self._check_size(path)
            # As a file and not as a notebook: see document.py.
            model = await ensure_async(self._contents.get(path, type="file", format="text"))
        except (HTTPError, OSError) as err:
            if isinstance(err, HTTPError) and err.reason == "bad format":
                msg = f"{quoted(path)} is not a notebook: it is not UTF-8 text. Use another."
                raise ContentsError(msg) from err
            raise explained(err, f"{quoted(path)} could not be read") from err
        return str(model["content"])

    def _check_size(self, path: str) -> None:
        if self._root is not None and (size := (self._root / path).stat().st_size) > _MAX_BYTES:
            msg = (
                f"{quoted(path)} has {size / 1e6:.0f} MB, more than the {_MAX_BYTES / 1e6:.0f} MB "
                "that are read here. Look at it with code of your own (execute_code)."
            )
            raise ContentsError(msg)

    async def _missing(self, path: str) -> ContentsError:
        near = await asyncio.to_thread(_near_names, self._root / path) if self._root else []
        folder = PurePosixPath(path).parent
        return _not_there(path, [quoted(str(folder / name)) for name in near])

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
                # Another call may have made it meanwhile; the lock is only for the notebook.
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
        """Take back what a failed creation has left; ``checkpoints``: those of the path too."""
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


def _not_there(path: str, near: Sequence[str] = ()) -> ContentsError:
    advice = (
        f"Near it: {', '.join(near)}." if near else "Use a path that Jupyter's file browser shows."
    )
    return ContentsError(f"There is no notebook {quoted(path)}. {advice}")


def _near_names(path: Path) -> list[str]:
    """Notebooks of the same folder whose names are like this one's, three at most."""
    try:
        with os.scandir(path.parent) as entries:
            names = [e.name for _, e in zip(range(_MAX_NAMES), entries, strict=False)]
    except OSError:
        return []
    stems = {
        name.removesuffix(_SUFFIX).lower(): name
        for name in names
        if name.endswith(_SUFFIX) and not name.startswith(".") and name.isprintable()
    }
    return [stems[stem] for stem in get_close_matches(path.stem.lower(), stems, n=3)]
