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
from pathlib import PurePosixPath
from typing import Any, TypeAlias
from urllib.parse import quote

from . import messages
from .allowed import Allowed, Draft, NotAllowed
from .connection import Connection, Failure
from .messages import Message
from .tools import DOWNLOAD, WRITE

CHUNK = 2_000_000
"""Bytes that are sent in one call; with base64 they are below the size of a message."""

WHOLE = 700_000
"""Bytes that one answer of `download_file` has."""

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
        overwrite = arguments.get("overwrite") is True
        session = _session(arguments)
        about = await self._ask(DOWNLOAD, {"path": path, **session})
        exists = not about.get("isError")
        if exists and not overwrite:
            msg = f"{path!r} exists already on the server. Give another path, or overwrite=true."
            raise Failed(msg)
        if exists and path.lower().endswith(".ipynb"):
            msg = f"{path!r} is a notebook, which is not replaced. Give another path."
            raise Failed(msg)
        with self._allowed.reading(place) as (descriptor, size):
            if size <= CHUNK and not path.lower().endswith(".ipynb"):
                data = await asyncio.to_thread(_read, descriptor, size)
                file = await self._append(path, data, session, append=False)
                written, digest = str(file["path"]), hashlib.sha256(data).hexdigest()
                await self._progress(size, size)
            else:
                written, digest = await self._upload_in_parts(
                    path, descriptor, size, session, overwrite=exists
                )
        await self._compare(written, digest)
        return Copied(
            words=f"{place.shown} was copied to {written} on the server, {size:,} bytes.",
            path=written,
            local_path=place.shown,
            size=size,
            sha256=digest,
        )

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
                await asyncio.to_thread(draft.write, data)
                size = len(data)
            else:
                size = await self._stream(str(about["path"]), draft, digest, size)
            if expected is not None and digest.hexdigest() != expected:
                msg = f"{path!r} changed while it was copied, and was not saved. Copy it again."
                raise Failed(msg)
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
        async for piece in self._connection.pieces(f"files/{quote(path)}"):
            done += len(piece)
            self._allowed.check(done, path)
            digest.update(piece)
            await asyncio.to_thread(draft.write, piece)
            await self._progress(done, max(done, total))
        return done

    async def _upload_in_parts(
        self,
        path: str,
        descriptor: int,
        size: int,
        session: Mapping[str, Any],
        *,
        overwrite: bool,
    ) -> tuple[str, str]:
        """Send a file under another name, and rename it; its path and digest."""
        suffix = f".{os.urandom(4).hex()}.part"
        digest, done, draft = hashlib.sha256(), 0, ""
        try:
            while data := await asyncio.to_thread(_read, descriptor, min(CHUNK, size - done)):
                file = await self._append(path + suffix, data, session, append=done > 0)
                draft = str(file["path"])
                digest.update(data)
                done += len(data)
                await self._progress(done, size)
            if not draft:
                draft = str((await self._append(path + suffix, b"", session, append=False))["path"])
            final = draft.removesuffix(suffix)
            if overwrite:
                await self._connection.api("DELETE", final)
            await self._connection.api("PATCH", draft, {"path": final})
        except BaseException:
            if draft:
                await self._dropped(draft)
            raise
        return final, digest.hexdigest()

    async def _dropped(self, draft: str) -> None:
        """Remove what was sent, if the server still answers."""
        with suppress(Failure):
            await self._connection.api("DELETE", draft)

    async def _append(
        self, path: str, data: bytes, session: Mapping[str, Any], *, append: bool
    ) -> dict[str, Any]:
        content = (await asyncio.to_thread(base64.b64encode, data)).decode()
        arguments = {"path": path, "content": content, "encoding": "base64", "append": append}
        return _file(_checked(await self._ask(WRITE, {**arguments, **session})))

    async def _compare(self, path: str, digest: str) -> None:
        """Raise Failed if the server has something else."""
        found = _file(_checked(await self._ask(DOWNLOAD, {"path": path}))).get("sha256")
        if found not in (None, digest):
            msg = f"{path!r} on the server is not what was sent. Look at it, and copy it again."
            raise Failed(msg)


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
