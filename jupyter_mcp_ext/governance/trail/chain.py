"""Records in a chain: each is a line of JSON with its number, and is signed with the one before it.

Pure. Only who has the server's key can make a record, change one, or leave one out unnoticed.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

PURPOSE = "audit"
"""What the key of the records is derived for."""

MAX_TEXT = 1_000
"""Characters of a text in a record, code aside."""

MAX_CODE = 1_000_000
MAX_ITEMS = 100

MAX_LINE = 8_000_000
"""Bytes of a line: JSON has up to six for a character."""

BEGIN = b'{"number":'
"""How each line begins."""

BACK = 1.0
"""Seconds by which the clock may go back without a word."""

_SEALED = re.compile(rb'(\{.*),"mac":"([0-9a-f]{64})"\}', re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Link:
    """A record as the next one names it."""

    number: int
    mac: str


START = Link(number=0, mac="0" * 64)
"""Stands before the first record."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """A record as it was read, whether or not its signature fits."""

    number: int
    previous: str
    mac: str
    data: Mapping[str, Any]
    is_signed: bool
    """Whether it was made with the key, just as it stands."""

    @property
    def link(self) -> Link:
        """What the next record names."""
        return Link(number=self.number, mac=self.mac)


class Signer:
    """Signs lines of JSON with a key."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.name = hmac.digest(key, b"name", "sha256").hex()[:16]
        """Tells the key from others, and says nothing about it."""

    def seal(self, known: Mapping[str, Any]) -> tuple[bytes, str]:
        """A line with these values and its signature, and the signature."""
        body = json.dumps(known, separators=(",", ":"), default=str).encode("ascii")[:-1]
        mac = hmac.digest(self._key, body, "sha256").hex()
        return body + f',"mac":"{mac}"}}\n'.encode(), mac

    def open(self, line: bytes) -> tuple[dict[str, Any], str, bool] | None:
        """The values of a line, its signature, and whether that fits; None if it is no such line.

        The line is without its end.
        """
        found = _SEALED.fullmatch(line)
        if found is None:
            return None
        body, mac = found[1], found[2].decode()
        try:
            known = json.loads(body + b"}")
        except (ValueError, RecursionError):
            return None
        made = hmac.digest(self._key, body, "sha256").hex()
        return known, mac, hmac.compare_digest(made, mac)


class Chain:
    """Makes the next records after ``last``."""

    def __init__(self, signer: Signer, last: Link, at: float = 0.0) -> None:
        """``at`` is the time of the last record."""
        self._signer = signer
        self.last = last
        self.at = at

    def next(self, at: float, data: Mapping[str, Any]) -> bytes:
        """The line of the next record."""
        known: dict[str, Any] = {"number": self.last.number + 1, "at": stamp(at)}
        if at < self.at - BACK:
            known["clock"] = f"went back by {self.at - at:.3f} s"
        known.update((key, _bounded(key, value)) for key, value in data.items())
        known["previous"] = self.last.mac
        line, mac = self._signer.seal(known)
        self.last, self.at = Link(number=self.last.number + 1, mac=mac), at
        return line


def read(signer: Signer, line: bytes) -> Record | None:
    """The record of a line without its end; None if it is none."""
    opened = signer.open(line)
    if opened is None:
        return None
    data, mac, is_signed = opened
    number, previous = data.get("number"), data.get("previous")
    if type(number) is not int or not isinstance(previous, str):
        return None
    return Record(number=number, previous=previous, mac=mac, data=data, is_signed=is_signed)


def stamp(at: float) -> str:
    """A time as records have it."""
    return datetime.fromtimestamp(at, timezone.utc).isoformat(timespec="microseconds")


def seconds_of(stamped: object) -> float:
    """The time of a record, in seconds since the epoch; 0 if it has none."""
    try:
        return datetime.fromisoformat(str(stamped)).timestamp()
    except (ValueError, OverflowError):
        return 0.0


def _bounded(key: str, value: Any) -> Any:
    most = MAX_CODE if key == "code" else MAX_TEXT
    if isinstance(value, str):
        return value if len(value) <= most else f"{value[:most]}… ({len(value)} characters)"
    if isinstance(value, list | tuple):
        kept = [_bounded("", one) for one in value[:MAX_ITEMS]]
        return [*kept, f"… ({len(value)} in all)"] if len(value) > MAX_ITEMS else kept
    return value
