"""How often the cells of a run are written, by where the notebook is. No I/O.

In a room people see each write at once, but the room saves only when nothing has been changed for a
while, so writes leave a gap now and then. A file is written as a whole, so it is written seldom.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_mcp_ext.notebooks.draft import HomeKind

ROOM_PAUSE = 0.1
"""Seconds between two writes into a room."""

STRETCH = 10.0
"""Times its delay of saves for which a room is written into before a gap is left."""

GAP = 1.5
"""Times that delay without a write: the gap, in which the room saves."""

FILE_PAUSE = 3.0
"""Seconds between two writes of a file while a cell runs."""

FILE_PAUSE_ENDED = 1.0
"""The same once it has ended; at the end of the run all is written."""

SHARE = 5.0
"""Times the duration of the latest write that passes before the next."""


class Pace:
    """The pace of the writes of one run; times are those of a monotonic clock, in seconds."""

    def __init__(self) -> None:
        self.home: HomeKind = "file"
        """Where the notebook was kept when it was last written."""
        self.last = float("-inf")
        """When the latest write ended."""
        self._stretch = float("-inf")
        """When the first write after the latest gap began."""
        self._cost = 0.0
        self._delay = 0.0

    def wrote(self, began: float, ended: float, home: HomeKind, delay: float) -> None:
        """The notebook was written; its room saves after ``delay`` seconds without a change."""
        if began - self.last >= self._gap:
            self._stretch = began
        self.home, self.last, self._cost, self._delay = home, ended, ended - began, delay

    def wait(self, now: float, *, have_ended: bool) -> float:
        """Seconds until the next write is due; ``have_ended`` when no cell of it runs."""
        if self.home == "file":
            least = FILE_PAUSE_ENDED if have_ended else FILE_PAUSE
        else:
            least = self._gap if self._is_gap_due(now) else ROOM_PAUSE
        return max(self.last + max(least, SHARE * self._cost) - now, 0.0)

    @property
    def _gap(self) -> float:
        return max(GAP * self._delay, ROOM_PAUSE)

    def _is_gap_due(self, now: float) -> bool:
        return now - self._stretch > STRETCH * self._delay and now - self.last < self._gap
