"""Pages of a folder: which names match a pattern, and in which order. Pure."""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import islice, product
from math import prod
from typing import Literal

from jupyter_mcp_ext.errors import InvalidArgument

MAX_LOOKED = 1_000_000
"""Names that one call looks at, at most."""

MAX_GLOB = 500

MAX_CHOICES = 50
"""Names that the braces of a part of a pattern stand for, at most."""

_CHOICE = re.compile(r"((?<!\[)\{[^{}]*,[^{}]*\})")
"""``{a,b}``; ``[{]`` is the character itself."""

_RUN = 5_000

Kind = Literal["file", "folder", "link", "other"]
_KINDS: Mapping[str, Kind] = {
    "file": "file",
    "folder": "folder",
    "link": "link",
    "other": "other",
}


@dataclass(frozen=True, kw_only=True)
class FileEntry:
    """A file or folder; ``path`` is an API path. What is not known is None."""

    path: str
    kind: Kind
    size: int | None = None
    modified: float | None = None
    """Seconds since the epoch."""

    @property
    def stamp(self) -> object:
        """What is another when it was written; None where that is not known."""
        return None if self.modified is None else (self.modified, self.size)


@dataclass(frozen=True, kw_only=True)
class FolderPage:
    """A page of a folder, and the number of all its entries."""

    folder: str
    entries: tuple[FileEntry, ...]
    offset: int
    total: int
    is_whole: bool = True
    """Whether everything was looked at."""
    passed: str = ""
    """A folder that was skipped although the pattern may match in it."""


@dataclass(frozen=True, kw_only=True)
class Glob:
    """A shell pattern of paths below a folder; ``**`` is any number of folders."""

    parts: tuple[str, ...]

    @classmethod
    def of(cls, pattern: str | None) -> Glob | None:
        """The pattern; None for everything in the folder itself."""
        if pattern is None or not pattern.strip():
            return None
        parts = [part for part in pattern.split("/") if part not in ("", ".")]
        if len(pattern) > MAX_GLOB or ".." in parts or pattern.startswith("/"):
            msg = (
                "The glob leads out of the folder or is too long. "
                'Give one like "*.csv" or "**/*.py", and the folder as path.'
            )
            raise InvalidArgument(msg)
        if parts and parts[-1] == "**":
            parts.append("*")
        for part in parts:
            _alternatives(part)  # or raises
        single = [p for n, p in enumerate(parts) if p != "**" or parts[n - 1 : n] != ["**"]]
        return cls(parts=tuple(single))

    def fits(self, path: Sequence[str]) -> bool:
        """Whether a path, given as its parts, matches."""
        return len(self.parts) in self._reached(path)

    def names(self, folder: Sequence[str]) -> bool:
        """Whether the pattern begins with the folder's literal path."""
        return len(folder) < len(self.parts) and self.parts[: len(folder)] == tuple(folder)

    def may_fit_below(self, folder: Sequence[str]) -> bool:
        """Whether something in the folder may match."""
        return any(at < len(self.parts) for at in self._reached(folder))

    def _reached(self, path: Sequence[str]) -> set[int]:
        """The numbers of leading parts of the pattern that the path can match."""
        reached = self._and_skipped({0})
        for name in path:
            after = {at for at in reached if at < len(self.parts) and self.parts[at] == "**"}
            after |= {
                at + 1
                for at in reached
                if at < len(self.parts)
                and self.parts[at] != "**"
                and any(fnmatchcase(name, one) for one in _alternatives(self.parts[at]))
            }
            reached = self._and_skipped(after)
        return reached

    def _and_skipped(self, reached: set[int]) -> set[int]:
        return reached | {
            at + 1 for at in reached if at < len(self.parts) and self.parts[at] == "**"
        }


@lru_cache(maxsize=100)
def _alternatives(pattern: str) -> tuple[str, ...]:
    """``*.{py,md}`` is ``*.py`` or ``*.md``. Raises InvalidArgument if there are too many."""
    pieces = [
        piece[1:-1].split(",") if number % 2 else [piece]
        for number, piece in enumerate(_CHOICE.split(pattern))
    ]
    if prod(map(len, pieces)) > MAX_CHOICES:
        msg = f"The glob has over {MAX_CHOICES} combinations of its braces. Give a simpler one."
        raise InvalidArgument(msg)
    return tuple(map("".join, product(*pieces)))


def paged(
    found: Iterable[tuple[str, Kind]],
    *,
    offset: int,
    limit: int,
    is_apart: Callable[[str], bool] = lambda _: False,
) -> list[tuple[str, Kind]]:
    """A page in a file browser's order: folders first, then by name; ``is_apart`` ones last."""
    end = offset + limit
    runs: list[list[str]] = []
    run: list[str] = []
    for path, kind in found:
        # One word is compared faster than a tuple, and a short run is sorted within a millisecond:
        # a sort holds the interpreter, also that of the event loop.
        place = "1" if kind != "folder" else "2" if is_apart(path) else "0"
        run.append(f"{place}{path}\0{kind}")
        if len(run) == _RUN:
            runs.append(sorted(run)[:end])
            run = []
    page = islice(heapq.merge(*runs, sorted(run)), offset, end)
    return [(path, _KINDS[kind]) for path, _, kind in (key[1:].partition("\0") for key in page)]
