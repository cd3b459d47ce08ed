"""Which files of a folder were written since a moment: a look through it that ends soon.

It follows no symbolic link, leaves out what is hidden or a tool's own, and takes what lies near
the top first, so that what it has no time for is the deepest.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from jupyter_mcp_ext.errors import ContentsError

from .paths import contents_path

MAX_ENTRIES = 5_000
"""Files and folders that one look takes in."""

MAX_SHOWN = 20
"""Files that are listed."""

_PLAIN = re.compile(r"[^\W_][\w./@+=-]*(?: [\w./@+=-]+)*|_[\w./@+=-]*")
"""A path that nothing can be mistaken in."""

MAX_WORDS = 600
"""Characters of the list in words."""

SLACK = 0.02
"""Seconds by which a file's time may be early: file systems keep the time of the last tick."""

TOOLS_OWN = frozenset({"__pycache__", "node_modules", "site-packages", "venv"})
"""Folders that tools fill and nobody reads."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """A file that was written; ``path`` is relative to Jupyter's root."""

    path: str
    bytes: int
    at: int
    """When, in nanoseconds since the epoch."""


@dataclass(frozen=True, kw_only=True)
class Changes:
    """The latest files that were written, in the order of their writing."""

    files: tuple[Change, ...] = ()
    more: int = 0
    """How many earlier ones there are."""

    @classmethod
    def latest(cls, found: Sequence[Change]) -> Changes:
        """As many of them as are shown."""
        return cls(files=tuple(found[-MAX_SHOWN:]), more=max(0, len(found) - MAX_SHOWN))


def changes(
    root: Path,
    folder: str,
    *,
    since: float,
    within: float,
    known: frozenset[Change] = frozenset(),
    but: Callable[[str], bool] = lambda _: False,
) -> tuple[Change, ...]:
    """What was written in a folder (an API path) and below it ``since`` a time, the latest last.

    It ends after ``within`` seconds with what it has found. Files that are ``known`` as they are
    now are left out, and so are paths of which ``but`` says so; those of folders end in a slash.
    It blocks: call it in a thread.
    """
    deadline = time.monotonic() + within
    try:
        api_path = contents_path(folder or ".", root)
    except ContentsError:  # it has become a symbolic link that leads out of the root
        return ()
    since_ns = int((since - SLACK) * 1e9)
    found = [
        change
        for change in _files(root, api_path, deadline, but)
        if change.at >= since_ns and change not in known
    ]
    return tuple(sorted(found, key=lambda change: change.at))


def in_words(found: Changes) -> str:
    """``out.csv (1.2 MB), plots/a.png (30 kB)``."""
    words: list[str] = []
    left = MAX_WORDS
    for change in reversed(found.files):  # the latest are kept
        word = f"{_named(change.path)} ({size_in_words(change.bytes)})"
        if len(word) > left:
            break
        left -= len(word)
        words.insert(0, word)
    more = found.more + len(found.files) - len(words)
    if more:
        words.append(f"{'and ' if words else ''}{more} more")
    return ", ".join(words)


def _named(path: str) -> str:
    """A path in a list, quoted where it could be taken for more of the list."""
    is_plain = _PLAIN.fullmatch(path) is not None
    return path if is_plain else json.dumps(plain(path), ensure_ascii=False)


def _files(
    root: Path, api_path: str, deadline: float, but: Callable[[str], bool]
) -> Iterator[Change]:
    folders = deque([api_path])
    entries = 0
    while folders:
        folder = folders.popleft()
        try:
            listing = os.scandir(root / folder)
        except OSError:  # gone, or not for us
            continue
        with listing:
            for entry in listing:
                entries += 1
                if entries > MAX_ENTRIES or time.monotonic() > deadline:
                    return
                if entry.name.startswith(".") or entry.name in TOOLS_OWN:
                    continue
                path = f"{folder}/{entry.name}" if folder else entry.name
                try:
                    if entry.is_dir(follow_symlinks=False):
                        if not but(f"{path}/"):
                            folders.append(path)
                    elif entry.is_file(follow_symlinks=False) and not but(path):
                        yield _change(path, entry.stat(follow_symlinks=False))
                except OSError:  # gone meanwhile
                    continue


def _change(path: str, stat: os.stat_result) -> Change:
    # Programs that unpack or download set a file's own time back; the system's then tells.
    return Change(path=path, bytes=stat.st_size, at=max(stat.st_mtime_ns, stat.st_ctime_ns))


def plain(path: str) -> str:
    """A path that cannot break a line nor the encoding."""
    return path if path.isprintable() else path.encode("unicode_escape").decode("ascii")


def size_in_words(count: int) -> str:
    """``1.2 MB``."""
    for unit, of in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= of:
            value = count / of
            return f"{value:.0f} {unit}" if value >= 10 else f"{value:.2g} {unit}"
    return f"{count} B"
