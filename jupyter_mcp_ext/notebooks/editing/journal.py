"""What agents have edited in notebooks, kept so that they can take it back after a restart too.

One file (mode 0600) for each user and notebook, in Jupyter's runtime directory; a line is one edit,
with a digest by this server's key: what is taken back comes from here, and kernels can write there.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_mcp_ext.concurrency import Locks, Tasks
from jupyter_mcp_ext.files.beneath import Folder, opened
from jupyter_mcp_ext.sealed import is_sealed, seal

from .steps import Step, as_json, from_json

VERSION = 1
MAX_LINE = 1_000_000
"""Bytes of one edit; a larger one cannot be taken back."""
MAX_FILE = 4_000_000
"""Bytes of a file, above which its earlier half is dropped."""
MAX_READ = 3 * MAX_FILE
KEPT = 30 * 86_400.0
"""Seconds after its last edit for which a notebook's file is kept."""
CLEAR = 86_400.0
"""Seconds between two looks for those that are kept no longer."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One edit of one client."""

    client: str
    tool: str
    steps: tuple[Step, ...]
    beside: tuple[str, ...] = ()
    """Ids of cells of the notebook, by which it is known again when it has another path."""
    at: float = field(default_factory=time.time)


class EditJournal:
    """The edits of all notebooks of one server."""

    def __init__(self, runtime_dir: Path, root: str, key: Callable[[str], bytes]) -> None:
        """``root`` tells servers apart that share a runtime directory; ``key`` gives keys."""
        self._base = runtime_dir
        self._folder = f"jupyter_mcp_ext/edits-{hashlib.sha256(root.encode()).hexdigest()[:16]}"
        self._key = key
        self._locks: Locks[str] = Locks()
        self._cleared = -CLEAR
        """When old files were removed, on the monotonic clock."""
        self._waiting: dict[str, list[tuple[Entry, asyncio.Future[bool]]]] = {}
        """The edits that are not written yet, by the names of their files."""
        self._tasks = Tasks()

    def keep(self, subject: str, path: str, entry: Entry) -> Awaitable[bool]:
        """Begin to keep an edit, whether or not the result is awaited.

        It is False if that is not possible, so that the edit cannot be taken back.
        """
        kept = asyncio.get_running_loop().create_future()
        waiting = self._waiting.setdefault(_name(subject, path), [])
        waiting.append((entry, kept))
        if len(waiting) == 1:
            self._tasks.start(self._keep(subject, path), name="mcp-edit-journal")
        return kept

    async def close(self) -> None:
        """Write what is not written yet."""
        await self._tasks.ended()

    async def _keep(self, subject: str, path: str) -> None:
        """Write all edits of a notebook that wait once it is their turn."""
        name = _name(subject, path)
        async with self._locks.of(name):
            waiting = self._waiting.pop(name)
            kept = [False] * len(waiting)
            try:
                entries = [entry for entry, _ in waiting]
                kept = await asyncio.to_thread(self._add, name, subject, path, entries)
            finally:
                for (_, waits), is_kept in zip(waiting, kept, strict=True):
                    if not waits.done():  # else its caller no longer waits
                        waits.set_result(is_kept)

    async def entries(self, subject: str, path: str) -> Sequence[Entry]:
        """The edits of a notebook, in their order."""
        return await asyncio.to_thread(self._entries, _name(subject, path), subject, path)

    async def paths(self, subject: str) -> Sequence[str]:
        """The notebooks that a user's clients have edited, by the paths that they had then."""
        return await asyncio.to_thread(self._paths, subject)

    async def move(self, subject: str, client: str, *, old: str, new: str) -> None:
        """A client's edits of a notebook are those of one with another path from now on."""
        first, second = sorted({_name(subject, old), _name(subject, new)})
        async with self._locks.of(first), self._locks.of(second):
            await asyncio.to_thread(self._move, subject, client, old, new)

    async def remove(self, subject: str, path: str, taken: Sequence[Entry]) -> None:
        """Forget edits, which have been taken back."""
        name = _name(subject, path)
        async with self._locks.of(name):
            await asyncio.to_thread(self._remove, name, subject, path, taken)

    def _add(self, name: str, subject: str, path: str, entries: Sequence[Entry]) -> list[bool]:
        """Whether each of some edits was written."""
        lines = [self._line(subject, path, entry) for entry in entries]
        fits = [len(line) <= MAX_LINE for line in lines]
        pieces = _pieces(line for line, is_fit in zip(lines, fits, strict=True) if is_fit)
        try:
            with opened(self._base, self._folder, make=True) as folder:
                self._clear(folder)
                for piece in pieces:
                    _append(folder, name, piece)
        except OSError:
            return [False] * len(entries)
        return fits

    def _clear(self, folder: Folder) -> None:
        """Remove the files of notebooks that were not edited for long, once a day."""
        if time.monotonic() - self._cleared < CLEAR:
            return
        self._cleared = time.monotonic()
        for name in folder.names():
            status = folder.stat(name)
            if status is not None and status.st_mtime < time.time() - KEPT:
                folder.remove(name)

    def _entries(self, name: str, subject: str, path: str) -> list[Entry]:
        try:
            with opened(self._base, self._folder) as folder:
                data = folder.read(name, MAX_READ) or b""
        except OSError:
            return []
        found = (self._entry(subject, path, line) for line in data.splitlines())
        return [entry for entry in found if entry is not None]

    def _remove(self, name: str, subject: str, path: str, taken: Sequence[Entry]) -> None:
        gone = {(entry.client, entry.at) for entry in taken}
        kept = [e for e in self._entries(name, subject, path) if (e.client, e.at) not in gone]
        with suppress(OSError), opened(self._base, self._folder) as folder:
            self._write(folder, subject, path, kept)

    def _move(self, subject: str, client: str, old: str, new: str) -> None:
        there = self._entries(_name(subject, old), subject, old)
        here = self._entries(_name(subject, new), subject, new)
        here += [entry for entry in there if entry.client == client]
        with suppress(OSError), opened(self._base, self._folder) as folder:
            self._write(folder, subject, new, sorted(here, key=lambda entry: entry.at))
            if rest := [entry for entry in there if entry.client != client]:
                self._write(folder, subject, old, rest)
            else:
                folder.remove(_name(subject, old))

    def _write(self, folder: Folder, subject: str, path: str, entries: Sequence[Entry]) -> None:
        lines = [self._line(subject, path, entry) for entry in entries]
        folder.write(_name(subject, path), lines, mode=0o600)

    def _paths(self, subject: str) -> list[str]:
        found: list[str] = []
        with suppress(OSError), opened(self._base, self._folder) as folder:
            for name in folder.names():
                with suppress(OSError, ValueError, TypeError, KeyError, RecursionError):
                    with os.fdopen(folder.open(name, os.O_RDONLY), "rb") as file:
                        line = file.readline(MAX_LINE + 1)
                    path = json.loads(line)["path"]
                    # Else it is another user's, or not ours at all.
                    if _name(subject, path) == name and self._entry(subject, path, line):
                        found.append(path)
        return found

    def _line(self, subject: str, path: str, entry: Entry) -> bytes:
        content: dict[str, Any] = {
            "version": VERSION,
            "path": path,
            "client": entry.client,
            "tool": entry.tool,
            "at": entry.at,
            "steps": [as_json(step) for step in entry.steps],
            "beside": entry.beside,
        }
        return json.dumps(seal(content, self._key_for(subject, path))).encode() + b"\n"

    def _entry(self, subject: str, path: str, line: bytes) -> Entry | None:
        with suppress(ValueError, TypeError, KeyError, AttributeError, RecursionError):
            content = json.loads(line)
            if content["version"] == VERSION and is_sealed(content, self._key_for(subject, path)):
                return Entry(
                    client=content["client"],
                    tool=content["tool"],
                    at=content["at"],
                    steps=tuple(from_json(step) for step in content["steps"]),
                    beside=tuple(content.get("beside", ())),
                )
        return None

    def _key_for(self, subject: str, path: str) -> bytes:
        return self._key(f"edits of {subject} in {path}")


def _pieces(lines: Iterable[bytes]) -> Iterator[bytes]:
    """These lines, as few pieces of `MAX_LINE` bytes at most."""
    piece = b""
    for line in lines:
        if len(piece) + len(line) > MAX_LINE:
            yield piece
            piece = b""
        piece += line
    if piece:
        yield piece


def _append(folder: Folder, name: str, piece: bytes) -> None:
    status = folder.stat(name)
    if status is not None and status.st_size > MAX_FILE:
        lines = (folder.read(name, MAX_READ) or b"").splitlines(keepends=True)
        folder.write(name, lines[len(lines) // 2 :], mode=0o600)
    fd = folder.open(name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(fd, "ab") as file:
        file.write(piece)


def _name(subject: str, path: str) -> str:
    return hashlib.sha256(json.dumps([subject, path]).encode()).hexdigest()[:32] + ".jsonl"
