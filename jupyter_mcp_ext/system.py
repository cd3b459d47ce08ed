"""What operating systems do differently. Windows has no lock that ends with its process."""

from __future__ import annotations

import errno
import sys
from typing import IO

if sys.platform != "win32":
    import fcntl

NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}
"""What file systems say that have no locks."""


def lock(file: IO[str], *, shared: bool = False) -> bool | None:
    """Lock an open file until it is closed.

    False when another process holds it, None where it cannot be locked.
    """
    if sys.platform == "win32":
        return None
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as err:
        if err.errno in NO_LOCKS:
            return None
        raise
    return True
