"""What those who read an execution have seen of it."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

MOST = 32
"""Readers of an execution that are remembered."""


@dataclass(kw_only=True)
class Reading:
    """What one reader has seen."""

    lines: int = 0
    """Finished lines of output, all of which it was shown or told of."""
    said: tuple[str, ...] = ()
    """What its answers said of the session; an answer that was lost is read again."""


class Readings:
    """The readings of one execution, the last one at the end."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Reading] = OrderedDict()

    def of(self, reader: str) -> Reading:
        """What a reader has seen."""
        known = self._known.setdefault(reader, Reading())
        self._known.move_to_end(reader)
        if len(self._known) > MOST:
            self._known.popitem(last=False)
        return known
