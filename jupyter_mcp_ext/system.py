"""Differences of operating systems. Windows has no lock that ends with its process."""

from __future__ import annotations

import errno
import os
import re
import sys
import time
from pathlib import Path
from typing import IO, Any

if sys.platform != "win32":
    import fcntl
    import resource

NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}
"""Errors of file systems without locks."""

MANY_DESCRIPTORS = 1_000_000
"""Stands for any number of file descriptors."""


def lock(file: IO[Any] | int, *, shared: bool = False, wait: bool = False) -> bool | None:
    """Lock an open file until it is closed; ``wait`` blocks until another process lets it go.

    False if another process holds it, None if it cannot be locked.
    """
    if sys.platform == "win32":
        return None
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(file, kind if wait else kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as err:
        if err.errno in NO_LOCKS:
            return None
        raise
    return True


def locker(file: IO[Any]) -> int | None:
    """The process that has locked an open file, if the system tells."""
    known = os.fstat(file.fileno())
    place = f"{os.major(known.st_dev):02x}:{os.minor(known.st_dev):02x}:{known.st_ino}"
    try:
        locks = Path("/proc/locks").read_text()
    except OSError:
        return None
    found = re.search(rf"^\d+: FLOCK +\S+ +\S+ +(\d+) {place} ", locks, re.MULTILINE)
    return int(found[1]) if found is not None else None


def steady_time() -> float:
    """Seconds that go on evenly, on Linux also while the machine sleeps."""
    if sys.platform != "linux":
        return time.monotonic()
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def max_descriptors() -> int:
    """How many file descriptors this process may have open; `MANY_DESCRIPTORS` for any number."""
    if sys.platform == "win32":
        return MANY_DESCRIPTORS
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MANY_DESCRIPTORS if soft == resource.RLIM_INFINITY else min(soft, MANY_DESCRIPTORS)
