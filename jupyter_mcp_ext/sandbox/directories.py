"""Short-lived directories of this server, for sockets whose paths must be short. Blocks."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import string
import subprocess
from pathlib import Path

import psutil

BASE = Path("/tmp")  # noqa: S108  # the path of a Unix socket has at most about 100 bytes
NAME = re.compile(r"jmcp-([0-9]+)-.*")

LETTERS = string.ascii_lowercase + string.digits
RANDOM = 3
"""Letters at the end of a name. xeus keeps 31 bytes of ``ipc:///tmp/jmcp-1234567-abc/k-5``, and its
kernels fail to start with more."""

TRIES = 1_000
"""Names that are tried: others may have the directory of a name."""


def make() -> Path:
    """A new directory, which only this account may open. Raises OSError."""
    for _ in range(TRIES):
        end = "".join(secrets.choice(LETTERS) for _ in range(RANDOM))
        path = BASE / f"jmcp-{os.getpid()}-{end}"
        with contextlib.suppress(FileExistsError):
            path.mkdir(mode=0o700)
            return path
    msg = f"{BASE} has too many directories of the sandboxes of this server"
    raise FileExistsError(msg)


def remove(directory: Path) -> None:
    """Remove a directory with all that is in it, in whatever state its kernel has left it."""
    try:
        for path in directory.iterdir():
            path.unlink()
        directory.rmdir()
    except FileNotFoundError:
        return
    except OSError:  # directories, which a kernel may have put into each other by the thousand
        _run("/bin/rm", "-rf", "--", str(directory))
        if directory.exists():  # it may have taken away the right to open some
            _run("/bin/chmod", "-R", "u+rwX", "--", str(directory))
            _run("/bin/rm", "-rf", "--", str(directory))


def clear(directory: Path) -> None:
    """Remove all that is in a directory. Raises OSError."""
    for path in directory.iterdir():
        if path.is_dir() and not path.is_symlink():
            remove(path)
        else:
            path.unlink()


def _run(*command: str) -> None:
    subprocess.run(command, stderr=subprocess.DEVNULL, check=False)  # noqa: S603


def sweep() -> None:
    """Remove those of this account's servers that were killed."""
    with contextlib.suppress(OSError):
        for directory in BASE.glob("jmcp-*"):
            found = NAME.fullmatch(directory.name)
            is_own = directory.lstat().st_uid == os.getuid() and not directory.is_symlink()
            if found is not None and is_own and not psutil.pid_exists(int(found[1])):
                remove(directory)
