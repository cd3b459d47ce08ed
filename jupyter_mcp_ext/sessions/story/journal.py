"""The journal of a session: one line when an execution begins and one when it has ended.

Another kind of line says that the variables of all executions so far are gone for good, as after a
restart on request: they are not brought back. Code is sent once its beginning is written, but its
number may be known before that, when a server is killed: some beginnings are preceded by a line
that reserves numbers. And one kind says in which file the notebook goes on.

A run of cells has such lines for each of its cells, as code of its own, and for the run.

Each line is JSON with a version, and a digest by the server's key: code of a line that another
program wrote is never run. A line that a crash cut off is left out when it is read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from jupyter_mcp_ext import measured
from jupyter_mcp_ext.sealed import digest, is_digest

VERSION = 2

UNSIGNED = 1
"""The version of lines without a digest, which earlier releases wrote."""

NOT_RUN = "not run"
"""The status of code that never reached its kernel."""

MAX_ENTRIES = 20_000
"""Executions that are read from a journal, the latest ones."""

MAX_CODE = 50_000_000
"""Characters of their code."""

MAX_UNSIGNED = 50_000
"""Lines without this server's digest that are read."""

MAX_OUTPUTS = 20_000_000
"""Bytes of outputs that are read at once; later outputs are replaced by a note."""

MAX_ITEMS = 300_000
"""Of the JSON in one line."""

MAX_NUMBER = 10**9
MAX_FOREIGN = 10**8
"""The largest number of an execution that this server's key has not signed: its own numbers
continue from there."""

MAX_TIME = 1e11

_HEAD = f'{{"version":{VERSION},"digest":"'.encode()
_DIGEST = 64
_OUTPUTS = b',"outputs":['
_ID = re.compile(r"[a-z0-9]{8}-([0-9]{1,10})")
_STATUS = re.compile(r"[a-z ]{1,20}")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An execution as the journal has it; ``outputs`` are nbformat's, cut."""

    number: int
    cell: int | None = None
    """Of a run of cells: which of them, from 1; 0 is the run itself, which is not shown."""
    execution_id: str
    code: str
    client: str
    created: float
    status: str = "running"
    execution_count: int | None = None
    ended: float | None = None
    failed_line: int | None = None
    """Of code that raised: the line, from 1, before which all statements ran; None if unknown."""
    outputs: Sequence[dict[str, Any]] = ()
    is_signed: bool = True
    """Whether this server's key has signed it: else it is shown, and never run again."""

    @property
    def key(self) -> tuple[int, int]:
        """What tells it from others, in their order."""
        return self.number, self.cell or 0

    @property
    def cell_id(self) -> str:
        """The id of its cell in the notebook."""
        return f"{self.execution_id}-{self.cell}" if self.cell else self.execution_id

    @property
    def has_ended(self) -> bool:
        """Whether its end is in the journal."""
        return self.ended is not None

    @property
    def is_shown(self) -> bool:
        """Whether it is a part of the story: it has ended, and reached its kernel."""
        return self.has_ended and self.status != NOT_RUN and self.cell != 0

    @property
    def beginning(self) -> dict[str, Any]:
        """The line for its beginning."""
        return {
            "begin": self.number,
            **({} if self.cell is None else {"cell": self.cell}),
            "execution_id": self.execution_id,
            "code": self.code,
            "client": self.client,
            "created": self.created,
        }

    @property
    def end(self) -> dict[str, Any]:
        """The line for its end."""
        return {
            "end": self.number,
            **({} if self.cell is None else {"cell": self.cell}),
            "status": self.status,
            "execution_count": self.execution_count,
            "ended": self.ended,
            **({} if self.failed_line is None else {"failed_line": self.failed_line}),
            "outputs": list(self.outputs),
        }


def forgotten(number: int) -> dict[str, Any]:
    """The line that says that the variables of the executions up to a number are gone."""
    return {"anew_after": number}


def reserved(number: int) -> dict[str, Any]:
    """The line that says that the numbers up to this one may have been given to executions."""
    return {"reserved": number}


def part(number: int, after: int) -> dict[str, Any]:
    """The line that says that a notebook has the executions after one."""
    return {"part": number, "after": after}


def gone(entry: Entry) -> dict[str, Any]:
    """The output in place of those that the journal no longer has."""
    words = f"[the outputs of {entry.execution_id} are not kept here]\n"
    return {"output_type": "stream", "name": "stderr", "text": words}


def signed(content: Mapping[str, Any], key: bytes) -> bytes:
    """A line as it is written."""
    said = json.dumps(content, separators=(",", ":")).encode()[1:]
    return _HEAD + digest(said, key).encode() + b'",' + said + b"\n"


@dataclass(frozen=True, kw_only=True)
class Journal:
    """A journal's content."""

    entries: list[Entry] = field(default_factory=list)
    """In the order of the executions."""
    forgotten_until: int = 0
    """The number of the last execution whose variables are gone for good."""
    reserved: int = 0
    """Up to which number they may have been given."""
    part: int = 1
    """In which file the notebook goes on."""
    after: int = 0
    """After which execution that one begins."""


class LaterJournal(ValueError):
    """A later release has written the journal, and this one must not add to it."""


def read(lines: Iterable[bytes], key: bytes, *, outputs_after: int | None = None) -> Journal:
    """A journal's content; outputs only of executions after a number. Raises LaterJournal."""
    reader = _Reader(key, outputs_after)
    for line in lines:
        reader.feed(line)
    return reader.journal()


