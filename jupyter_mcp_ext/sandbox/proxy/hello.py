"""The first message of a TLS connection, and the host that it names. Pure.

TLS 1.0 to 1.3 begin alike (RFC 8446, 4.1.2; RFC 6066, 3). Lengths are checked by reading: what is
too short raises NotTls.
"""

from __future__ import annotations

from typing import NoReturn

HANDSHAKE, ALERT = 0x16, 0x15
"""Types of records; a server answers with one of them."""

MAX_HELLO = 32_768
"""Bytes of the message with its records; those of today have up to 2,000."""

MAX_RECORD = 16_384
MAX_RECORDS = 16
"""Records that the message is spread over, at most."""

_CLIENT_HELLO = 1
_SERVER_NAME = 0
_ENCRYPTED = (0xFE0D, 0xFE0A, 0xFE09, 0xFE08, 0xFFCE)
"""``encrypted_client_hello`` (RFC 9849) and its drafts: the name beside it is not the real one."""

REFUSAL = b"\x15\x03\x01\x00\x02\x02\x70"
"""A record with the fatal alert ``unrecognized_name``."""


class NotTls(ValueError):
    """The bytes are no beginning of a TLS connection that names its host."""

    outcome = "not TLS"


class AnotherHost(NotTls):
    """They are one of a connection to a host that was not asked for."""

    outcome = "another host"


class _Reader:
    """Reads fields one after the other. Raises NotTls if there are too few bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def take(self, count: int) -> bytes:
        """The next bytes."""
        taken = self._data[self._at : self._at + count]
        if len(taken) < count:
            msg = "it ends too early"
            raise NotTls(msg)
        self._at += count
        return taken

    def number(self, size: int) -> int:
        """The next number."""
        return int.from_bytes(self.take(size), "big")

    def field(self, size: int) -> bytes:
        """The next field, which has its length before it, as a number of this size."""
        return self.take(self.number(size))


def server_name(data: bytes) -> str | None:
    """The name in a ClientHello; None if more bytes are needed. Raises NotTls."""
    message = _handshake(data)
    if message is None:
        return None
    hello = _Reader(message)
    hello.take(2 + 32)  # version, random
    for size in (1, 2, 1):  # session id, cipher suites, compression
        hello.field(size)
    names = [name for kind, name in _extensions(hello.field(2) if hello else b"") if not kind]
    if hello or len(names) != 1:
        msg = "it does not name one host"
        raise NotTls(msg)
    return _host(names[0])


def _handshake(data: bytes) -> bytes | None:
    """The first message, put together from its records; None if more bytes are needed."""
    message, at = b"", 0
    for _ in range(MAX_RECORDS):
        record = _record(data[at : at + 5 + MAX_RECORD])
        if record is None:
            return None if len(data) < MAX_HELLO else _refused()
        message += record
        at += 5 + len(record)
        if whole := _whole(message):
            return message[4:whole]
    return _refused()


def _record(data: bytes) -> bytes | None:
    """The content of the first record; None if more bytes are needed."""
    is_one = data[:1] in (b"", bytes([HANDSHAKE])) and data[1:2] in (b"", b"\x03")
    length = int.from_bytes(data[3:5], "big") if len(data) >= 5 else 1
    if not is_one or not 0 < length <= MAX_RECORD:
        return _refused()
    return data[5 : 5 + length] if 5 + length <= len(data) else None


def _whole(message: bytes) -> int:
    """The length of the first message with its head; 0 if more bytes are needed."""
    length = 4 + int.from_bytes(message[1:4], "big") if len(message) >= 4 else 4
    if message[0] != _CLIENT_HELLO or length > MAX_HELLO:
        _refused()
    return length if length <= len(message) else 0


def _refused() -> NoReturn:
    msg = "it is no ClientHello"
    raise NotTls(msg)


def _extensions(data: bytes) -> list[tuple[int, bytes]]:
    extensions = _Reader(data)
    found: list[tuple[int, bytes]] = []
    while extensions:
        found.append((extensions.number(2), extensions.field(2)))
    if any(kind in _ENCRYPTED for kind, _ in found):
        msg = "it is encrypted"
        raise NotTls(msg)
    return found


def _host(data: bytes) -> str:
    """The one name of the extension ``server_name``."""
    extension = _Reader(data)
    names = _Reader(extension.field(2))
    kind, name = names.number(1), names.field(2)
    if extension or names or kind != _SERVER_NAME or not name.isascii():
        msg = "it does not name one host"
        raise NotTls(msg)
    return name.decode("ascii").lower()
