"""What became of edits after their answers were given, told to those who made them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

KEPT = 1_000
"""Clients and notebooks of which notes are kept; the oldest are dropped first."""


class Notes:
    """The notes on all notebooks, each for one client."""

    def __init__(self) -> None:
        self._notes: dict[tuple[str, str], list[str]] = {}

    def add(self, path: str, clients: Iterable[str], note: str) -> None:
        """Keep a note on the notebook of an API path for each of some clients."""
        for client in clients:
            self._notes.setdefault((path, client), []).append(note)
        while len(self._notes) > KEPT:
            del self._notes[next(iter(self._notes))]

    def take(self, path: str, client: str) -> Sequence[str]:
        """The notes that a client has not been given yet."""
        return tuple(self._notes.pop((path, client), ()))
