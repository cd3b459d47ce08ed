"""The executions of a session that may come back, and the numbers that are taken; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from . import journal
from .journal import Entry, Journal

RESERVED = 20
"""Numbers of executions that are reserved at once, so that not each has to be written at once."""

MAX_RUNNING = 100
"""Executions that may have run when a server was killed; more of them are not believed."""


class History:
    """The executions of one session, without their outputs."""

    def __init__(self) -> None:
        self.last_number = 0
        """The number of the latest execution."""
        self.forgotten_until = 0
        """The number of the last execution whose variables are gone for good."""
        self.unsigned = 0
        """Executions that do not come back, since this server's key has not signed them."""
        self._entries: dict[tuple[int, int], Entry] = {}
        self._given = 0
        """The number up to which an earlier server may have given numbers."""
        self._reserved = 0
        """The number up to which this one may, by the journal."""

    @property
    def entries(self) -> list[Entry]:
        """What was executed, in order."""
        # The cells of a run begin after what was queued behind it.
        return [self._entries[key] for key in sorted(self._entries)]

    @property
    def alive(self) -> list[Entry]:
        """The executions whose code may be run again, in order."""
        return [e for e in self.entries if e.number > self.gone_until and e.is_signed]

    @property
    def last_ended(self) -> int:
        """The number of the latest execution that has ended; 0 when none has."""
        return max(
            (e.number for e in self._entries.values() if e.has_ended and not e.cell), default=0
        )

    @property
    def gone_until(self) -> int:
        """The number up to which saved variables are gone for good, -1 when none are."""
        return self.forgotten_until or -1  # a copy is saved after its execution 0

    @property
    def given(self) -> int:
        """Numbers up to this one are never given again, even if the server was killed."""
        return max(self.last_number, self._given)

    def read(self, found: Journal) -> tuple[list[Entry], list[Entry]]:
        """Take over the executions of a journal.

        Returns the executions that ran when a server was killed, and all that are believed.
        """
        ran = [entry for entry in found.entries if not entry.has_ended][-MAX_RUNNING:]
        kept = [e for e in found.entries if e.has_ended or e.number >= ran[0].number]
        self._entries = {entry.key: replace(entry, outputs=()) for entry in kept}
        self.last_number = max((entry.number for entry in kept), default=0)
        self.forgotten_until, self._given = found.forgotten_until, found.reserved
        self.unsigned = sum(
            entry.is_shown and not entry.is_signed and entry.number > self.forgotten_until
            for entry in kept
        )
        return ran, kept

    def begin(self, entry: Entry) -> Mapping[str, Any] | None:
        """An execution begins; the line that must be written first, if one must."""
        self._entries[entry.key] = entry
        self.last_number = max(entry.number, self.last_number)
        if entry.number + RESERVED // 2 <= self._reserved:
            return None
        self._reserved = entry.number + RESERVED
        return journal.reserved(self._reserved)

    def end(self, entry: Entry) -> None:
        """An execution has ended."""
        self._entries[entry.key] = entry

    def forget(self) -> Mapping[str, Any] | None:
        """The variables of all executions so far are gone for good; the line that says so."""
        if self.last_number <= self.forgotten_until:
            return None
        self.forgotten_until = self.last_number
        self.unsigned = 0
        return journal.forgotten(self.forgotten_until)

    def give_back(self) -> Mapping[str, Any] | None:
        """The line that gives back numbers that were reserved and not used."""
        if self._reserved <= self.last_number:
            return None
        self._reserved = self.last_number
        return journal.reserved(self._reserved)

    def shortened(self, *, part: int, after: int) -> Journal:
        """What must stay of the journal: what may come back. The rest is dropped here too.

        More than `journal.MAX_ENTRIES` would not be read again.
        """
        self._entries = {entry.key: entry for entry in self.alive[-journal.MAX_ENTRIES :]}
        return Journal(
            entries=self.entries,
            forgotten_until=self.forgotten_until,
            reserved=max(self._reserved, self.given),
            part=part,
            after=after,
        )
