"""Short-lived directories of this server, for sockets whose paths must be short. Blocks."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import tempfile
from pathlib import Path

import psutil

BASE = Path("/tmp")  # noqa: S108  # the path of a Unix socket has at most about 100 bytes
NAME = re.compile(r"jmcp-([0-9]+)-.*")


def make() -> Path:
    """A new directory, which only this account may open."""
    return Path(tempfile.mkdtemp(prefix=f"jmcp-{os.getpid()}-", dir=BASE))


def remove(directory: Path) -> None:
    """Remove a directory with all that is in it."""
    try:
        for path in directory.iterdir():
            path.unlink()
        directory.rmdir()
    except FileNotFoundError:
        return
    except OSError:  # directories, which a kernel may have put into each other by the thousand
        subprocess.run(["/bin/rm", "-rf", "--", directory], check=False)  # noqa: S603


def sweep() -> None:
    """Remove those of this account's servers that were killed."""
    with contextlib.suppress(OSError):
        for directory in BASE.glob("jmcp-*"):
            found = NAME.fullmatch(directory.name)
            is_own = directory.lstat().st_uid == os.getuid() and not directory.is_symlink()
            if found is not None and is_own and not psutil.pid_exists(int(found[1])):
                remove(directory)
