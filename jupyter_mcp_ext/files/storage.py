"""What the file tools need of a storage: the server's disk, or Jupyter's ContentsManager."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, TypeVar

from .lines import TextPage, Wanted
from .listing import FileEntry, FolderPage, Glob

MAX_BYTES = 64_000_000
"""Bytes of the largest file that is read as a whole: to be searched, or as a notebook."""


@dataclass(frozen=True, kw_only=True)
class FileData:
    """A file's bytes, and a stamp that changes when it is written."""

    data: bytes
    stamp: object = None


@dataclass(frozen=True, kw_only=True)
class Below:
    """The files below a folder, by path, and what was left out."""

    paths: tuple[str, ...]
    links: int = 0
    """Symbolic links, which are not followed."""
    caches: tuple[str, ...] = ()
    """Folders of caches and packages, which are not entered; the first ones."""
    passed: str = ""
    """A folder that is apart and was skipped."""
    is_whole: bool = True
    """Whether there were no more names than are looked at."""


T = TypeVar("T")

Look: TypeAlias = Callable[[str, "bytes | Exception"], T]
"""Is given a file's path and bytes, or why it could not be read; called in a thread."""

SLICE = 0.1
"""Seconds that a thread works before others have a turn."""


class Refuses(Protocol):
    """Whether a path is hidden."""

    def __call__(self, path: str) -> bool: ...


class IsApart(Protocol):
    """Whether a folder is searched only when a pattern names it."""

    def __call__(self, path: str) -> bool: ...


class FileStorage(Protocol):
    """Files by their API paths, without symbolic links. Failures are OSError and HTTPError."""

    async def find(self, path: str) -> FileEntry | None:
        """What is there."""

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
        """A page of a folder, or of what fits the pattern in it and below it.

        Folders that are apart come last, and a pattern that does not name them passes them by.
        """

    async def below(self, folder: str, glob: Glob, *, refuses: Refuses, is_apart: IsApart) -> Below:
        """The files below a folder that fit a pattern; for the rest see `listing`."""

    async def looked(self, paths: Sequence[str], limit: int, look: Look[T]) -> list[T]:
        """Read files of at most ``limit`` bytes and look at each.

        Gives the results of the first ones, at least of one: as many as there is time for.
        """

    async def head(self, path: str, count: int, offset: int = 0) -> bytes:
        """At most ``count`` bytes of a file."""

    async def lines(self, path: str, wanted: Wanted) -> TextPage:
        """A page of a text file."""

    async def read(self, path: str, limit: int) -> FileData:
        """A whole file; EFBIG when it has more bytes than ``limit``."""

    async def digest(self, path: str) -> tuple[str, int]:
        """SHA-256 of a file, in hexadecimal digits, and the bytes that it was made of."""

    async def write(self, path: str, data: bytes, *, over: FileData | None = None) -> FileEntry:
        """Put a file there, whole or not at all, with the folders it needs; gives what it then is.

        With ``over`` only if the file is still that; else Changed is raised.
        """

    async def append(self, path: str, data: bytes) -> int:
        """Append to a file, creating it if it is missing; its new size."""
