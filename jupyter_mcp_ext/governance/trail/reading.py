"""Reads audit files line by line, oldest first, those too that were put aside or compressed."""

from __future__ import annotations

import contextlib
import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from .chain import MAX_LINE
from .place import NUMBERS

_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line of a file, without its end."""

    file: Path
    number: int
    """Its place in the file, from 1."""
    text: bytes
    is_whole: bool
    """Whether it has an end, and is not longer than any record."""


def files_of(path: Path) -> list[Path]:
    """The files of an audit, oldest first: the one at a path, and those of its name with more.

    Raises OSError.
    """
    found = []
    for each in path.parent.iterdir():
        rest = each.name.removeprefix(path.name)
        is_one = each.name.startswith(path.name) and rest[:1] in ("", ".", "-")
        if is_one and not rest.endswith(".lock") and each.is_file():
            found.append((_first_number(each), rest == "", each))
    return [file for number, is_current, file in sorted(found) if number or is_current]


def lines(file: Path) -> Iterator[Line]:
    """The lines of a file, none held longer than it is looked at. Raises OSError."""
    with _opened(file) as stream:
        number = 0
        while text := stream.readline(MAX_LINE):
            number += 1
            is_whole = text.endswith(b"\n")
            yield Line(file=file, number=number, text=text.rstrip(b"\n"), is_whole=is_whole)


def known(line: Line) -> dict[str, Any] | None:
    """The values of a line, without a look at its signature; None if it has none."""
    try:
        found = json.loads(line.text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _opened(file: Path) -> IO[bytes]:
    with file.open("rb") as stream:
        is_compressed = stream.read(2) == _GZIP
    return cast("IO[bytes]", gzip.open(file)) if is_compressed else file.open("rb")


def _first_number(file: Path) -> int:
    """The number of a file's first record, else the one that its name has; 0 if it has none."""
    digits = file.suffix[1:]
    number: object = None
    with contextlib.suppress(OSError, EOFError, StopIteration):
        number = (known(next(lines(file))) or {}).get("number")
    if type(number) is int:
        return number
    return int(digits) if digits.isdecimal() and len(digits) >= NUMBERS else 0
