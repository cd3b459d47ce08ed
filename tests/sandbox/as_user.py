"""``python -m tests.sandbox.as_user UID FOLDER COMMAND…``: run Python as an ordinary user.

Run as root. The user may not search the folders that Python, the project and the test's own folder
are in (``/root``, temporary folders), so they are shown in a mount namespace of the process's own.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

PROJECT = Path(__file__).parent.parent.parent
LIBC = ctypes.CDLL(None, use_errno=True)

CLONE_NEWNS = 0x20000
MS_BIND_REC, MS_PRIVATE_REC = 0x5000, 0x44000


def checked(result: int) -> None:
    """Raise OSError for the result of a system call that failed."""
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def mount(source: str, target: Path, kind: bytes | None, flags: int, data: bytes = b"") -> None:
    """``mount(2)``."""
    where = os.fsencode(target)
    checked(LIBC.mount(source.encode(), where, kind, ctypes.c_ulong(flags), data or None))


def closed_above(path: Path) -> Path | None:
    """The outermost folder above that others may not search."""
    above = reversed(path.parents)
    return next((folder for folder in above if not folder.stat().st_mode & 0o001), None)


def show(paths: list[Path]) -> None:
    """Have these paths below folders that everyone may search."""
    closed = {path: above for path in paths if (above := closed_above(path)) is not None}
    held = {path: os.open(path, os.O_PATH) for path in closed}
    for folder in sorted(set(closed.values())):
        mount("tmpfs", folder, b"tmpfs", 0, b"mode=755")
    for path in sorted(held):
        path.mkdir(parents=True, exist_ok=True)
        mount(f"/proc/self/fd/{held[path]}", path, None, MS_BIND_REC)


def main() -> None:
    """Become the user and run the command."""
    user, folder, command = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
    checked(LIBC.unshare(CLONE_NEWNS))
    mount("none", Path("/"), None, MS_PRIVATE_REC)
    show([folder, PROJECT, Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve()])
    for each in (folder, *folder.rglob("*")):
        os.chown(each, user, user, follow_symlinks=False)
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)
    os.chdir(folder)
    os.execv(sys.executable, [sys.executable, *command])  # noqa: S606  # no shell is wanted


if __name__ == "__main__":
    main()
