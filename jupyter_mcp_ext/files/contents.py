"""Jupyter's ContentsManager in our words: hidden files, and what its errors mean."""

from __future__ import annotations

import errno
from collections.abc import Awaitable, Iterator
from pathlib import Path
from typing import Any, Protocol

from jupyter_server.services.contents.filemanager import FileContentsManager
from jupyter_server.utils import ensure_async
from tornado.web import HTTPError

from jupyter_mcp_ext.errors import ContentsError
from jupyter_mcp_ext.files.paths import Hides, contents_path, followed, quoted

_CAUSES = {
    errno.ENOSPC: "the disk is full. Delete files, then try again.",
    errno.EDQUOT: "the disk quota is used up. Free space, then retry.",
    errno.EFBIG: "it is larger than this server lets a file be. Write less.",
    errno.EROFS: "the file system is read-only. Use another folder.",
    errno.ENAMETOOLONG: "the name is too long. Use a shorter one.",
    errno.EACCES: "the server has no permission. Use another folder.",
    errno.EPERM: "the server has no permission. Use another folder.",
    errno.ELOOP: "its symbolic links form a loop. Use another path.",
    errno.ENOTDIR: "a part of the path is a file, not a folder. Use another path.",
}


class Contents(Protocol):
    """What we need of a ``ContentsManager`` of Jupyter, synchronous or asynchronous."""

    @property
    def allow_hidden(self) -> bool: ...
    @property
    def checkpoints(self) -> Any: ...
    def is_hidden(self, path: str) -> bool | Awaitable[bool]: ...
    def exists(self, path: str) -> bool | Awaitable[bool]: ...
    def dir_exists(self, path: str) -> bool | Awaitable[bool]: ...
    def get(
        self, path: str, content: bool = ..., type: str | None = ..., format: str | None = ...
    ) -> Any: ...
    def save(self, model: dict[str, Any], path: str) -> Any: ...
    def delete_file(self, path: str) -> Any: ...


def disk_of(contents: object) -> Path | None:
    """The folder on this server's disk that the contents are in, None where they are elsewhere.

    Every ContentsManager has a ``root_dir``, which is ``/`` where it means nothing: it may keep its
    contents in a database while the disk is nobody's business.
    """
    if isinstance(contents, FileContentsManager) and contents.root_dir:
        return Path(contents.root_dir)
    return None


async def check_visible(contents: Contents, path: str) -> None:
    """Refuse a hidden file unless the ContentsManager allows them.

    Jupyter asks this in its REST handlers; ``get`` and ``save`` themselves do not.
    """
    if not contents.allow_hidden and await _is_hidden(contents, path):
        msg = f"{quoted(path)} is hidden, and this server shows no hidden files. Use another name."
        raise ContentsError(msg)


def names_of(api_path: str, root: Path | None) -> tuple[str, ...]:
    """An API path as it is named, and without symbolic links: one may lead to what is hidden."""
    real = api_path if root is None else followed(api_path, root)
    return (api_path,) if real == api_path else (api_path, real)


def of_another(path: str) -> ContentsError:
    """The refusal of a path at which something was to be made, and which is hidden."""
    msg = (
        f"{quoted(path)} would be in the folder of a session, which only its own user's calls "
        "reach. Use another path."
    )
    return ContentsError(msg)


async def existing_folder(contents: Contents, root: Path | None, path: str, hides: Hides) -> str:
    """The API path of a folder that is there. Raises ContentsError."""
    folder = contents_path(path, root)
    await check_visible(contents, folder)
    is_hidden = any(map(hides, names_of(folder, root)))
    if is_hidden or not await ensure_async(contents.dir_exists(folder)):
        msg = f"There is no folder {quoted(path)}. Use one that Jupyter's file browser shows."
        raise ContentsError(msg)
    return folder


async def _is_hidden(contents: Contents, path: str) -> bool:
    try:
        return await ensure_async(contents.is_hidden(path))
    except OSError:
        # It could not look, for instance below a file; then the wording decides.
        return any(part.startswith(".") for part in path.split("/"))


def explained(error: HTTPError | OSError, doing: str) -> ContentsError:
    """What a ContentsManager's failure means; ``doing`` is like ``'"a.ipynb" could not be saved'``.

    Its own message is never repeated, since it may hold a path outside the root.
    """
    for cause in _chain(error):
        if isinstance(cause, OSError) and cause.errno in _CAUSES:
            return ContentsError(f"{doing}: {_CAUSES[cause.errno]}")
    match getattr(error, "status_code", None):
        case 403:
            return ContentsError(f"{doing}: {_CAUSES[errno.EACCES]}")
        case 404:
            return ContentsError(f"{doing}: it does not exist. Use another path.")
        case 413:
            return ContentsError(f"{doing}: {_CAUSES[errno.EFBIG]}")
        case 400 | 409:
            return ContentsError(f"{doing}: Jupyter refuses this path. Use another path.")
        case _:
            return ContentsError(
                f"{doing}: Jupyter's storage failed. Retry once; its log has the details."
            )


def _chain(error: BaseException | Any) -> Iterator[BaseException]:
    # A full disk hides behind the FileNotFoundError of Jupyter's clean-up after it.
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
