"""Finds the first record of an audit that is not as it was written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .chain import START, Link, Record, Signer, read
from .head import Head
from .reading import Line, all_lines, known


@dataclass(frozen=True, kw_only=True)
class Broken:
    """The first place where an audit is broken, and how."""

    file: Path
    line: int
    number: int
    """The number of the record that is wrong or missing."""
    why: str

    @property
    def words(self) -> str:
        """The place and the reason."""
        place = f"{self.file}, line {self.line}: " if self.line else f"{self.file}: "
        return f"{place}record {self.number}: {self.why}"


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What was found."""

    files: int
    records: int
    last: Link
    broken: Broken | None


def check(path: Path, signer: Signer, head: Callable[[], Head | None]) -> Checked:
    """Look at all records.

    ``head`` reads the head; it is read again if files seem to be missing, since a server may have
    removed old ones in between. Raises OSError, and what ``head`` raises.
    """
    read_first = head()
    while True:
        found, fault = None, None
        try:
            found = Check(path, signer, read_first).run()
        except FileNotFoundError as err:
            fault = err
        if found is not None and found.broken is None:
            return found
        before, read_first = read_first, head()
        if before is None or read_first is None or before.first == read_first.first:
            if found is None:
                raise fault or FileNotFoundError(path)
            return found


class Check:
    """Looks at each record once, and holds one at a time."""

    def __init__(self, path: Path, signer: Signer, head: Head | None) -> None:
        """``head`` is read before; without one the end may be missing, and the beginning be any."""
        self._path = path
        self._file = path
        """The file that is looked at."""
        self._files = 0
        self._signer = signer
        self._head = head
        self._last: Link | None = None
        if head is not None and head.first == 1:
            self._last = START
        self._key = signer.name
        """The name of the key with which records are made here, as the audit says."""
        self._records = 0

    def run(self) -> Checked:
        """Look at all of them. Raises OSError."""
        broken = None
        for line in all_lines(self._path):
            if line.number == 1:
                self._file, self._files = line.file, self._files + 1
            if self._is_being_written(line):
                break
            broken = self._look(line)
            if broken is not None:
                break
            self._records += 1
        last = self._last or START
        broken = broken or self._end(last)
        return Checked(files=self._files, records=self._records, last=last, broken=broken)

    def _is_being_written(self, line: Line) -> bool:
        """Whether a line is not whole yet, since a server writes it now."""
        is_enough = self._head is not None and self._expected > self._head.last.number
        return is_enough and not line.is_whole and line.file == self._path

    def _look(self, line: Line) -> Broken | None:
        expected = self._expected
        data = known(line) or {}
        if data.get("kind") == "opened":
            self._key = str(data.get("key"))
        record = read(self._signer, line.text) if line.is_whole else None
        why = self._fault(record, line, data)
        if why:
            return Broken(file=line.file, line=line.number, number=expected, why=why)
        assert record is not None  # noqa: S101
        self._last = record.link
        return None

    @property
    def _expected(self) -> int:
        """The number of the next record."""
        if self._last is not None:
            return self._last.number + 1
        return self._head.first if self._head is not None else 1

    def _fault(self, record: Record | None, line: Line, data: dict[str, Any]) -> str:
        """Why a line is not the next record; empty if it is."""
        if record is None or not record.is_signed:
            return self._unsigned(record, line, data)
        is_start = self._last is None and self._head is None
        number = record.number if is_start else self._expected
        if record.number < number:
            return f"out of order: here is record {record.number}, which was written before"
        if record.number > number:
            return self._gap(record.number, number)
        if self._last is not None and record.previous != self._last.mac:
            return "it does not follow the record before it, which another server may have written"
        return ""

    def _unsigned(self, record: Record | None, line: Line, data: dict[str, Any]) -> str:
        if self._key != self._signer.name:
            return (
                f"key differs: it was written with the key {self._key}, and this one is "
                f"{self._signer.name}"
            )
        if record is None:
            return "altered: the line is no record" if line.is_whole else "altered: the line is cut"
        follows = self._last is not None and record.previous == self._last.mac
        if record.number == self._expected and follows:
            return "altered: it is not as it was signed"
        return "forged: it is not signed with this key, and follows no record"

    def _gap(self, found: int, expected: int) -> str:
        """Whether a record is missing, or comes later."""
        for line in all_lines(self._path):
            record = read(self._signer, line.text) if line.is_whole else None
            if record is not None and record.is_signed and record.number == expected:
                return f"out of order: here is record {found}, and {expected} comes later"
        many = found - expected
        return f"missing: {many} record{'s are' if many > 1 else ' is'} not there before {found}"

    def _end(self, last: Link) -> Broken | None:
        """What is wrong with the end."""
        head = self._head
        if head is None or last.number > head.last.number:
            return None
        file = self._file
        if last.number < head.last.number:
            why = f"truncated at the end: {head.last.number} records were written"
            return Broken(file=file, line=0, number=last.number + 1, why=why)
        if last.mac != head.last.mac:
            why = "it is not the one that the head has"
            return Broken(file=file, line=0, number=last.number, why=why)
        return None
