"""A folder below a root, held open so that no symbolic link can redirect a name in it.

Each part of the path is opened in the one before, without following links (``O_NOFOLLOW``), so
that no other writer beneath the root can put a link in the way between a check and its use.
Where the system has no such calls (Windows), names are joined as usual.

Everything here blocks: call it in a thread. Failures are OSError.
"""

# Path has no calls that are relative to an open folder.
# ruff: noqa: PTH101, PTH102, PTH105, PTH116, PTH208

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias

HAS_DIR_FD = {os.open, os.mkdir, os.rename, os.unlink, os.stat} <= os.supports_dir_fd
_FOLDER = getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)
_FILE = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)

Stamp: TypeAlias = "tuple[int, int, int] | None"
"""What changes when a file is written; None for a file that does not exist."""


class Changed(Exception):
    """Another program changed the file; nothing was written."""


def stamp(status: os.stat_result | None) -> Stamp:
    """The stamp of a file as the system describes it."""
    return None if status is None else (status.st_ino, status.st_size, status.st_mtime_ns)


class Folder:
    """An open folder; make one with `opened`."""

    def __init__(self, path: str, fd: int | None) -> None:
        self._path = path
        self._fd = fd

    @property
    def path(self) -> Path:
        """Where it is, unless it was moved since it was opened."""
        return Path(self._path)  # only when it is asked for: each costs more than opening a folder

    def open(self, name: str, flags: int, mode: int = 0o600) -> int:
        """Open a regular file in it; ``flags`` are those of ``os.open``."""
        at, where = self._at(name)
        fd = os.open(at, flags | _FILE, mode, **where)
        if not stat.S_ISREG(os.fstat(fd).st_mode):  # opening a device or a pipe could block
            os.close(fd)
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return fd

    def read(self, name: str, limit: int) -> bytes | None:
        """A file's bytes; None if it does not exist. EFBIG for more than ``limit``."""
        try:
            fd = self.open(name, os.O_RDONLY)
        except FileNotFoundError:
            return None
        with os.fdopen(fd, "rb") as file:
            data = file.read(limit + 1)
        if len(data) > limit:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        return data

    def write(
        self,
        name: str,
        pieces: Sequence[bytes],
        *,
        mode: int = 0o600,
        like: os.stat_result | None = None,
        check: Callable[[], bool] | None = None,
    ) -> os.stat_result:
        """Write a file atomically, replacing the one that is there.

        It gets the permissions of ``like``, else ``mode`` as the process's umask leaves it. As when
        a file is written in place, it is neither setuid nor setgid then.
        ``check`` is asked at the last moment; when it says no, Changed is raised.
        """
        draft = f".{secrets.token_hex(6)}.tmp"
        fd = self.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        try:
            with os.fdopen(fd, "wb") as file:
                file.writelines(pieces)
                file.flush()
                if like is not None and hasattr(os, "fchmod"):
                    os.fchmod(file.fileno(), like.st_mode & 0o777)
                os.fsync(file.fileno())
                written = os.fstat(file.fileno())
            if check is not None and not check():
                raise Changed
            self.rename(draft, name)
        except (OSError, Changed):
            with suppress(OSError):
                self.remove(draft)
            raise
        return written

    def rename(self, old: str, new: str) -> None:
        """Rename a file, replacing the one that has the new name."""
        at, where = self._at(old)
        to, _ = self._at(new)
        both = {"src_dir_fd": self._fd, "dst_dir_fd": self._fd} if where else {}
        os.replace(at, to, **both)

    def rename_new(self, old: str, new: str) -> None:
        """Rename a file. FileExistsError if the new name is taken, also at the last moment."""
        at, where = self._at(old)
        to, _ = self._at(new)
        both = {"src_dir_fd": self._fd, "dst_dir_fd": self._fd} if where else {}
        if os.name == "nt":
            Path(at).rename(to)  # refuses a name that is taken
            return
        try:
            os.link(at, to, follow_symlinks=False, **both)
        except OSError as err:
            if err.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS):
                raise
            if self.stat(new) is not None:  # a file system without hard links
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from None
            os.replace(at, to, **both)
        else:
            os.unlink(at, **where)

    def move(self, name: str, folder: Folder, *, to: str = "") -> None:
        """Move a file into another open folder, where it replaces the one of its name.

        ``to`` is another name that it gets there.
        """
        at, where = self._at(name)
        new, _ = folder._at(to or name)
        both = {"src_dir_fd": self._fd, "dst_dir_fd": folder._fd} if where else {}
        os.replace(at, new, **both)

    def make_usable(self, name: str) -> None:
        """Give this account all rights to a folder in it, and to nothing that a link leads to."""
        at, where = self._at(name)
        if hasattr(os, "O_PATH"):
            fd = os.open(at, os.O_PATH | _FOLDER, **where)
            try:
                os.chmod(f"/proc/self/fd/{fd}", 0o700)
            finally:
                os.close(fd)
        elif where:
            os.chmod(at, 0o700, follow_symlinks=False, **where)

    def remove(self, name: str) -> None:
        """Remove a file, if it exists."""
        at, where = self._at(name)
        with suppress(FileNotFoundError):
            os.unlink(at, **where)

    def remove_folder(self, name: str) -> None:
        """Remove an empty folder in it."""
        at, where = self._at(name)
        os.rmdir(at, **where)

    def stat(self, name: str) -> os.stat_result | None:
        """The status of a name, without following links; None if it does not exist."""
        at, where = self._at(name)
        try:
            return os.stat(at, follow_symlinks=False, **where)
        except FileNotFoundError:
            return None

    def names(self) -> list[str]:
        """The names in it."""
        return os.listdir(self._path if self._fd is None else self._fd)

    def entries(self) -> Iterator[os.DirEntry[str]]:
        """The entries of the folder."""
        with os.scandir(self._path if self._fd is None else self._fd) as entries:
            yield from entries

    def inner(self, name: str, *, make: bool = False, mode: int = 0o777) -> Folder:
        """A folder in it, which the caller closes; ``make`` creates it if it is missing.

        Then it has ``mode``, as the process's umask leaves it.
        """
        at, where = self._at(name)
        if make:
            with suppress(FileExistsError):
                os.mkdir(at, mode, **where)
        if self._fd is None:
            if not (self.path / name).is_dir():
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
            return Folder(at, None)
        path = f"{self._path}{os.sep}{name}"
        return Folder(path, os.open(at, os.O_RDONLY | _FOLDER, **where))

    def close(self) -> None:
        """Close the folder."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _at(self, name: str) -> tuple[str, dict[str, Any]]:
        if name in ("", ".", "..") or "/" in name or os.sep in name or "\0" in name:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        if self._fd is None:
            return str(self.path / name), {}
        return name, {"dir_fd": self._fd}


@contextmanager
def opened(root: Path, path: str, *, make: bool = False) -> Iterator[Folder]:
    """The folder that an API path names below ``root``; ``make`` creates what is missing."""
    folder = Folder(str(root), os.open(root, os.O_RDONLY) if HAS_DIR_FD else None)
    try:
        for part in (part for part in path.split("/") if part):
            inner = folder.inner(part, make=make)
            folder.close()
            folder = inner
        yield folder
    finally:
        folder.close()
