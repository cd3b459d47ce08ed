"""How much of a disk the files of sessions may fill, so that what matters least stops first.

Saved variables leave the most room, the story some, and executions none. Blocks.
"""

from __future__ import annotations

import errno
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

FULL = (errno.ENOSPC, errno.EDQUOT)
"""The system's numbers for a full disk or quota."""


@dataclass(frozen=True, kw_only=True)
class Reserve:
    """Room that is left to others: a share of the disk, and no more than some bytes."""

    share: float
    most: int

    def room(self, folder: Path) -> int:
        """Bytes that may be written on the disk of a folder; negative if that is too full."""
        usage = shutil.disk_usage(folder)
        return usage.free - min(int(usage.total * self.share), self.most)

    def check(self, folder: Path) -> None:
        """Raise OSError if nothing may be written there; what is no folder is not looked at."""
        try:
            room = self.room(folder)
        except OSError:
            return
        if room < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


SNAPSHOTS = Reserve(share=0.1, most=200_000_000)
STORY = Reserve(share=0.02, most=20_000_000)
