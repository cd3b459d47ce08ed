"""Reads audit files line by line, oldest first, those too that were put aside or compressed."""

from __future__ import annotations

import contextlib
import gzip
import json
import zlib
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


LAST = 1 << 62
"""The place of the file that is written now, if it does not say which."""

Place = tuple[int, bool, Path]
"""Where a file comes: the number of its first record, and whether it is the one written now."""


def files_of(path: Path) -> list[Path]:
    """The files of an audit, oldest first: the one at a path, and those of its name with more.

    Raises OSError.
    """
    return [file for _, _, file in _places(path)]


def all_lines(path: Path) -> Iterator[Line]:
    """The lines of all files of an audit, in their order, also while a server puts files aside.

    Raises OSError.
    """
    after: Place = (-1, False, path)
    while (place := next((each for each in _places(path) if each > after), None)) is not None:
        after = place
        for line in lines(place[2]):
            if line.number == 1 and _number(line) not in (place[0], 0) and place[0] != LAST:
                after = (place[0], False, Path())  # it was put aside just now: find it again
                break
            yield line


def _places(path: Path) -> list[Place]:
    found = []
    for each in path.parent.iterdir():
        rest = each.name.removeprefix(path.name)
        is_one = each.name.startswith(path.name) and rest[:1] in ("", ".", "-")
        if is_one and not rest.endswith(".lock") and each.is_file():
            number = _first_number(each) or (LAST if rest == "" else 0)
            found.append((number, rest == "", each))
    return sorted(place for place in found if place[0])


def lines(file: Path) -> Iterator[Line]:
    """The lines of a file, none held longer than it is looked at. Raises OSError."""
    with _opened(file) as stream:
        number = 0
        while text := _line(stream, file):
            number += 1
            is_whole = text.endswith(b"\n")
            yield Line(file=file, number=number, text=text.rstrip(b"\n"), is_whole=is_whole)


def _line(stream: IO[bytes], file: Path) -> bytes:
    """The next line. Raises OSError, also if the file is compressed and not whole."""
    try:
        return stream.readline(MAX_LINE)
    except (EOFError, zlib.error, gzip.BadGzipFile) as err:
        msg = f"{file} is compressed, and damaged: {err}"
        raise OSError(msg) from err


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
    with contextlib.suppress(OSError, EOFError, StopIteration):
        if number := _number(next(lines(file))):
            return number
    return int(digits) if digits.isdecimal() and len(digits) >= NUMBERS else 0


def _number(line: Line) -> int:
    """The number that a line gives itself; 0 if it gives none."""
    number = (known(line) or {}).get("number")
    return number if type(number) is int else 0
