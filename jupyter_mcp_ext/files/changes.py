"""Which files below a folder were written since some time: a search with a time limit.

It follows no symbolic link, leaves out what is hidden or a tool's own, and takes what lies near
the top first, so that what it has no time for is the deepest. It says whether it saw everything.
"""

from __future__ import annotations

import os
import re
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from jupyter_mcp_ext.errors import ContentsError
from jupyter_mcp_ext.outputs.characters import argument
from jupyter_mcp_ext.wording import size

from .paths import contents_path

MAX_ENTRIES = 5_000
"""Files and folders that one search visits, at most."""

MAX_SHOWN = 20
"""Files that are listed."""

_PLAIN = re.compile(r"[^\W_][\w./@+=-]*(?: [\w./@+=-]+)*|_[\w./@+=-]*")
"""A path that needs no quotes in a list."""

MAX_WORDS = 600
"""Characters of the list in words."""

PATIENCE = 0.25
"""Seconds of wall time after which a search ends: the processor may be busy, the disk slow."""

SLACK = 0.02
"""Seconds by which a file's time may be early: file systems use the time of the last tick."""

TOOLS_OWN = frozenset({"__pycache__", "node_modules", "site-packages", "venv"})
"""Folders of caches and the like, which tools fill."""


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
    """The number of earlier ones."""
    is_whole: bool = True
    """Whether the search was complete."""
    is_shared: bool = False
    """Whether other code ran at the time, which may have written some of them."""

    @classmethod
    def latest(
        cls, found: Sequence[Change], *, is_whole: bool = True, is_shared: bool = False
    ) -> Changes:
        """The last ones, as many as are shown."""
        return cls(
            files=tuple(found[-MAX_SHOWN:]),
            more=max(0, len(found) - MAX_SHOWN),
            is_whole=is_whole,
            is_shared=is_shared,
        )

    def __bool__(self) -> bool:
        """Whether there is anything to say."""
        return bool(self.files) or not self.is_whole


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a search has found."""

    changes: tuple[Change, ...] = ()
    is_whole: bool = True
    """Whether it was complete."""


def changes(
    root: Path,
    folder: str,
    *,
    since: float,
    within: float,
    known: frozenset[Change] = frozenset(),
    but: Callable[[str], bool] = lambda _: False,
) -> Found:
    """What was written in a folder (an API path) and below it ``since`` a time, the latest last.

    It ends after ``within`` seconds of the processor's time with what it has found. Files that are
    ``known`` as they are now are left out, and so are paths of which ``but`` says so; those of
    folders end in a slash. It blocks: call it in a thread.
    """
    budget = _Budget(within)
    try:
        api_path = contents_path(folder or ".", root)
    except ContentsError:  # it has become a symbolic link that leads out of the root
        return Found()
    since_ns = int((since - SLACK) * 1e9)
    found = [
        change
        for change in _files(root, api_path, budget, but)
        if change.at >= since_ns and change not in known
    ]
    found.sort(key=lambda change: change.at)
    return Found(changes=tuple(found), is_whole=not budget.is_spent)


def in_words(found: Changes) -> str:
    """``out.csv (1.2 MB), plots/a.png (30 kB)``."""
    words: list[str] = []
    left = MAX_WORDS
    for change in reversed(found.files):  # the latest are kept
        word = f"{_named(change.path)} ({size(change.bytes)})"
        if len(word) > left:
            break
        left -= len(word)
        words.insert(0, word)
    more = found.more + len(found.files) - len(words)
    if more:
        words.append(f"{'and ' if words else ''}{more} more")
    remarks = [", ".join(words)] if words else []
    if found.is_shared:
        remarks.append("code of other kernels ran at the same time, and may have written some")
    if not found.is_whole:
        rest = "the rest" if words else "what is there"
        remarks.append(f"not everything was looked at, list_files shows {rest}")
    return "; ".join(remarks)


def _named(path: str) -> str:
    """A path in a list, quoted if it could be mistaken for several."""
    is_plain = _PLAIN.fullmatch(path) is not None
    return path if is_plain else argument(path)


class _Budget:
    """The limits of one search.

    The processor's time is counted, as far as others leave it to us: on a machine with much load
    a look at few files would end by the clock before it began.
    """

    def __init__(self, within: float) -> None:
        self._entries = MAX_ENTRIES
        self._end = time.thread_time() + within
        self._deadline = time.monotonic() + max(within, PATIENCE)
        self.is_spent = False

    def spend(self) -> bool:
        """Whether another entry may be visited."""
        self._entries -= 1
        self.is_spent = (
            self._entries < 0 or time.thread_time() > self._end or time.monotonic() > self._deadline
        )
        return not self.is_spent


def _files(
    root: Path, api_path: str, budget: _Budget, but: Callable[[str], bool]
) -> Iterator[Change]:
    folders = deque([api_path])
    while folders:
        folder = folders.popleft()
        try:
            listing = os.scandir(root / folder)
        except OSError:  # gone, or not for us
            continue
        with listing:
            for entry in listing:
                if not budget.spend():
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
                except OSError:  # gone by now
                    continue


def _change(path: str, stat: os.stat_result) -> Change:
    # Programs that unpack or download set a file's own time back; the system's then tells.
    return Change(path=path, bytes=stat.st_size, at=max(stat.st_mtime_ns, stat.st_ctime_ns))
