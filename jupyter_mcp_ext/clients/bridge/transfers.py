"""Copies files between the client's machine and the server, by the server's own tools.

The tools say what the caller may use, and record it. What is more than one call carries goes over
Jupyter's own API: a download as one stream, and an upload is renamed when it is complete.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import Any, TypeAlias
from urllib.parse import quote

from jupyter_mcp_ext.concurrency import to_its_end

from . import messages
from .allowed import Allowed, Draft, NotAllowed
from .connection import Connection, Failure, Refused
from .messages import Message
from .tools import DOWNLOAD, RECEIVE

CHUNK = 2_000_000
"""Bytes that are sent in one call; with base64 they are below the size of a message."""

WHOLE = 700_000
"""Bytes that one answer of `download_file` has."""

DROP = 5.0
"""Seconds in which the server takes an upload back; the bridge does not wait longer for its end."""

Ask: TypeAlias = Callable[[str, Mapping[str, Any]], Awaitable[dict[str, Any]]]
"""Calls a tool of the server and gives its result."""
Progress: TypeAlias = Callable[[int, int], Awaitable[None]]


class Failed(Exception):
    """A file was not copied; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Copied:
    """What was copied."""

    words: str
    path: str
    """On the server."""
    local_path: str
    size: int
    sha256: str


class Transfers:
    """Copies files for one call."""

    def __init__(
        self, allowed: Allowed, ask: Ask, connection: Connection, progress: Progress
    ) -> None:
        self._allowed = allowed
        self._ask = ask
        self._connection = connection
        self._progress = progress

    async def upload(self, arguments: Mapping[str, Any]) -> Copied:
        """Send a file. Raises Failed, NotAllowed and Failure."""
        place = await asyncio.to_thread(self._allowed.place, _text(arguments, "local_path"))
        path = str(arguments.get("path") or place.name)
        if path.endswith("/"):
            path += place.name
        target = {"path": path, "upload": os.urandom(8).hex(), **_session(arguments)}
        with self._allowed.reading(place) as (descriptor, size):
            try:
                sent = await self._send(
                    place.shown,
                    descriptor,
                    size,
                    {**target, "overwrite": arguments.get("overwrite") is True},
                )
            except BaseException:
                await self._drop(target)
                raise
        return sent

    async def download(self, arguments: Mapping[str, Any]) -> Copied:
        """Receive a file. Raises Failed, NotAllowed and Failure."""
        path = _text(arguments, "path")
        name = PurePosixPath(path).name
        place = await asyncio.to_thread(
            lambda: self._allowed.place(_text(arguments, "local_path"), name=name)
        )
        wanted = {"path": path, "limit": WHOLE, **_session(arguments)}
        result = _checked(await self._ask(DOWNLOAD, wanted))
        about = _file(result)
        size, expected = int(about.get("size") or 0), about.get("sha256")
        self._allowed.check(size, path)
        digest = hashlib.sha256()
        with self._allowed.writing(place, overwrite=arguments.get("overwrite") is True) as draft:
            if about.get("next") is None:
                data = _blob(result)
                digest.update(data)
                await to_its_end(partial(draft.write, data))
                size = len(data)
            else:
                size = await self._stream(str(about["path"]), draft, digest, size)
            if expected is not None and digest.hexdigest() != expected:
                msg = f"{path!r} changed while it was copied, and was not saved. Copy it again."
                raise Failed(msg)
            await to_its_end(draft.sync)  # what is left to do for its name takes no time then
        await self._progress(size, size)
        return Copied(
            words=f"{about['path']} was saved as {place.shown}, {size:,} bytes.",
            path=str(about["path"]),
            local_path=place.shown,
            size=size,
            sha256=digest.hexdigest(),
        )

    async def _stream(self, path: str, draft: Draft, digest: Any, total: int) -> int:
        done = 0
        try:
            async for piece in self._connection.pieces(f"files/{quote(path)}"):
                done += len(piece)
                self._allowed.check(done, path)
                digest.update(piece)
                await to_its_end(partial(draft.write, piece))
                await self._progress(done, max(done, total))
        except Refused as err:
            if err.why != "absent":
                raise
            msg = f"{path!r} is not there any more. List the files, and copy one that is there."
            raise Failed(msg) from err
        return done

    async def _send(
        self, shown: str, descriptor: int, size: int, target: Mapping[str, Any]
    ) -> Copied:
        """Send an open file in parts; the server gives it its name with the last one."""
        digest, done = hashlib.sha256(), 0
        before = os.fstat(descriptor)
        while True:
            data = await to_its_end(partial(_read, descriptor, min(CHUNK, size - done)))
            digest.update(data)
            is_last = done + len(data) >= size or not data
            if is_last and not _is_same(before, os.fstat(descriptor)):
                msg = f"{shown!r} changed while it was copied, and was not saved. Copy it again."
                raise Failed(msg)
            content = (await asyncio.to_thread(base64.b64encode, data)).decode()
            whole = {"sha256": digest.hexdigest()} if is_last else {}
            part = {**target, "content": content, "offset": done, **whole}
            file = _file(_checked(await self._ask(RECEIVE, part)))
            done += len(data)
            await self._progress(done, size)
            if is_last:
                break
        written = str(file["path"])
        return Copied(
            words=f"{shown} was copied to {written} on the server, {done:,} bytes.",
            path=written,
            local_path=shown,
            size=done,
            sha256=digest.hexdigest(),
        )

    async def _drop(self, target: Mapping[str, Any]) -> None:
        """Remove what was sent, if the server still answers; else the next upload does it."""
        with suppress(Failure, Failed, asyncio.TimeoutError):
            await asyncio.wait_for(self._ask(RECEIVE, {**target, "drop": True}), DROP)


