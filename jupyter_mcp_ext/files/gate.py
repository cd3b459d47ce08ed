"""The one rule that says which paths the tools may use."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

from jupyter_server.utils import ensure_async

from jupyter_mcp_ext.errors import ContentsError

from .contents import Contents
from .paths import Hides, Place, check_wording, place_of, quoted
from .sensitive import Sensitive


class Gate:
    """Refuses paths outside Jupyter's root, hidden ones, those of secrets and those of other users.

    ``root`` is None where there is no disk behind; ``sensitive`` are patterns of `Sensitive`.
    """

    def __init__(self, contents: Contents, root: Path | None, sensitive: Iterable[str]) -> None:
        self._contents = contents
        self._root = root
        self._secrets = Sensitive(sensitive)

    async def place(self, path: str, hides: Hides, *, folder: str = "") -> Place:
        """What a path argument names; a relative one starts from ``folder``. Raises ContentsError.

        A path is also refused for what a symbolic link in it leads to.
        """
        check_wording(path)  # before the folder is put before it
        if folder and not path.startswith("/"):
            path = f"{folder}/{path}"
        if self._root is None:
            place = place_of(path, None)
        else:  # the one look at the disk for an argument
            place = await asyncio.to_thread(place_of, path, self._root)
        for name in dict.fromkeys((place.path, place.real)):
            await self._check(name, place.path, hides)
        return place

    async def folder(self, path: str, hides: Hides) -> str:
        """The API path of an existing folder. Raises ContentsError."""
        place = await self.place(path, hides)
        if not await ensure_async(self._contents.dir_exists(place.path)):
            msg = f"There is no folder {quoted(path)}. Use one that Jupyter's file browser shows."
            raise ContentsError(msg)
        return place.path

    def leaves_out(self, path: str, hides: Hides) -> bool:
        """Whether listings leave out what is at an API path."""
        is_hidden = path.rpartition("/")[2].startswith(".") and not self._contents.allow_hidden
        return is_hidden or path in self._secrets or hides(path)

    async def _check(self, name: str, named: str, hides: Hides) -> None:
        # Jupyter asks for hidden files in its REST handlers; `get` and `save` themselves do not.
        if not self._contents.allow_hidden and await self._is_hidden(name):
            msg = (
                f"{quoted(named)} is hidden, and this server shows no hidden files. "
                "Use another name."
            )
            raise ContentsError(msg)
        if name in self._secrets:
            msg = (
                f"{quoted(named)} has the name of a file with secrets, which are not "
                "opened here. Ask the person for what you need of it."
            )
            raise ContentsError(msg)
        if hides(name):
            msg = (
                f"{quoted(named)} is, or would be, in a folder that only its own user's calls "
                "reach. Use a path in your own folder, as your sessions' are."
            )
            raise ContentsError(msg)

    async def _is_hidden(self, path: str) -> bool:
        try:
            return await ensure_async(self._contents.is_hidden(path))
        except OSError:
            # It could not look, for instance below a file; then the wording decides.
            return any(part.startswith(".") for part in path.split("/"))