class _Reader:
    """Reads the lines of a journal one by one, within bounds."""

    def __init__(self, key: bytes, outputs_after: int | None) -> None:
        self._key = key
        self._outputs_after = outputs_after
        self._known: dict[tuple[int, int], Entry] = {}
        self._code = 0
        self._unsigned = 0
        self._room = MAX_OUTPUTS
        self._forgotten_until = 0
        self._reserved = 0
        self._part, self._after = 1, 0

    def feed(self, line: bytes) -> None:
        """Take a line."""
        said = line[len(_HEAD) + _DIGEST + 2 :]
        is_signed = line.startswith(_HEAD) and is_digest(
            line[len(_HEAD) : len(_HEAD) + _DIGEST], said, self._key
        )
        if not is_signed:
            self._unsigned += 1
            if self._unsigned > MAX_UNSIGNED:
                return
        try:
            self._take(b"{" + said if is_signed else line, is_signed=is_signed)
        except LaterJournal:
            raise
        # It is cut off, or another program wrote it.
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
            return

    def journal(self) -> Journal:
        """The content of the lines so far."""
        self._prune(MAX_ENTRIES, MAX_CODE)
        return Journal(
            entries=[self._known[key] for key in sorted(self._known)],
            forgotten_until=self._forgotten_until,
            reserved=self._reserved,
            part=self._part,
            after=self._after,
        )

    def _take(self, line: bytes, *, is_signed: bool) -> None:
        head, outputs, _ = line.partition(_OUTPUTS)
        found = measured.loads(head + b"}" if outputs else head, max_items=MAX_ITEMS)
        if not isinstance(found, dict):
            return
        if not is_signed:
            _check_version(found.get("version"))
        if "begin" in found:
            self._begin(_begun(found, is_signed=is_signed))
        elif "end" in found:
            self._end(found, line, is_signed=is_signed)
        elif "reserved" in found:
            self._reserve(_number(found["reserved"]), is_signed=is_signed)
        elif "anew_after" in found:
            number = _number(found["anew_after"])
            self._forgotten_until = max(self._forgotten_until, number)
        elif "part" in found and is_signed:
            self._part = _number(found["part"])
            self._after = _number(found["after"])

    def _reserve(self, number: int, *, is_signed: bool) -> None:
        if is_signed:  # fewer, when a server has ended
            self._reserved = number
        elif number <= MAX_FOREIGN:
            self._reserved = max(self._reserved, number)

    def _begin(self, entry: Entry) -> None:
        known = self._known.get(entry.key)
        if known is not None:
            if known.is_signed and not entry.is_signed:
                return
            self._code -= len(known.code)
        self._known[entry.key] = entry
        self._code += len(entry.code)
        if len(self._known) > 2 * MAX_ENTRIES or self._code > 2 * MAX_CODE:
            self._prune(MAX_ENTRIES, MAX_CODE)

    def _end(self, found: dict[str, Any], line: bytes, *, is_signed: bool) -> None:
        entry = self._known.get((_number(found["end"]), _number(found.get("cell", 0))))
        if entry is None or (entry.is_signed and not is_signed):
            return
        is_wanted = self._outputs_after is not None and entry.number > self._outputs_after
        outputs = self._outputs(line, entry) if is_wanted else ()
        self._known[entry.key] = replace(_ended(entry, found), outputs=outputs)

    def _outputs(self, line: bytes, entry: Entry) -> Sequence[dict[str, Any]]:
        self._room -= len(line)
        try:
            if self._room < 0:
                return [gone(entry)]
            outputs = measured.loads(line, max_items=MAX_ITEMS)["outputs"]
        except (measured.TooMuch, RecursionError):
            return [gone(entry)]
        if not isinstance(outputs, list):
            raise TypeError
        return [output for output in outputs if isinstance(output, dict)]

    def _prune(self, entries: int, code: int) -> None:
        """Drop the earliest executions, unsigned ones first."""
        if len(self._known) <= entries and self._code <= code:
            return
        for key in sorted(self._known, key=lambda key: (self._known[key].is_signed, key)):
            if len(self._known) <= entries and self._code <= code:
                return
            self._code -= len(self._known.pop(key).code)


def _check_version(version: object) -> None:
    if isinstance(version, int) and version > VERSION:
        shown = version if version < MAX_NUMBER else "of a later release"
        msg = f"its journal has version {shown}, which this release does not know"
        raise LaterJournal(msg)
    if version not in (UNSIGNED, VERSION):
        raise ValueError


def _begun(found: dict[str, Any], *, is_signed: bool) -> Entry:
    number, execution_id, client = _number(found["begin"]), found["execution_id"], found["client"]
    match = _ID.fullmatch(execution_id)
    if match is None or int(match[1]) != number or not isinstance(found["code"], str):
        raise ValueError
    if number > MAX_FOREIGN and not is_signed:
        raise ValueError
    return Entry(
        number=number,
        cell=None if found.get("cell") is None else _number(found["cell"]),
        execution_id=execution_id,
        code=found["code"],
        client=str(client) if is_signed else "".join(c for c in client[:200] if c.isprintable()),
        created=_time(found["created"]),
        is_signed=is_signed,
    )


def _ended(entry: Entry, found: dict[str, Any]) -> Entry:
    count, status, line = found["execution_count"], found["status"], found.get("failed_line")
    if not _STATUS.fullmatch(status):
        raise ValueError
    return replace(
        entry,
        status=status,
        execution_count=None if count is None else _number(count),
        ended=_time(found["ended"]),
        failed_line=None if line is None else _number(line),
    )


def _number(value: object) -> int:
    if type(value) is not int or not 0 <= value <= MAX_NUMBER:
        raise ValueError
    return value


def _time(value: object) -> float:
    seconds = float(value) if isinstance(value, int | float) else -1.0
    if not 0 <= seconds < MAX_TIME:
        raise ValueError
    return seconds
