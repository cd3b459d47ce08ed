"""The head of an audit file, kept in a second place: how many records there are, and the last one.

Without it a file whose end was cut off would look complete. Everything here blocks.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from .chain import START, Link, Signer

FOLDER = "jupyter_mcp_ext.audit"

SIZE = 512
"""Bytes of a head, which disks write as one."""

TRIES = 3
"""How often a head is read that a server may be writing now."""

NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
"""Flags for files that must be no links, nor anything that waits when it is opened."""


@dataclass(frozen=True, kw_only=True)
class Head:
    """What the audit file must have at its end, and at its beginning."""

    last: Link
    first: int = 1
    """The number of the oldest record that has not been removed with its file."""


EMPTY = Head(last=START)


class ForgedHead(Exception):
    """The head is not one that was written with this key."""


def usual_place(path: Path, data_dir: Path) -> Path:
    """Where the head of an audit file is unless the operator says where."""
    return data_dir / FOLDER / f"{sha256(os.fsencode(path)).hexdigest()[:16]}.head"


def read(path: Path, signer: Signer) -> Head | None:
    """The head in a file; None if there is none, or nothing in it. Raises OSError, ForgedHead."""
    found = None
    for _ in range(TRIES):
        try:
            start = _start_of(path)
        except FileNotFoundError:
            return None
        if not start:
            return None
        found = signer.open(start.rstrip())
        if found is not None and found[2]:
            break
    if found is None or not found[2] or "head" not in found[0]:
        raise ForgedHead
    known = found[0]
    return Head(last=Link(number=known["head"], mac=known["last"]), first=known["first"])


def _start_of(path: Path) -> bytes:
    """What is at the beginning of a file; nothing of a pipe, and no more of what has no end."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    try:
        return os.read(descriptor, SIZE)
    finally:
        os.close(descriptor)


def write(path: Path, head: Head, signer: Signer) -> None:
    """Put a head in the place of the one before it. Raises OSError."""
    known = {"head": head.last.number, "last": head.last.mac, "first": head.first}
    line, _ = signer.seal(known)
    # A new file in its place would be complete at all times, but ext4 writes to the disk then.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | NO_LINK, 0o600)
    try:
        os.pwrite(descriptor, line.rstrip().ljust(SIZE - 1) + b"\n", 0)
    finally:
        os.close(descriptor)
