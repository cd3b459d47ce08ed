"""A message of a kernel; nothing is parsed before its size is known."""

from __future__ import annotations

from collections.abc import Sequence
from hmac import compare_digest
from typing import Any

from jupyter_client.session import DELIM, Session

from .excerpts import CHEAP, MAX_PARSED, Excerpt, excerpt, is_cheap
from .exchange import Content

MAX_HEADER = 100_000
"""Bytes up to which a header is parsed."""

MAX_SIGNATURE = 1_000
"""Bytes of a signature."""

MAX_IDENTITIES = 4
"""Frames before those of the message itself; one is usual."""

PARTS = 5
"""Frames of a message: its signature, header, parent, metadata and content."""

MAX_FRAMES = MAX_IDENTITIES + PARTS
"""Frames that are read; buffers follow."""

MAX_READ = 256 * 1024 * 1024
"""Bytes up to which an excerpt of a content is read, since its signature has to be checked."""


class Incoming:
    """A message from a channel, without its buffers."""

    def __init__(self, session: Session, frames: Sequence[Any]) -> None:
        """``frames`` are pyzmq's. Raises ValueError if they are no message."""
        marks = enumerate(frames[:MAX_IDENTITIES])
        places = (i for i, f in marks if len(f) == len(DELIM) and f.bytes == DELIM)
        start = next(places, len(frames)) + 1
        self._session = session
        self._parts = frames[start : start + PARTS]
        if len(self._parts) < PARTS:
            msg = "parts of it are missing"
            raise ValueError(msg)
        signature, header, parent, self._metadata, self._content = self._parts
        if len(signature) > MAX_SIGNATURE or max(len(header), len(parent)) > MAX_HEADER:
            msg = "its header is too large"
            raise ValueError(msg)
        self.header = _object(session.unpack(header.bytes))
        # xeus kernels send null if there is no parent.
        self.parent = _object(session.unpack(parent.bytes) or {})
        self.parent_id = str(self.parent.get("msg_id"))
        self.msg_id = str(self.header.get("msg_id"))
        self.msg_type = str(self.header.get("msg_type"))
        self.size = len(self._content)
        """Bytes of its content."""
        self._known: Content | None = None

    @property
    def says_busy(self) -> bool:
        """Whether it reports that the kernel begins a request."""
        return self.msg_type == "status" and self.size < MAX_HEADER and b'"busy"' in self._bytes

    def content(self) -> Content | None:
        """Its content; None if it has to be `read`. Raises ValueError for a wrong signature."""
        if self._known is not None:
            return self._known
        if self.size > MAX_PARSED or len(self._metadata) > CHEAP:
            return None  # before its bytes are copied
        if not is_cheap(content := self._bytes):
            return None
        self._check()
        try:
            self._known = _object(self._session.unpack(content))
        except (ValueError, RecursionError):
            return None
        return self._known

    def read(self) -> Excerpt:
        """The excerpt of a content that is too large to be parsed; this takes a while.

        Raises ValueError for a wrong signature.
        """
        if self.size + len(self._metadata) > MAX_READ:
            return Excerpt(content=None, unread=self.size)
        self._check()
        return excerpt(self.msg_type, memoryview(self._content.buffer))

    @property
    def _bytes(self) -> bytes:
        data: bytes = self._content.bytes
        return data

    def _check(self) -> None:
        signed = [part.buffer for part in self._parts[1:]]
        signature = self._parts[0].bytes
        if self._session.auth is not None and not compare_digest(
            self._session.sign(signed), signature
        ):
            msg = "the signature is wrong"
            raise ValueError(msg)


def _object(value: Any) -> Content:
    if not isinstance(value, dict):
        msg = "it is not a JSON object"
        raise ValueError(msg)
    return value
