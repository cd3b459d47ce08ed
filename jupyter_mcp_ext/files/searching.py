"""The search through a folder on the disk, as deep as a pattern reaches."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

from .beneath import Folder, opened
from .changes import TOOLS_OWN
from .listing import MAX_LOOKED, Glob, Kind
from .paths import MAX_FOLDERS
from .storage import IsApart, Refuses

Proceed: TypeAlias = Callable[[], None]
"""Raises OSError once the caller has stopped waiting."""

MAX_CACHES = 20
"""Folders of caches that a search names."""


class FolderSearch:
    """A search through a folder, and its counts."""

    def __init__(
        self, root: Path, top: str, glob: Glob | None, *, refuses: Refuses, is_apart: IsApart
    ) -> None:
        self.top = top
        self.is_apart = is_apart
        self.passed = ""
        self.caches: list[str] = []
        self.entries = 0
        self.fitting = 0
        self._root = root
        self._glob = glob
        self.refuses = refuses

    def found(self, goes_on: Proceed) -> Iterator[tuple[str, Kind]]:
        """What matches, in no order."""
        with opened(self._root, self.top) as folder:
            for path, kind in self._below(folder, (), goes_on):
                self.fitting += 1
                yield path, kind

    def _below(
        self, folder: Folder, at: tuple[str, ...], goes_on: Proceed
    ) -> Iterator[tuple[str, Kind]]:
        inner: list[str] = []
        goes_on()
        for entry in folder.entries():
            self.entries += 1
            if self.entries > MAX_LOOKED:
                return
            parts = (*at, entry.name)
            path = "/".join((self.top, *parts) if self.top else parts)
            if self.refuses(path):
                continue
            kind = _kind(entry)
            if self._glob is None or self._glob.fits(parts):
                yield path, kind
            if kind == "folder" and self._is_entered(parts, path):
                inner.append(entry.name)
        for name in inner:
            try:
                below = folder.inner(name)
            except OSError:  # gone, or not for us
                continue
            try:
                yield from self._below(below, (*at, name), goes_on)
            finally:
                below.close()

    def _is_entered(self, parts: tuple[str, ...], path: str) -> bool:
        if self._glob is None or len(parts) >= MAX_FOLDERS or not self._glob.may_fit_below(parts):
            return False
        if parts[-1] in TOOLS_OWN:
            if len(self.caches) < MAX_CACHES:
                self.caches.append(path)
            return False
        if self.is_apart(path) and not self._glob.names(parts):
            self.passed = path
            return False
        return True


def _kind(entry: os.DirEntry[str]) -> Kind:
    try:
        if entry.is_symlink():
            return "link"
        if entry.is_dir(follow_symlinks=False):
            return "folder"
        return "file" if entry.is_file(follow_symlinks=False) else "other"
    except OSError:  # gone by now
        return "other"
