"""Which hosts are listed: names with ports, and nothing else. Pure.

Addresses cannot be listed: TLS does not name them (RFC 6066, 3), so it could not be checked that a
connection is to what was allowed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

PORT = 443
"""The port of a pattern that names none."""

MAX_NAME = 253
"""Characters of a host name (RFC 1035, 2.3.4)."""

MAX_PATTERNS = 1_000

_LABEL = r"(?!-)[a-z0-9_-]{1,63}(?<!-)"
_NAME = re.compile(rf"(?:{_LABEL}\.)+{_LABEL}")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
"""The last label of what programs take for an IPv4 address, in any of its notations."""


class NoPattern(ValueError):
    """A text is no pattern; the message says which and why."""


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """A host and port, or all hosts below a domain."""

    name: str
    """In small letters, without ``*.``."""
    port: int
    is_domain: bool
    """Whether it is for names below this one, at any depth, and not for the name itself."""

    def __str__(self) -> str:
        return f"{'*.' if self.is_domain else ''}{self.name}:{self.port}"

    def matches(self, name: str, port: int) -> bool:
        """Whether a host, in small letters, is one of those."""
        if port != self.port:
            return False
        return name.endswith(f".{self.name}") if self.is_domain else name == self.name


def is_host_name(text: str) -> bool:
    """Whether this is a name with a dot in it, in ASCII and small letters, and no IPv4 address."""
    if len(text) > MAX_NAME or not _NAME.fullmatch(text):
        return False
    return not _NUMBER.fullmatch(text.rpartition(".")[2])


def pattern(text: str) -> Pattern:
    """Read ``pypi.org``, ``pypi.org:443`` or ``*.pythonhosted.org:443``. Raises NoPattern."""
    host, colon, number = text.strip().lower().partition(":")
    is_domain = host.startswith("*.")
    name = host[2:] if is_domain else host
    if why := _fault(name, number if colon else str(PORT)):
        msg = f"{text!r} is no pattern of hosts: {why}"
        raise NoPattern(msg)
    return Pattern(name=name, port=int(number) if colon else PORT, is_domain=is_domain)


def _fault(name: str, port: str) -> str:
    """Why a name with a port cannot be listed; empty if it can."""
    if ":" in port or "//" in port:
        return "it is a URL or an address, and only names of hosts can be listed"
    if not (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65_536):
        return "its port is no number from 1 to 65535"
    if "*" in name:
        return "an asterisk can only be the first part, as in *.example.org"
    if not name.isascii():
        return "it is not in ASCII; write the name as it is in the DNS (xn--…)"
    if not is_host_name(name):
        return "it is no host's name with a dot in it, such as pypi.org or *.pythonhosted.org:443"
    return ""


def patterns(texts: Iterable[str]) -> tuple[Pattern, ...]:
    """Read several, each kept once. Raises NoPattern."""
    found = tuple(dict.fromkeys(map(pattern, texts)))
    if len(found) > MAX_PATTERNS:
        msg = f"there are {len(found)} patterns of hosts, and at most {MAX_PATTERNS} can be listed"
        raise NoPattern(msg)
    return found


def match(listed: Iterable[Pattern], name: str, port: int) -> Pattern | None:
    """The pattern that lists a host, if one does."""
    lower = name.lower()
    if not is_host_name(lower):
        return None
    return next((each for each in listed if each.matches(lower, port)), None)
