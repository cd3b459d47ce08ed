"""A session's variables on disk: saved by its kernel, and signed with this server's key.

A data file is written by the kernel under a new name, then ``snapshot.json``, which refers to it,
is replaced: whenever a process is killed, the old snapshot or the new one is whole. Unpickling
runs code from the file, so the kernel only gets files that the signed index names.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from jupyter_mcp_ext.concurrency import to_its_end
from jupyter_mcp_ext.in_kernel import texts
from jupyter_mcp_ext.kernels import orphans
from jupyter_mcp_ext.kernels.evaluation import evaluate
from jupyter_mcp_ext.kernels.links.link import KernelLink
from jupyter_mcp_ext.sessions.comeback.definitions import Definitions

from . import answers
from .reply import Reply
from .snapshot import Failed, NoSnapshot, Restored, Snapshot, UnusableSnapshot, parsed

INDEX = "snapshot.json"

DATA = re.compile(r"snapshot-[0-9a-f]{16}\.(pickle|reply)")

MAX_INDEX = 64 * 1024 * 1024

NONBLOCK = getattr(os, "O_NONBLOCK", 0)
"""A pipe in the place of the data would be waited for otherwise."""

MAX_LINE = 200
"""Characters of the name of a failed definition; the ``MAX_WHY`` of the code in the kernel."""

EACH = 0.3
"""Share of a save's time for one variable that writes nothing."""

SLACK = 5.0
"""Seconds to wait for the kernel beyond its time limit."""


class SnapshotFolder(Protocol):
    """The folder of a session's snapshots. The methods block; failures are OSError."""

    @property
    def path(self) -> Path:
        """The directory, as the kernel sees it too."""

    @property
    def handed(self) -> Path:
        """The directory in which the kernel can write; this one, or one in it."""

    def take(self, name: str) -> None:
        """Have a file that the kernel has written into the other directory in this one."""

    def read(self, name: str, limit: int) -> bytes | None:
        """A file; None if it does not exist."""

    def write(self, name: str, data: bytes) -> None:
        """Write a file, completely or not at all, for this account only."""

    def remove(self, name: str) -> None:
        """Remove a file."""

    def names(self) -> list[str]:
        """The names of the files."""


class UnsupportedKernel(Exception):
    """Only the variables of an ipykernel can be saved and loaded."""


async def save(
    link: KernelLink,
    folder: SnapshotFolder,
    *,
    key: bytes,
    session_id: str,
    owner: str,
    after: int,
    max_bytes: int,
    seconds: float,
    patience: float,
    is_confined: bool = False,
    freed: Callable[[], None] = lambda: None,
) -> Snapshot:
    """Have the kernel write its variables, and make them the session's snapshot.

    One at a time for a session. It waits until the kernel is idle, and then occupies it for
    milliseconds: the variables of that moment are written, and code that the kernel runs
    afterwards does not affect them. If the kernel cannot be copied, as on Windows and macOS, it is
    occupied until the end; a save that is given up ends by itself. ``freed`` is called when the
    kernel has no more to do for it.

    Beyond ``seconds``, a copy may wait for the disk for ``patience`` seconds, so that what else
    synchronizes need not wait for all of a large save. 0 leaves that to the end.

    ``is_confined`` is noted: whether the kernel runs in a sandbox.

    Raises UnsupportedKernel, EvaluationError, asyncio.TimeoutError, KernelLost, OSError. Then the
    snapshot before it is still there.
    """
    _require_ipykernel(link)
    name = f"snapshot-{secrets.token_hex(8)}.pickle"
    older = await asyncio.to_thread(_data_files, folder)
    limits = {"max_bytes": max_bytes, "seconds": seconds, "patience": patience}
    saved = await _write(link, folder, name, limits, freed)
    snapshot = Snapshot(
        **saved | parsed(saved),
        session_id=session_id,
        owner=owner,
        created=time.time(),
        after=after,
        file=name,
        is_confined=is_confined,
    )
    # The next save must not overlap a cancelled one: it would remove data without its index.
    await to_its_end(lambda: _commit(folder, snapshot, key, older))
    return snapshot


async def _write(
    link: KernelLink,
    folder: SnapshotFolder,
    name: str,
    limits: Mapping[str, float],
    freed: Callable[[], None],
) -> dict[str, Any]:
    """Have the kernel write a data file, which is removed if that fails, and give its answer."""
    seconds = limits["seconds"]
    handed = await asyncio.to_thread(lambda: folder.handed)
    reply = await asyncio.to_thread(Reply.open, handed, name)
    arguments = {
        "source": await asyncio.to_thread(texts.saving),
        "path": str(handed / name),
        "reply": str(reply.path) if reply is not None else "",
        "each": seconds * EACH,
        **limits,
    }
    try:
        answer = await _evaluate(link, texts.beginning, "begin", arguments, seconds)
        freed()
        if reply is not None and answers.has_begun(answer):
            answer = await reply.read(timeout=seconds + limits["patience"] + SLACK)
            await asyncio.to_thread(orphans.reap, answers.process_of(answer))
        return await asyncio.to_thread(answers.saved, answer)
    except BaseException:
        await asyncio.to_thread(_remove, folder, [name])
        raise
    finally:
        if reply is not None:
            await asyncio.to_thread(reply.close)


