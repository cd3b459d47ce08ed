"""The journal of a session: one line when an execution begins and one when it has ended.

Another kind of line says that the variables of before are gone for good, as after a restart that
somebody asked for: what came before it is not brought back. And since a server can be killed before
a beginning is written, a line goes before some of them that reserves their numbers.

Each line is JSON with a version. A line that a crash cut off is left out when it is read.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

VERSION = 1

NOT_RUN = "not run"
"""The status of code that never reached its kernel."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An execution as the journal has it; ``outputs`` are nbformat's, cut."""

    number: int
    execution_id: str
    code: str
    client: str
    created: float
    status: str = "running"
    execution_count: int | None = None
    ended: float | None = None
    outputs: Sequence[dict[str, Any]] = ()

    @property
    def has_ended(self) -> bool:
        """Whether its end is in the journal."""
        return self.ended is not None

    @property
    def is_shown(self) -> bool:
        """Whether it is a part of the story: it has ended, and reached its kernel."""
        return self.has_ended and self.status != NOT_RUN

    def begin_line(self) -> bytes:
        """The line for its beginning."""
        return _line(
            {
                "begin": self.number,
                "execution_id": self.execution_id,
                "code": self.code,
                "client": self.client,
                "created": self.created,
            }
        )

    def end_line(self) -> bytes:
        """The line for its end."""
        return _line(
            {
                "end": self.number,
                "status": self.status,
                "execution_count": self.execution_count,
                "ended": self.ended,
                "outputs": list(self.outputs),
            }
        )


def anew_line(number: int) -> bytes:
    """The line that says that the variables of the executions up to a number are gone."""
    return _line({"anew_after": number})


def anew_after(data: bytes) -> int:
    """The number of the last execution whose variables are gone for good; 0 for none."""
    return _latest(data, "anew_after")


def reserved_line(number: int) -> bytes:
    """The line that says that the numbers up to this one may have been given to executions."""
    return _line({"reserved": number})


def reserved(data: bytes) -> int:
    """Up to which number they may have been given; 0 where nothing says so."""
    return _latest(data, "reserved")


def _latest(data: bytes, name: str) -> int:
    last = 0
    for line in data.split(b"\n"):
        if f'"{name}"'.encode() in line[:60]:
            with suppress(ValueError, TypeError, AttributeError):
                last = int(json.loads(line).get(name, last))
    return last


class LaterJournal(ValueError):
    """A later release has written the journal, which this one must not add to."""


def entries(data: bytes) -> list[Entry]:
    """What a journal holds, in the order of the executions. Raises LaterJournal."""
    known: dict[int, Entry] = {}
    for line in data.split(b"\n"):
        try:
            found = json.loads(line) if line else {}
            if not isinstance(found, dict):
                continue
            if found.get("version") != VERSION:
                _check_version(found.get("version"))
                continue
            if "begin" in found:
                entry = _begun(found)
                known[entry.number] = entry
            elif found.get("end") in known:
                known[found["end"]] = _ended(known[found["end"]], found)
        except LaterJournal:
            raise
        except (ValueError, TypeError, KeyError, RecursionError):  # cut off, or somebody edited it
            continue
    return [known[number] for number in sorted(known)]


def _check_version(version: object) -> None:
    if isinstance(version, int) and version > VERSION:
        msg = f"its journal has version {version}, which this release does not know"
        raise LaterJournal(msg)


def _begun(found: dict[str, Any]) -> Entry:
    return Entry(
        number=int(found["begin"]),
        execution_id=str(found["execution_id"]),
        code=str(found["code"]),
        client=str(found["client"]),
        created=float(found["created"]),
    )


def _ended(entry: Entry, found: dict[str, Any]) -> Entry:
    count = found["execution_count"]
    return replace(
        entry,
        status=str(found["status"]),
        execution_count=count if isinstance(count, int) else None,
        ended=float(found["ended"]),
        outputs=[output for output in found["outputs"] if isinstance(output, dict)],
    )


def _line(content: dict[str, Any]) -> bytes:
    return json.dumps({"version": VERSION, **content}, separators=(",", ":")).encode() + b"\n"
