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
MAX_SIZE = 10_000


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
    """The head in a file; None if there is none. Raises OSError, ForgedHead."""
    try:
        with path.open("rb") as file:
            line = file.read(MAX_SIZE)
    except FileNotFoundError:
        return None
    opened = signer.open(line.rstrip(b"\n"))
    if opened is None:
        raise ForgedHead
    known, _, is_signed = opened
    if not is_signed or "head" not in known:
        raise ForgedHead
    return Head(last=Link(number=known["head"], mac=known["last"]), first=known["first"])


def write(path: Path, head: Head, signer: Signer) -> None:
    """Put a head in the place of the one before it. Raises OSError."""
    known = {"head": head.last.number, "last": head.last.mac, "first": head.first}
    line, _ = signer.seal(known)
    draft = path.with_name(f".{path.name}.new")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:  # noqa: PTH123  # a descriptor
        file.write(line)
    draft.replace(path)
