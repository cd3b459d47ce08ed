"""A session's variables on disk: saved by its kernel, vouched for by this server's key.

A data file is written by the kernel under a new name, then ``snapshot.json``, which refers to it,
is replaced: whenever somebody is killed, the old snapshot or the new one is whole. Unpickling
runs what the file says, so the kernel is given only what the index vouches for.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import os
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from jupyter_mcp_ext.kernels.evaluation import evaluate
from jupyter_mcp_ext.kernels.link import KernelLink

from . import answers
from .definitions import Definitions

VERSION = 1

INDEX = "snapshot.json"

DATA = re.compile(r"snapshot-[0-9a-f]{16}\.pickle")

MAX_INDEX = 64 * 1024 * 1024

MAX_LINE = 200
"""Characters by which a definition that failed is named, the ``MAX_WHY`` of what runs there."""

SLACK = 5.0
"""Seconds that the kernel is waited for beyond those in which it is to be done."""


class SnapshotFolder(Protocol):
    """Where a session's snapshots lie. The methods block; failures are OSError."""

    @property
    def path(self) -> Path:
        """The directory, as the kernel sees it too."""

    def read(self, name: str, limit: int) -> bytes | None:
        """A file, None where there is none."""

    def write(self, name: str, data: bytes) -> None:
        """Put a file there, whole or not at all, for this account only."""

    def remove(self, name: str) -> None:
        """Remove a file."""

    def names(self) -> list[str]:
        """The names of the files."""


class UnusableSnapshot(Exception):
    """The snapshot cannot be loaded; the message says why, as a sentence without its subject."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class NoSnapshot(UnusableSnapshot):
    """The session has not been saved."""


class UnsupportedKernel(Exception):
    """Only the variables of an ipykernel can be saved and loaded."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """A part of the data file, and the variables in it."""

    offset: int
    size: int
    sha256: str
    names: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Skipped:
    """A variable that was not saved."""

    name: str
    type: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Failed:
    """A variable that was not loaded, or a definition (its first line) that raised."""

    name: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """What was saved, and all that is needed to trust and load it."""

    session_id: str
    owner: str
    created: float
    after: int
    """The number of the execution after which it was taken."""
    python: str
    """``"3.11"``"""
    implementation: str
    """``"CPython"``"""
    file: str
    records: tuple[Record, ...]
    modules: Mapping[str, str]
    """Variables that are modules, with the modules' names."""
    sources: tuple[str, ...]
    """The definitions to run before the variables are loaded."""
    definitions: tuple[str, ...]
    """Of the names that these bind, the ones that the session had."""
    skipped: tuple[Skipped, ...]
    version: int = field(default=VERSION)

    @property
    def names(self) -> tuple[str, ...]:
        """The variables in the data file."""
        return tuple(name for record in self.records for name in record.names)

    @property
    def size(self) -> int:
        """Bytes of the data file."""
        return sum(record.size for record in self.records)

    def to_bytes(self, key: bytes) -> bytes:
        """JSON with a digest by the key."""
        content = asdict(self)
        return _canonical({**content, "digest": _digest(content, key)})

    @classmethod
    def from_bytes(cls, data: bytes, key: bytes) -> Snapshot:
        """What `to_bytes` made with the same key. Raises UnusableSnapshot."""
        try:
            content = json.loads(data)
        except (ValueError, RecursionError) as err:
            msg = "it is cut off or no JSON"
            raise UnusableSnapshot(msg) from err
        if not isinstance(content, dict) or "digest" not in content:
            msg = "it is no snapshot"
            raise UnusableSnapshot(msg)
        if content.get("version") != VERSION:
            msg = f"it is of version {content.get('version')!r}, and this server reads {VERSION}"
            raise UnusableSnapshot(msg)
        given = str(content.pop("digest"))
        if not hmac.compare_digest(given.encode(errors="replace"), _digest(content, key).encode()):
            msg = "it was not made with this server's key"
            raise UnusableSnapshot(msg)
        return cls(**content | _parsed(content))

    def check_kernel(self, python: str, implementation: str) -> None:
        """Raise UnusableSnapshot for a kernel whose Python is another one."""
        saved = f"{self.implementation} {self.python}"
        found = f"{implementation} {python}"
        if saved != found:
            msg = f"it was saved by {saved}, and the kernel is {found}"
            raise UnusableSnapshot(msg)


@dataclass(frozen=True, kw_only=True)
class Restored:
    """What came back into a kernel."""

    loaded: tuple[str, ...]
    """Variables, modules among them."""
    failed: tuple[Failed, ...]
    definitions: tuple[str, ...]
    """Names that definitions bind, which were run again."""
    definitions_failed: tuple[Failed, ...]
    snapshot: Snapshot | None = None
    """Where the variables came from; its ``skipped`` were not in it."""


async def save(
    link: KernelLink,
    folder: SnapshotFolder,
    *,
    key: bytes,
    session_id: str,
    owner: str,
    after: int,
    definitions: Definitions,
    max_bytes: int,
    seconds: float,
) -> Snapshot:
    """Have the kernel write its variables, and make them the session's snapshot.

    One at a time for a session. It waits behind what the kernel is at, so this should be idle. An
    interrupt of the kernel ends it; after a TimeoutError one is needed, since a variable's own
    code may hold the kernel.

    Raises UnsupportedKernel, EvaluationError, asyncio.TimeoutError, KernelLost, OSError. Then the
    snapshot before it is still there.
    """
    _require_ipykernel(link)
    name = f"snapshot-{secrets.token_hex(8)}.pickle"
    arguments = {
        "path": str(folder.path / name),
        "definitions": sorted(definitions.names),
        "max_bytes": max_bytes,
        "seconds": seconds,
    }
    older = await asyncio.to_thread(_data_files, folder)
    try:
        saved = answers.saved(await _evaluate(link, "save", arguments, seconds))
    except BaseException:
        await asyncio.to_thread(_remove, folder, [name])
        raise
    snapshot = Snapshot(
        **saved | _parsed(saved),
        session_id=session_id,
        owner=owner,
        created=time.time(),
        after=after,
        file=name,
        sources=definitions.sources,
    )
    # One thread to its end: a cancelled request must not leave an index without its data.
    await asyncio.to_thread(_commit, folder, snapshot, key, older)
    return snapshot


