"""The request of a program for a connection, and the answers. Pure.

Only ``CONNECT`` is understood (RFC 9110, 9.3.6). Nothing of a request is passed on to anyone, so
that there is nothing to smuggle; what follows its head is the connection's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from .patterns import Pattern

MAX_HEAD = 8_192
"""Bytes of a request, up to its empty line."""

END = b"\r\n\r\n"

ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"

MAX_NAMED = 20
"""Hosts that a refusal names."""

_LINE = re.compile(rb"CONNECT ([!-~]{1,300}) HTTP/1\.[01]")
_ANY_LINE = re.compile(rb"[A-Z]{1,20} [!-~]+ HTTP/1\.[01]")
_FIELD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~\x80-\xff]*")
_AUTHORITY = re.compile(r"([^:\[\]@/]+):([0-9]{1,5})")
_BODY = re.compile(rb"(?:content-length|transfer-encoding)[ \t]*:", re.IGNORECASE)

_TITLES = {400: "Bad Request", 403: "Forbidden", 502: "Bad Gateway", 503: "Service Unavailable"}


@dataclass(kw_only=True, eq=False)
class Refused(Exception):
    """A request that is not granted."""

    status: int
    reason: str
    """One of a closed set of words, which a log may have."""
    said: str
    """A sentence for the program, as the reason phrase of the answer, which many programs show."""
    more: str = ""
    """What to do, in its body."""

    def answer(self) -> bytes:
        """The answer, after which the connection is closed."""
        body = f"{self.said}. {self.more}".strip().encode() + b"\n"
        return (
            f"HTTP/1.1 {self.status} {self.said or _TITLES[self.status]}\r\n"
            "Content-Type: text/plain; charset=utf-8\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        ).encode() + body


def target(head: bytes) -> tuple[str, int]:
    """The host and port that a request asks for, as they are written. Raises Refused."""
    line, *fields = head.removesuffix(END).split(b"\r\n")
    found = _LINE.fullmatch(line)
    if not found and _ANY_LINE.fullmatch(line) and not line.startswith(b"CONNECT "):
        raise Refused(
            status=403,
            reason="not TLS",
            said="Only https works from this sandbox",
            more="Use https:// URLs.",
        )
    if not found or not all(map(_FIELD.fullmatch, fields)) or any(map(_BODY.match, fields)):
        raise bad()
    authority = _AUTHORITY.fullmatch(found[1].decode("ascii"))
    if not authority or not 0 < int(authority[2]) < 65_536:
        raise bad()
    return authority[1], int(authority[2])


def bad() -> Refused:
    """The refusal of what is no request."""
    return Refused(
        status=400,
        reason="no request",
        said="This is a proxy for https only",
        more="It takes CONNECT requests with a host's name and port.",
    )


def not_listed(listed: Iterable[Pattern]) -> Refused:
    """The refusal of a host that no pattern has."""
    names = [str(each) for each in listed]
    shown = ", ".join(names[:MAX_NAMED])
    rest = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return Refused(
        status=403,
        reason="not listed",
        said="This host is not among those that this sandbox may reach",
        more=f"They are: {shown}{rest}. Ask the server's operator to add it to "
        "McpSandbox.allow_hosts.",
    )


def not_public() -> Refused:
    """The refusal of a host whose addresses are none of the internet's."""
    return Refused(
        status=403,
        reason="not public",
        said="This host has no public address",
        more="Only hosts of the internet can be reached from this sandbox.",
    )


def unreachable(what: str) -> Refused:
    """The answer where a listed host could not be reached."""
    return Refused(
        status=502,
        reason="unreachable",
        said=f"The server could not connect to this host: {what}",
        more="Try again later.",
    )