def answer(message: Message, copied: Copied) -> bytes:
    """The answer to the call of a tool that has copied a file."""
    about = {
        "path": copied.path,
        "local_path": copied.local_path,
        "size": copied.size,
        "sha256": copied.sha256,
    }
    meta = {"jupyter-mcp-ext/file": about}
    return messages.result(message.id, messages.tool_result(message, copied.words, meta=meta))


def _is_same(before: os.stat_result, after: os.stat_result) -> bool:
    """Whether a file was not written in between."""
    return (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)


def _text(arguments: Mapping[str, Any], name: str) -> str:
    value = arguments.get(name)
    if not isinstance(value, str):
        msg = f"{name} is missing. Give it as text."
        raise NotAllowed(msg)
    return value


def _session(arguments: Mapping[str, Any]) -> dict[str, Any]:
    session = arguments.get("session_id")
    return {} if session is None else {"session_id": session}


def _checked(result: dict[str, Any]) -> dict[str, Any]:
    """Raises Failed with the words of the server if a call has failed."""
    if result.get("isError"):
        blocks = result.get("content") or [{}]
        raise Failed(str(blocks[0].get("text", "")).removeprefix("Error: "))
    return result


def _file(result: dict[str, Any]) -> dict[str, Any]:
    file: dict[str, Any] = (result.get("_meta") or {}).get("jupyter-mcp-ext/file") or {}
    if "path" not in file:
        msg = "The server does not say which file it is; it is another version. Update it."
        raise Failed(msg)
    return file


def _blob(result: dict[str, Any]) -> bytes:
    for block in result.get("content") or ():
        resource = block.get("resource") if isinstance(block, dict) else None
        if isinstance(resource, dict) and "blob" in resource:
            try:
                return base64.b64decode(resource["blob"], validate=True)
            except (binascii.Error, ValueError):
                break
    return b""


def _read(descriptor: int, size: int) -> bytes:
    pieces = []
    while size > 0 and (piece := os.read(descriptor, size)):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)