async def read(folder: SnapshotFolder, *, key: bytes, session_id: str, owner: str) -> Snapshot:
    """The session's snapshot. Raises UnusableSnapshot, also where there is none, and OSError."""
    return await asyncio.to_thread(_read, folder, key, session_id, owner)


async def restore(
    link: KernelLink,
    folder: SnapshotFolder,
    *,
    key: bytes,
    session_id: str,
    owner: str,
    seconds: float,
) -> Restored:
    """Bring the session's snapshot into a kernel that is new.

    Raises UnsupportedKernel, UnusableSnapshot, EvaluationError, asyncio.TimeoutError, KernelLost,
    OSError.
    """
    _require_ipykernel(link)
    snapshot = await read(folder, key=key, session_id=session_id, owner=owner)
    snapshot.check_kernel(**answers.about(await _evaluate(link, "about", {}, seconds)))
    arguments = {
        "path": str(folder.path / snapshot.file),
        "sources": snapshot.sources,
        "records": [asdict(record) for record in snapshot.records],
        "modules": snapshot.modules,
        "alive": snapshot.definitions,
        "seconds": seconds,
    }
    return _restored(answers.loaded(await _evaluate(link, "load", arguments, seconds)), snapshot)


def first_line(source: str) -> str:
    """What `Restored` calls a definition that failed."""
    return source.partition("\n")[0][:MAX_LINE]


async def define(link: KernelLink, definitions: Definitions, *, seconds: float) -> Restored:
    """Run definitions in a kernel, where there are no variables to load.

    Raises UnsupportedKernel, EvaluationError, asyncio.TimeoutError, KernelLost.
    """
    _require_ipykernel(link)
    arguments: dict[str, Any] = {
        "path": None,
        "sources": definitions.sources,
        "records": [],
        "modules": {},
        "alive": None,
        "seconds": seconds,
    }
    return _restored(answers.loaded(await _evaluate(link, "load", arguments, seconds)), None)


def _require_ipykernel(link: KernelLink) -> None:
    found = link.info.implementation if link.info is not None else ""
    if found != "ipython":
        msg = f"the kernel is {found or 'unknown'}, and only ipykernel's variables can be saved"
        raise UnsupportedKernel(msg)


async def _evaluate(
    link: KernelLink, function: str, arguments: Mapping[str, Any], seconds: float
) -> Any:
    source = await asyncio.to_thread(_source)
    return await evaluate(link, source, function, arguments, timeout=seconds + SLACK)


@cache
def _source() -> str:
    return Path(__file__).with_name("in_kernel.py").read_text(encoding="utf-8")


def _commit(folder: SnapshotFolder, snapshot: Snapshot, key: bytes, older: list[str]) -> None:
    try:
        # The data first: an index must not outlive a power cut that its data did not.
        found = os.open(folder.path / snapshot.file, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            os.fsync(found)
        finally:
            os.close(found)
        folder.write(INDEX, snapshot.to_bytes(key))
    except OSError:
        _remove(folder, [snapshot.file])
        raise
    _remove(folder, older)


def _data_files(folder: SnapshotFolder) -> list[str]:
    return [name for name in folder.names() if DATA.fullmatch(name)]


def _remove(folder: SnapshotFolder, names: list[str]) -> None:
    for name in names:
        with contextlib.suppress(OSError):  # not there, or the next save tries again
            folder.remove(name)


def _read(folder: SnapshotFolder, key: bytes, session_id: str, owner: str) -> Snapshot:
    data = folder.read(INDEX, MAX_INDEX)
    if data is None:
        msg = "there is none"
        raise NoSnapshot(msg)
    snapshot = Snapshot.from_bytes(data, key)
    if (snapshot.session_id, snapshot.owner) != (session_id, owner):
        msg = "it is of another session"
        raise UnusableSnapshot(msg)
    return snapshot


def _restored(answer: Mapping[str, Any], snapshot: Snapshot | None) -> Restored:
    return Restored(
        loaded=tuple(answer["loaded"]),
        failed=tuple(Failed(**one) for one in answer["failed"]),
        definitions=tuple(answer["definitions"]),
        definitions_failed=tuple(Failed(**one) for one in answer["definitions_failed"]),
        snapshot=snapshot,
    )


def _parsed(content: Mapping[str, Any]) -> dict[str, Any]:
    """The lists of a snapshot's JSON as what they are in a `Snapshot`."""
    records = (Record(**one | {"names": tuple(one["names"])}) for one in content["records"])
    return {
        "records": tuple(records),
        "definitions": tuple(content["definitions"]),
        "skipped": tuple(Skipped(**one) for one in content["skipped"]),
        **({"sources": tuple(content["sources"])} if "sources" in content else {}),
    }


def _digest(content: Mapping[str, Any], key: bytes) -> str:
    return hmac.new(key, _canonical(content), "sha256").hexdigest()


def _canonical(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
