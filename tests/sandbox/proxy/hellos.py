"""ClientHellos for tests: a real one of OpenSSL's, and made ones."""

from __future__ import annotations

import ssl


def real(name: str | None) -> bytes:
    """What Python's own TLS sends first."""
    sent = ssl.MemoryBIO()
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    client = context.wrap_bio(ssl.MemoryBIO(), sent, server_hostname=name)
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        return sent.read()
    raise AssertionError


def field(content: bytes, size: int) -> bytes:
    """Bytes with their length before them."""
    return len(content).to_bytes(size, "big") + content


def extension(kind: int, content: bytes) -> bytes:
    """An extension."""
    return kind.to_bytes(2, "big") + field(content, 2)


def names(*each: bytes, kind: int = 0) -> bytes:
    """The extension ``server_name``."""
    return extension(0, field(b"".join(bytes([kind]) + field(name, 2) for name in each), 2))


def message(*extensions: bytes) -> bytes:
    """A ClientHello with these extensions."""
    start = b"\x03\x03" + bytes(32) + field(b"", 1) + field(b"\x13\x01", 2) + field(b"\0", 1)
    return b"\x01" + field(start + field(b"".join(extensions), 2), 3)


def records(content: bytes, size: int = 16_384) -> bytes:
    """Records with this content, each of so many bytes."""
    pieces = [content[at : at + size] for at in range(0, len(content), size)]
    return b"".join(b"\x16\x03\x01" + field(piece, 2) for piece in pieces)
