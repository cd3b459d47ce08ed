"""Opens an audit file for this server alone, and finds what is in it. Everything here blocks."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from jupyter_mcp_ext.system import lock, locker

from .chain import BEGIN, MAX_LINE, Record, Signer, read
from .head import NO_LINK

NUMBERS = 12
"""Digits of the number of the first record, in the name of a file that was put aside."""

_STEP = 65_536


class AuditUnusable(Exception):
    """The audit file cannot be used; the message says why, and what to do."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """What is at the end of a file."""

    last: Record | None
    """The last complete record."""
    torn: int
    """Bytes after it, of a record that was not written to its end."""


class FileLock:
    """Keeps other servers from an audit file, or from a head, as long as this process has it."""

    def __init__(self, path: Path, *, trait: str) -> None:
        """``trait`` is the setting that names the file.

        A head is locked itself: it is never moved, and its folder may be one that this account
        cannot write in.
        """
        self.path = path if trait == "head_path" else path.with_name(f"{path.name}.lock")
        self._of = "it" if trait == "path" else f"its head {str(path)!r}"
        self._trait = trait
        self._file: IO[str] | None = None

    def take(self) -> None:
        """Take it, unless it is taken. Raises OSError, AuditUnusable."""
        if self._file is not None and is_same(self._file.fileno(), self.path):
            return
        self.release()
        if not self.path.parent.is_dir():
            msg = f"there is no folder {str(self.path.parent)!r}; make it"
            raise AuditUnusable(msg)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | NO_LINK, 0o600)
        file = os.fdopen(descriptor, "r+")
        if lock(file) is False:
            pid = locker(file)
            file.close()
            who = f"process {pid}" if pid else "another process"
            msg = (
                f"{who} writes into {self._of}; give each server a McpAudit.{self._trait} of its "
                "own, or end that process"
            )
            raise AuditUnusable(msg)
        self._file = file

    def release(self) -> None:
        """Let others have it."""
        file, self._file = self._file, None
        if file is not None:
            file.close()


def unfit(path: Path) -> str:
    """Why what is at a path cannot be written as a file; empty if it can. Raises OSError."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return ""
    if stat.S_ISREG(mode):
        return ""
    kinds = {stat.S_IFDIR: "a folder", stat.S_IFLNK: "a link"}
    return f"it is {kinds.get(stat.S_IFMT(mode), 'no regular file')}; name another path"


def is_audit(descriptor: int) -> bool:
    """Whether a file is empty or begins as records do, if only in part. Raises OSError."""
    begin = os.pread(descriptor, len(BEGIN), 0)
    return BEGIN.startswith(begin)


def open_file(path: Path) -> int:
    """A descriptor of the file, which is made if it is missing. Raises OSError, AuditUnusable."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | NO_LINK, 0o600)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        msg = "it is no regular file; name another path"
        raise AuditUnusable(msg)
    return descriptor


def is_same(descriptor: int, path: Path) -> bool:
    """Whether an open file is still the one at its path. Raises OSError."""
    try:
        there = path.lstat()
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(descriptor), there)


def end_of(descriptor: int, signer: Signer) -> Found:
    """What is at the end of a file. Raises OSError."""
    size = os.fstat(descriptor).st_size
    tail, start = b"", size
    while start > 0 and tail.rstrip(b"\n").count(b"\n") < 2 and size - start <= 2 * MAX_LINE:
        begin = max(0, start - _STEP)
        tail = os.pread(descriptor, start - begin, begin) + tail
        start = begin
    whole, _, rest = tail.rpartition(b"\n")
    lines = whole.rsplit(b"\n", 1)
    return Found(last=read(signer, lines[-1]) if whole else None, torn=len(rest))


def first_of(path: Path, signer: Signer) -> Record | None:
    """The first record of a file. Raises OSError."""
    with path.open("rb") as file:
        return read(signer, file.readline(MAX_LINE).rstrip(b"\n"))


def aside(path: Path, number: int) -> Path:
    """Where a file is put that begins with this record, once it is full."""
    return path.with_name(f"{path.name}.{number:0{NUMBERS}d}")


def put_aside(path: Path) -> Iterator[Path]:
    """The files that were put aside, in no order. Raises OSError."""
    name = re.compile(rf"{re.escape(path.name)}\.\d{{{NUMBERS},}}")
    return (each for each in path.parent.iterdir() if name.fullmatch(each.name))
