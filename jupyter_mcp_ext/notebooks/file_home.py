"""A notebook in its file, changed through Jupyter's ContentsManager as JupyterLab saves it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TypeVar

from jupyter_server.utils import ensure_async
from tornado.web import HTTPError

from jupyter_mcp_ext.errors import ContentsError
from jupyter_mcp_ext.files.contents import Contents, explained
from jupyter_mcp_ext.files.paths import Place, quoted
from jupyter_mcp_ext.files.storage import FileStorage
from jupyter_mcp_ext.notebooks.draft import Change, Changed
from jupyter_mcp_ext.notebooks.file_draft import MINOR, FileDraft

T = TypeVar("T")

TRIES = 3
"""How often a change is applied because another program saved the file just then."""


class FileHome:
    """One notebook's file. ``lock`` is held for each change: there is one for each file."""

    def __init__(
        self, contents: Contents, storage: FileStorage, place: Place, lock: asyncio.Lock
    ) -> None:
        self._contents = contents
        self._storage = storage
        self._place = place
        self._lock = lock

    async def change(self, change: Change[T]) -> Changed[T]:
        """Apply a change and save it; again if the file was saved in between.

        Raises what it raises, and ContentsError; then the file is as it was.
        """
        async with self._lock:
            for _ in range(TRIES):
                before = await self._stamp()
                model = await self._read()
                draft = FileDraft(model["content"])
                value = change(draft)
                if not draft.is_changed:
                    return Changed(value=value, home="file", saved="saved")
                if await self._stamp() != before:
                    continue
                await self._save(model["content"])
                return Changed(value=value, home="file", saved="saved", notes=_notes(draft))
        msg = (
            f"{quoted(self._place.path)} was saved by another program {TRIES} times during this "
            "edit, which was not made. Read it again, then repeat the call."
        )
        raise ContentsError(msg)

    async def _stamp(self) -> object:
        try:
            entry = await self._storage.find(self._place.real)
        except (HTTPError, OSError) as err:
            raise explained(err, f"{quoted(self._place.path)} could not be read") from err
        return None if entry is None else (entry.modified, entry.size)

    async def _read(self) -> dict[str, dict[str, object]]:
        path = self._place.path
        try:
            model = await ensure_async(self._contents.get(path, content=True, type="notebook"))
        except (HTTPError, OSError) as err:
            raise explained(err, f"{quoted(path)} could not be read as a notebook") from err
        node = model["content"]
        if node.get("nbformat") != 4 or not isinstance(node.get("cells"), list):
            msg = (
                f"{quoted(path)} has a format that cannot be edited here. Open it in JupyterLab "
                "and save it, which converts it."
            )
            raise ContentsError(msg)
        found: dict[str, dict[str, object]] = model
        return found

    async def _save(self, node: dict[str, object]) -> None:
        path = self._place.path
        model = {"type": "notebook", "format": "json", "content": node}
        try:
            await ensure_async(self._contents.save(model, path))
        except (HTTPError, OSError) as err:
            raise explained(err, f"{quoted(path)} could not be saved, and was not changed") from err


def _notes(draft: FileDraft) -> Sequence[str]:
    if draft.was == f"4.{MINOR}" or draft.was.partition(".")[2] > str(MINOR):
        return ()
    return (f"the file was nbformat {draft.was} and is 4.{MINOR} now: its cells have ids",)
