"""The files of the notebook of a session's story: when one is large, the next begins.

Everything here blocks: call it in a thread. Failures are OSError.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from jupyter_mcp_ext.files.beneath import Changed, Folder, Stamp, stamp
from jupyter_mcp_ext.sessions.disk.folder import SessionFolder

from .composition import (
    Composed,
    Head,
    UnreadableNotebook,
    compose,
    extended,
    is_as_composed,
    merged,
    note,
    without_outputs,
)
from .journal import Entry

MAX_PART = 20_000_000
"""Bytes from which on a notebook goes on in another file."""

MAX_READ = 5 * MAX_PART
MAX_PARTS = 200
"""Files that a story has: of more, the oldest are removed, but never the first."""

MAX_WHOLE = 50
"""Files that have their outputs: with these, the notebooks of a session have a gigabyte."""

BARE = "The outputs of these cells were removed, since the story of the session has become long."

REMOVED = (
    " Between {first} and {kept}, the notebooks were removed that only this server has saved, "
    "since the story of the session has become very long."
)

Journal = Callable[[int], Sequence[Entry]]
"""Gives all executions of the journal, with the outputs of those after a number."""

SAVING = 2.0
"""Seconds after a write in which a notebook may be incomplete: Jupyter saves in place."""

TAIL = 64_000
THROUGH = re.compile(rb'"executions": ?([0-9]{1,9})\b')


class StoryNotebook:
    """The notebook of a story, of which one file is written."""

    def __init__(self, folder: SessionFolder, name: str, head: Callable[[], Head]) -> None:
        """``name`` is that of the first file in the folder."""
        self.part = 1
        self.after = 0
        """The number after which the executions in the file begin."""
        self.size = 0
        """Bytes of the file when it was last written."""
        self._name = name
        self._folder = folder
        self._head = head
        self._shown: tuple[Composed, Stamp] | None = None
        """The file as it was last written."""

    @property
    def file_name(self) -> str:
        """The file that is written now."""
        return self._name_of(self.part)

    @property
    def path(self) -> str:
        """Its API path."""
        return f"{self._folder.api_path}/{self.file_name}"

    @property
    def head(self) -> Head:
        """What it says of its session."""
        return self._head()

    @property
    def is_shown(self) -> bool:
        """Whether the file is as this server has written it last, as far as is known."""
        return self._shown is not None

    def rename(self, name: str) -> None:
        """Give the first file another name, before it is written."""
        self._name = name

    def go_on(self, *, part: int, after: int) -> None:
        """Go on in the file that an earlier server has written last."""
        self.part, self.after = part, after

    @property
    def _oldest(self) -> int:
        """The first part behind those that were removed."""
        return self.part - MAX_PARTS + 1

    def forget(self) -> None:
        """Compare the file with the journal before it is written again."""
        self._shown = None

    def through(self) -> int:
        """The number of the last execution that the file has; 0 where it does not say."""
        with self._folder.visible() as folder:
            return self._through(folder)

    def turn(self, last: int) -> bool:
        """Begin the next file if this one is large; whether it did so.

        ``last`` is the number of the last execution that can be in it.
        """
        with self._folder.visible() as folder:
            status = folder.stat(self.file_name)
            if status is None or status.st_size <= MAX_PART:
                return False
            following = self.part + 1
            last_tried = self.part + MAX_PARTS
            while folder.stat(self._name_of(following)) is not None and following < last_tried:
                following += 1
            with suppress(Changed):
                self._refer(folder, following)
            self.after = max(self.after, min(self._through(folder), last))
        self.part, self._shown = following, None
        return True

    @property
    def long_ago(self) -> str:
        """The API path of the file that is to lose its outputs; empty if none is."""
        part = self.part - MAX_WHOLE
        return f"{self._folder.api_path}/{self._name_of(part)}" if part > 0 else ""

    @property
    def too_many(self) -> str:
        """The API path of the file that is to be removed; empty if none is."""
        # The first stays: it has the name by which the session's notebook is known.
        part = self.part - MAX_PARTS
        return f"{self._folder.api_path}/{self._name_of(part)}" if part > 1 else ""

    def remove(self) -> None:
        """Remove that file, unless another program than this server has saved it."""
        name = self._name_of(self.part - MAX_PARTS)
        with self._folder.visible() as folder, suppress(UnreadableNotebook):
            before = stamp(folder.stat(name))
            old = folder.read(name, MAX_READ)
            is_ours = old is not None and is_as_composed(old, self._head())
            if is_ours and stamp(folder.stat(name)) == before:
                folder.remove(name)

    def bare(self) -> None:
        """Remove the outputs of that file, unless another has written cells into it."""
        name = self._name_of(self.part - MAX_WHOLE)
        with self._folder.visible() as folder, suppress(Changed, UnreadableNotebook):
            before = stamp(folder.stat(name))
            old = folder.read(name, MAX_READ)
            new = None if old is None else without_outputs(old, self._head(), BARE)
            if new is not None:
                folder.write(
                    name, [new], mode=0o666, check=lambda: stamp(folder.stat(name)) == before
                )

    def write(self, new: Sequence[Entry], journal: Journal, *, is_complete: bool) -> None:
        """Add missing executions to the file: ``new`` if ``is_complete``, else by the journal.

        Raises UnreadableNotebook, and Changed when another program saved it at that moment.
        """
        with self._folder.visible() as folder:
            before = stamp(folder.stat(self.file_name))
            old = folder.read(self.file_name, MAX_READ)
            if old is None or not is_complete or self._shown is None:
                written = self._made_up(folder, old, before, new, journal)
            else:
                written = self._extended(folder, old, before, new)
            status = folder.write(
                self.file_name,
                [written.data],
                mode=0o666,
                check=lambda: stamp(folder.stat(self.file_name)) == before,
            )
        self.size = len(written.data)
        self._shown = replace(written, data=b""), stamp(status)

    def _extended(
        self, folder: Folder, old: bytes, before: Stamp, new: Sequence[Entry]
    ) -> Composed:
        if self._shown is not None and self._shown[1] == before:
            shown = self._shown[0]
            return extended(old, shown.tail, new, self._head(), shown.through)
        return self._merged(folder, old, before, new, new)

    def _made_up(
        self,
        folder: Folder,
        old: bytes | None,
        before: Stamp,
        new: Sequence[Entry],
        journal: Journal,
    ) -> Composed:
        if old is not None:
            return self._merged(folder, old, before, journal(_through(old)), new)
        found = [entry for entry in journal(self.after) if entry.number > self.after]
        if self.part == 1:
            return compose(found, self._head())
        words = f"This notebook goes on from {self._name_of(self.part - 1)}."
        if self.too_many:
            words += REMOVED.format(first=self._name_of(1), kept=self._name_of(self._oldest))
        return compose(found, self._head(), first=note(self._head(), self.part, words))

    def _merged(
        self,
        folder: Folder,
        old: bytes,
        before: Stamp,
        found: Sequence[Entry],
        new: Sequence[Entry],
    ) -> Composed:
        found = [entry for entry in found if entry.number > self.after]
        try:
            return merged(old, found, self._head(), new=ids(new))
        except UnreadableNotebook:
            age = time.time() - before[2] / 1e9 if before is not None else 0.0
            if 0 <= age < SAVING or stamp(folder.stat(self.file_name)) != before:
                raise Changed from None
            raise

    def _refer(self, folder: Folder, following: int) -> None:
        """Add a note on where the story goes on to a file that only this server has written."""
        before = stamp(folder.stat(self.file_name))
        if self._shown is None or self._shown[1] != before:
            return
        old = folder.read(self.file_name, MAX_READ)
        shown = self._shown[0]
        words = f"This notebook goes on in {self._name_of(following)}."
        last = note(self._head(), following, words)
        if old is not None:
            whole = extended(old, shown.tail, (), self._head(), shown.through, last=last)
            folder.write(
                self.file_name,
                [whole.data],
                mode=0o666,
                check=lambda: stamp(folder.stat(self.file_name)) == before,
            )

    def _through(self, folder: Folder) -> int:
        if self._shown is not None:
            return self._shown[0].through
        try:
            fd = folder.open(self.file_name, os.O_RDONLY)
        except OSError:  # none, or nothing that could be read
            return 0
        with os.fdopen(fd, "rb") as file:
            file.seek(max(os.fstat(fd).st_size - TAIL, 0))
            return _through(file.read(TAIL))

    def _name_of(self, part: int) -> str:
        stem, dot, suffix = self._name.rpartition(".")
        return self._name if part == 1 else f"{stem}-{part}{dot}{suffix}"


def ids(found: Sequence[Entry]) -> frozenset[str]:
    """The ids of their cells."""
    return frozenset(entry.cell_id for entry in found)


def _through(data: bytes) -> int:
    """Up to which execution a notebook goes, by its metadata, which are at its end."""
    found = THROUGH.findall(data[-TAIL:])
    return int(found[-1]) if found else 0
