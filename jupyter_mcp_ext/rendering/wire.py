"""The messages between the server and the process that renders: tasks and outcomes.

The process reads hostile input, so its answers are only data.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from dataclasses import dataclass, field, fields
from functools import cached_property
from hashlib import blake2b
from typing import Any, BinaryIO

from jupyter_mcp_ext.outputs.charts.scripts import Chart
from jupyter_mcp_ext.outputs.html.markup import Document
from jupyter_mcp_ext.outputs.images import FittedImage, UnreadableImage
from jupyter_mcp_ext.outputs.rendering import NotRendered
from jupyter_mcp_ext.outputs.tables import Table

BEGUN = b"."
"""Sent once the process has read a task and loaded the libraries for it."""

LENGTH = 4
"""Bytes of the length before each message."""

MAX_ANSWER = 8_000_000

_CLASSES = {cls.__name__: cls for cls in (Chart, Document, FittedImage, Table)}
_CLASS, _BYTES = "=", "base64"


@dataclass(frozen=True, kw_only=True)
class Task:
    """Something to be rendered."""

    name: str
    source: str | bytes
    options: tuple[int, ...]

    @cached_property
    def key(self) -> bytes:
        """A digest that equal tasks share."""
        digest = blake2b(digest_size=16)
        for part in self._parts:
            digest.update(part)
        return digest.digest()

    def encoded(self) -> bytes:
        """For `decoded` on the other side."""
        return b"".join(self._parts)

    @property
    def _parts(self) -> tuple[bytes, bytes, bytes]:
        head = json.dumps([self.name, isinstance(self.source, str), self.options]).encode()
        source = self.source
        body = source.encode(errors="surrogatepass") if isinstance(source, str) else source
        return len(head).to_bytes(LENGTH, "big"), head, body

    @classmethod
    def decoded(cls, data: bytes) -> Task:
        """The task of which this is ``encoded``."""
        end = LENGTH + int.from_bytes(data[:LENGTH], "big")
        name, is_text, options = json.loads(data[LENGTH:end])
        source = data[end:].decode(errors="surrogatepass") if is_text else data[end:]
        return cls(name=name, source=source, options=tuple(options))


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The outcome of a task; ``failure`` says why it has no value."""

    value: Any = None
    failure: str = ""
    is_unreadable: bool = False
    """Whether it failed because the source is not an image, or is broken."""
    size: int = field(default=0, compare=False)
    """About how many bytes it takes."""

    def get(self) -> Any:
        """The value. Raises UnreadableImage, NotRendered."""
        if self.is_unreadable:
            raise UnreadableImage(self.failure)
        if self.failure:
            raise NotRendered(self.failure)
        return self.value

    def encoded(self) -> bytes:
        """For `decoded` on the other side."""
        said = {"value": self.value, "failure": self.failure, "is_unreadable": self.is_unreadable}
        return json.dumps(said, default=_plain).encode()

    @classmethod
    def decoded(cls, data: bytes) -> Outcome:
        """Raises ValueError if it is not an outcome."""
        said = json.loads(data, object_hook=_whole)
        if not isinstance(said, dict):
            msg = "no outcome"
            raise ValueError(msg)
        return cls(
            value=said.get("value"),
            failure=str(said.get("failure")),
            is_unreadable=bool(said.get("is_unreadable")),
            size=len(data),
        )


def message(data: bytes) -> bytes:
    """The data with its length before it."""
    return len(data).to_bytes(LENGTH, "big") + data


def read(stream: BinaryIO) -> bytes:
    """The next message; empty at the stream's end."""
    return stream.read(int.from_bytes(stream.read(LENGTH), "big"))


def _plain(value: object) -> dict[str, Any]:
    if isinstance(value, bytes):
        return {_BYTES: b64encode(value).decode()}
    cls = _CLASSES[type(value).__name__]
    return {_CLASS: cls.__name__, **{f.name: getattr(value, f.name) for f in fields(cls)}}


def _whole(said: dict[str, Any]) -> Any:
    if _BYTES in said:
        return b64decode(said[_BYTES])
    name = said.pop(_CLASS, None)
    return said if name is None else _CLASSES[name](**said)
