"""Short-lived directories of this server, for sockets whose paths must be short. Blocks.

A server holds a lock (``flock(2)``) on each of its directories, which is free once the server is
gone, however it has ended. Numbers of processes would not tell that: servers in several containers
can share the place.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import stat
import string
import subprocess
import sys
from pathlib import Path

from .bubblewrap import PLACES

if sys.platform != "win32":
    import fcntl

BASE = Path("/tmp")  # noqa: S108  # the path of a Unix socket has at most about 100 bytes
NAME = re.compile(r"jmcp-[0-9]+-.*")

LETTERS = string.ascii_lowercase + string.digits
RANDOM = 3
"""Letters at the end of a name. xeus keeps 31 bytes of ``ipc:///tmp/jmcp-1234567-abc/k-5``, and its
kernels fail to start with more."""

TRIES = 1_000
"""Names that are tried: others may have the directory of a name."""

_locks: dict[Path, int] = {}
"""The descriptors that hold the locks of this process's directories."""


def make() -> Path:
    """A new directory, which only this account may open. Raises OSError."""
    for _ in range(TRIES):
        end = "".join(secrets.choice(LETTERS) for _ in range(RANDOM))
        path = BASE / f"jmcp-{os.getpid()}-{end}"
        with contextlib.suppress(FileExistsError):
            path.mkdir(mode=0o700)
            if (lock := _lock(path)) is not None:
                _locks[path] = lock
                return path
    msg = f"{BASE} has too many directories of the sandboxes of this server"
    raise FileExistsError(msg)


def remove(directory: Path) -> None:
    """Remove a directory with all that is in it, in whatever state its kernel has left it."""
    _remove(directory)
    if (lock := _locks.pop(directory, None)) is not None:
        os.close(lock)


def _remove(directory: Path) -> None:
    try:
        for path in directory.iterdir():
            path.unlink()
        directory.rmdir()
    except FileNotFoundError:
        return
    except OSError:  # directories, which a kernel may have put into each other by the thousand
        _run("rm", "-rf", "--", str(directory))
        if directory.exists():  # it may have taken away the right to open some
            _run("chmod", "-R", "u+rwX", "--", str(directory))
            _run("rm", "-rf", "--", str(directory))


def have(folder: Path) -> None:
    """Make a folder if it is not there; what has its name must be one, and no link. Raises OSError.

    It can be in any place: a kernel may have put something else there.
    """
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    if not stat.S_ISDIR(folder.lstat().st_mode):
        msg = f"{folder.name!r} is not the folder that this server has made there"
        raise OSError(msg)


def clear(directory: Path) -> None:
    """Remove all that is in a directory. Raises OSError."""
    directory.chmod(0o700)  # a kernel may have taken away the right to open it
    for path in directory.iterdir():
        if path.is_dir() and not path.is_symlink():
            _remove(path)
        else:
            path.unlink()


def _run(program: str, *arguments: str) -> None:
    """Run a program of the system, if it has that."""
    found = shutil.which(program, path=os.pathsep.join(PLACES))
    if found is not None:
        subprocess.run([found, *arguments], stderr=subprocess.DEVNULL, check=False)  # noqa: S603


def sweep() -> None:
    """Remove those of this account's servers that are gone."""
    for directory in filter(lambda path: NAME.fullmatch(path.name), BASE.glob("jmcp-*")):
        with contextlib.suppress(OSError):
            if directory.lstat().st_uid == os.getuid() and not directory.is_symlink():
                directory.chmod(0o700)  # a kernel may have taken away the right to open it
                _sweep(directory)


def _sweep(directory: Path) -> None:
    lock = _lock(directory)
    if lock is not None:
        try:
            _remove(directory)
        finally:
            os.close(lock)


def _lock(directory: Path) -> int | None:
    """A descriptor that holds the lock of a directory; None if another has it, or removed it."""
    try:
        opened = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    with contextlib.suppress(OSError):
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(opened), directory.lstat()):
            return opened
    os.close(opened)
    return None
