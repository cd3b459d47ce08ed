"""Which records are shown, and how."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from .chain import seconds_of
from .reading import all_lines, known

_AGO = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_PLAIN = re.compile(r"[A-Za-z0-9_.@:/+-]+")
_FIRST = ("number", "at", "kind", "previous", "mac")


class NoTime(ValueError):
    """A text that names no time; the message says which texts do."""


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The records that are wanted; what is empty leaves out none."""

    user: str = ""
    session: str = ""
    tool: str = ""
    since: float = 0.0

    def has(self, record: Mapping[str, Any]) -> bool:
        """Whether a record is wanted."""
        if self.user and self.user not in (record.get("user"), record.get("owner")):
            return False
        if self.session and record.get("session_id") != self.session:
            return False
        if self.tool and record.get("tool") != self.tool:
            return False
        # The clock may have gone back, so each record is looked at.
        return not self.since or seconds_of(record.get("at")) >= self.since


def selected(path: Path, selection: Selection) -> Iterator[dict[str, Any] | None]:
    """The records that are wanted, in the order of the files, none held. Raises OSError.

    None stands for a line that is no record.
    """
    for line in all_lines(path):
        record = known(line)
        if record is None or selection.has(record):
            yield record


def time_of(text: str) -> float:
    """What a text such as ``2h`` or ``2026-11-26T15:00`` says. Raises NoTime."""
    if ago := _AGO.fullmatch(text):
        return time.time() - float(ago[1]) * _UNITS[ago[2]]
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
    except (ValueError, OverflowError) as err:
        msg = f"{text!r} is no time; it can be as in 30m, 2h, 7d or 2026-11-26T15:00"
        raise NoTime(msg) from err


def as_json(record: Mapping[str, Any]) -> str:
    """A record as JSON, in which nothing but text can be."""
    return _shown(record)


def words(record: Mapping[str, Any]) -> str:
    """A record in a line for people, in which nothing but text can be."""
    named = (record.get(name) for name in ("number", "at", "kind"))
    rest = (
        f"{_word(name)}={_word(value)}"
        for name, value in record.items()
        if name not in _FIRST and value not in (None, "", [])
    )
    return "  ".join((*map(_word, named), *rest))


def _word(value: object) -> str:
    is_plain = isinstance(value, str) and _PLAIN.fullmatch(value)
    return str(value) if is_plain else _shown(value)


def _shown(value: object) -> str:
    return json.dumps(value, separators=(",", ":")).replace("\x7f", "\\u007f")
