"""How often the cells of a run are written, by where the notebook is. No I/O.

In a room people see each write at once, but some rooms save only while nothing is changed, so now
and then writes leave a gap until the room has saved. A file is written as a whole, so seldom.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_mcp_ext.notebooks.draft import HomeKind, Saving

ROOM_PAUSE = 0.1
"""Seconds between two writes into a room."""

STRETCH = 10.0
"""Times its delay of saves for which a room may have saved nothing before a gap is left."""

LONGEST_GAP = 20.0
"""Seconds after which writes go on though the room has not saved: a person may be typing."""

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
        self._cost = 0.0
        self._gap_ended = float("-inf")

    def wrote(self, began: float, ended: float, home: HomeKind) -> None:
        """The notebook was written."""
        self.home, self.last, self._cost = home, ended, ended - began

    def left_gap(self, now: float) -> None:
        """A gap has ended."""
        self._gap_ended = now

    def is_gap_due(self, now: float, saving: Saving) -> bool:
        """Whether nothing is to be written until the room has saved."""
        return min(saving.waits, now - self._gap_ended) > STRETCH * max(saving.delay, ROOM_PAUSE)

    def wait(self, now: float, *, have_ended: bool) -> float:
        """Seconds until the next write is due; ``have_ended`` when no cell of it runs."""
        if self.home == "file":
            least = FILE_PAUSE_ENDED if have_ended else FILE_PAUSE
        else:
            least = ROOM_PAUSE
        return max(self.last + max(least, SHARE * self._cost) - now, 0.0)
