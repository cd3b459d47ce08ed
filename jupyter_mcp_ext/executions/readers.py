"""Who reads an execution, and what their answers have shown of it."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

MOST = 32
"""Readers of an execution that are remembered."""


@dataclass(kw_only=True)
class Reader:
    """What one reader's answers have shown."""

    lines: int = 0
    """Finished lines of output, all of which it was shown or told of."""
    notices: tuple[str, ...] = ()
    """What its answers said of the session; an answer that was lost is read again."""

    def see(self, lines: int) -> None:
        """An answer shows all lines up to this number."""
        self.lines = lines

    def hear(self, notices: tuple[str, ...]) -> None:
        """An answer says more of the session."""
        self.notices += notices


class Readers:
    """The readers of one execution, the latest at the end."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Reader] = OrderedDict()

    def have_seen(self, lines: int) -> bool:
        """Whether one of them was shown all lines up to this number."""
        return any(reader.lines >= lines for reader in self._known.values())

    def of(self, key: str) -> Reader:
        """The reader of that key (`Caller.reader`)."""
        known = self._known.setdefault(key, Reader())
        self._known.move_to_end(key)
        if len(self._known) > MOST:
            self._known.popitem(last=False)
        return known
