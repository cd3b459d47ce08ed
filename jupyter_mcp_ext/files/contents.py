"""Jupyter's ContentsManager: what is needed of it, where its files are, what its errors mean."""

from __future__ import annotations

import errno
from collections.abc import Awaitable, Iterator
from pathlib import Path
from typing import Any, Protocol

from jupyter_server.services.contents.filemanager import FileContentsManager

from jupyter_mcp_ext.errors import ContentsError

from .paths import quoted

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
    """What is needed of Jupyter's ``ContentsManager``, synchronous or asynchronous."""

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
    """The folder on this server's disk that holds the contents; None if they are elsewhere.

    Every ContentsManager has a ``root_dir``, which is ``/`` where it means nothing: it may keep its
    contents in a database and not on that disk.
    """
    if isinstance(contents, FileContentsManager) and contents.root_dir:
        return Path(contents.root_dir)
    return None


def irregular(path: str) -> ContentsError:
    """The error for an API path that is neither a file nor a folder."""
    return ContentsError(
        f"{quoted(path)} is not a regular file but a device, a pipe or the like, which are not "
        "opened. Use another path."
    )


def explained(error: Exception, doing: str) -> ContentsError:
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