async def read(folder: SnapshotFolder, *, key: bytes, session_id: str, owner: str) -> Snapshot:
    """The session's snapshot. Raises UnusableSnapshot, also if there is none, and OSError."""
    return await asyncio.to_thread(_read, folder, key, session_id, owner)


async def restore(
    link: KernelLink,
    folder: SnapshotFolder,
    *,
    key: bytes,
    session_id: str,
    owner: str,
    seconds: float,
    is_confined: bool = False,
    target: SnapshotFolder | None = None,
) -> Restored:
    """Load the session's snapshot into a new kernel, which may be that of another session.

    ``is_confined``: whether the kernel runs in a sandbox. ``target`` is the folder of that other
    session, which is all that its kernel then sees.

    Raises UnsupportedKernel, UnusableSnapshot, EvaluationError, asyncio.TimeoutError, KernelLost,
    OSError.
    """
    _require_ipykernel(link)
    snapshot = await read(folder, key=key, session_id=session_id, owner=owner)
    snapshot.check_kernel(
        **answers.about(await _evaluate(link, texts.loading, "about", {}, seconds)),
        is_confined=is_confined,
    )
    is_older = snapshot.version == 1  # functions and classes were not in the data
    arguments = {
        "path": str((folder if target is None else target).path / snapshot.file),
        "sources": snapshot.sources if is_older else (),
        "records": [asdict(record) for record in snapshot.records],
        "modules": snapshot.modules,
        "alive": snapshot.definitions if is_older else None,
        "seconds": seconds,
    }
    if target is not None:
        await asyncio.to_thread(_show, folder, snapshot.file, target)
    try:
        answer = await _evaluate(link, texts.loading, "load", arguments, seconds)
    finally:
        if target is not None:
            await asyncio.to_thread(_remove, target, [snapshot.file])
    return _restored(answers.loaded(answer), snapshot)


def first_line(source: str) -> str:
    """The name of a failed definition in `Restored`."""
    return source.partition("\n")[0][:MAX_LINE]


async def define(link: KernelLink, definitions: Definitions, *, seconds: float) -> Restored:
    """Run definitions in a kernel if there are no variables to load.

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
    return _restored(
        answers.loaded(await _evaluate(link, texts.loading, "load", arguments, seconds)), None
    )


def _require_ipykernel(link: KernelLink) -> None:
    if not link.info.kind.saves_variables:
        found = link.info.implementation or "unknown"
        msg = f"the kernel is {found}, and only ipykernel's variables can be saved"
        raise UnsupportedKernel(msg)


async def _evaluate(
    link: KernelLink,
    text: Callable[[], str],
    function: str,
    arguments: Mapping[str, Any],
    seconds: float,
) -> Any:
    source = await asyncio.to_thread(text)
    return await evaluate(link, source, function, arguments, timeout=seconds + SLACK)


def _commit(folder: SnapshotFolder, snapshot: Snapshot, key: bytes, older: list[str]) -> None:
    try:
        folder.take(snapshot.file)
        # The data first: an index must not outlive a power cut that its data did not.
        found = os.open(folder.path / snapshot.file, os.O_RDONLY | os.O_NOFOLLOW | NONBLOCK)
        try:
            os.fsync(found)
        finally:
            os.close(found)
        folder.write(INDEX, snapshot.to_bytes(key))
    except OSError:
        _remove(folder, [snapshot.file])
        raise
    _remove(folder, older)


def _show(folder: SnapshotFolder, name: str, target: SnapshotFolder) -> None:
    """Have a data file in another session's folder too."""
    source, shown = folder.path / name, target.path / name
    try:
        os.link(source, shown, follow_symlinks=False)
    except OSError:  # of a file system without links
        shutil.copyfile(source, shown, follow_symlinks=False)


def _data_files(folder: SnapshotFolder) -> list[str]:
    return [name for name in folder.names() if DATA.fullmatch(name)]


def _remove(folder: SnapshotFolder, names: list[str]) -> None:
    for name in names:
        with contextlib.suppress(OSError):  # missing, or the next save tries again
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
        state=answer["state"],
        state_failed=tuple(Failed(**one) for one in answer["state_failed"]),
        snapshot=snapshot,
    )
