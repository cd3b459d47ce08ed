"""Files that come from the client's machine, in parts, by the bridge."""

from __future__ import annotations

import asyncio
import binascii
import re
from base64 import b64decode
from dataclasses import dataclass
from functools import partial

from tornado.web import HTTPError

from jupyter_mcp_ext.concurrency import Locks
from jupyter_mcp_ext.errors import ContentsError, InvalidArgument

from .contents import explained
from .drafts import Differs, DiskDrafts, Drafts, Gone
from .gate import Gate
from .paths import Hides, Place, quoted
from .storage import FileStorage

_ID = re.compile(r"[0-9a-f]{8,64}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of a file, as it is sent."""

    upload: str
    """The id of the upload."""
    content: str
    """Base64."""
    offset: int = 0
    sha256: str = ""
    """That of the whole file, with its last part."""
    overwrite: bool = False


@dataclass(frozen=True, kw_only=True)
class Received:
    """What became of a part."""

    path: str
    size: int
    """Of the file so far."""
    is_whole: bool


class Uploads:
    """Takes the parts of files. The methods raise ContentsError and InvalidArgument."""

    def __init__(self, gate: Gate, storage: FileStorage, drafts: Drafts) -> None:
        self._gate = gate
        self._storage = storage
        self._drafts = drafts
        self._locks: Locks[str] = Locks()

    async def receive(self, path: str, part: Part, *, folder: str, hides: Hides) -> Received:
        """Take a part; with the last one the file gets its name, if it is what was sent."""
        place = await self._place(path, part.upload, folder, hides)
        if part.sha256 and not _SHA256.fullmatch(part.sha256):
            msg = "sha256 is not the digest of a file. Send its 64 hexadecimal digits."
            raise InvalidArgument(msg)
        data = await asyncio.to_thread(_decoded, part.content)
        try:
            async with self._locks.of(place.real):
                if part.offset == 0:
                    await self._check(place, overwrite=part.overwrite)
                await self._drafts.add(place.real, part.upload, data, part.offset)
                if not part.sha256:
                    size = part.offset + len(data)
                    return Received(path=place.path, size=size, is_whole=False)
                size = await self._published(place, part)
        except Gone as err:
            msg = (
                f"The upload to {quoted(place.path)} is not known any more: another one to it "
                "began. Look at what is there, then upload it again."
            )
            raise ContentsError(msg) from err
        except (HTTPError, OSError) as err:
            raise explained(err, f"{quoted(place.path)} could not be written") from err
        return Received(path=place.path, size=size, is_whole=True)

    async def drop(self, path: str, upload: str, *, folder: str, hides: Hides) -> None:
        """Take back an upload that is not whole."""
        place = await self._place(path, upload, folder, hides)
        try:
            await self._drafts.drop(place.real, upload)
        except (HTTPError, OSError) as err:
            raise explained(err, f"{quoted(place.path)} could not be removed") from err

    async def _place(self, path: str, upload: str, folder: str, hides: Hides) -> Place:
        if not _ID.fullmatch(upload):
            msg = "upload is not the id of an upload. Send 8 to 64 hexadecimal digits."
            raise InvalidArgument(msg)
        if path.endswith(("/", "/.")):
            msg = f"{quoted(path)} is the name of a folder. Name a file in it."
            raise InvalidArgument(msg)
        return await self._gate.place(path, hides, folder=folder)

    async def _published(self, place: Place, part: Part) -> int:
        await self._check(place, overwrite=part.overwrite)
        publish = self._drafts.publish
        try:
            return await publish(place.real, part.upload, part.sha256, overwrite=part.overwrite)
        except Differs as err:
            await self._drafts.drop(place.real, part.upload)
            msg = (
                f"{quoted(place.path)} did not arrive as it was sent, and was not saved. "
                "Upload it again."
            )
            raise ContentsError(msg) from err
        except FileExistsError as err:
            await self._drafts.drop(place.real, part.upload)
            raise _taken(place) from err

    async def _check(self, place: Place, *, overwrite: bool) -> None:
        entry = await self._storage.find(place.real)
        if entry is None:
            return
        if entry.kind != "file":
            msg = f"{quoted(place.path)} is not a file. Give the path of a file."
            raise ContentsError(msg)
        if any(path.lower().endswith(".ipynb") for path in (place.path, place.real)):
            msg = f"{quoted(place.path)} is a notebook, which is not replaced. Give another path."
            raise ContentsError(msg)
        if not overwrite:
            raise _taken(place)


class InThreads:
    """Drafts on disk, each call in a thread."""

    def __init__(self, drafts: DiskDrafts) -> None:
        self._drafts = drafts

    async def add(self, path: str, upload: str, data: bytes, offset: int) -> None:
        """See `Drafts`."""
        await asyncio.to_thread(self._drafts.add, path, upload, data, offset)

    async def publish(self, path: str, upload: str, sha256: str, *, overwrite: bool) -> int:
        """See `Drafts`."""
        publish = partial(self._drafts.publish, path, upload, sha256, overwrite=overwrite)
        return await asyncio.to_thread(publish)

    async def drop(self, path: str, upload: str) -> None:
        """See `Drafts`."""
        await asyncio.to_thread(self._drafts.drop, path, upload)


def _taken(place: Place) -> ContentsError:
    return ContentsError(
        f"{quoted(place.path)} exists already on the server. Give another path, or overwrite=true."
    )


def _decoded(content: str) -> bytes:
    try:
        return b64decode(content, validate=True)
    except (binascii.Error, ValueError) as err:
        msg = "The content is not base64. Encode it."
        raise InvalidArgument(msg) from err
