"""The text of a search's result: the hits, and what was not searched. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

from jupyter_mcp_ext.files.storage import MAX_BYTES
from jupyter_mcp_ext.outputs.characters import argument, escaped, seen
from jupyter_mcp_ext.wording import counted, size

from .hits import FileHits, Hit, HitLine, Place, Why
from .searching import Findings

_HEAD = 400
"""Characters that the first line has at most, and some for the lines' ends."""

_QUERY = 100
"""Characters of the query that the first line repeats."""

_LIST = 500
"""Characters of a list of files."""

_FILES = 100
"""Files that a list for programs has."""

_NAMED = 5
"""Files or folders that a note names."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """The call that is answered, to propose it for the next page."""

    query: str
    arguments: tuple[tuple[str, object], ...]
    """Those besides the query that are not left out."""

    def at(self, offset: int) -> str:
        """The same from another hit on."""
        given = [*self.arguments, ("offset", offset)]
        words = ", ".join(f"{name}={argument(value)}" for name, value in given)
        return f"search_files({argument(self.query)}, {words})"


def words_of(
    findings: Findings, call: Call, *, offset: int, room: int
) -> tuple[str, int, int | None]:
    """The text, the number of hits that it has, and the offset of the next ones."""
    body: list[str] = []
    shown = 0
    notes = list(_notes(findings))
    left = room - _HEAD - _LIST - sum(map(len, [*notes, call.at(findings.hits)]))
    for number, lines in enumerate(_blocks(findings.files)):
        block = lines if number else _within(lines, left)
        left -= sum(len(line) + 1 for line in block)
        if number and left < 0:
            break
        body += block
        shown = number + 1
    end = offset + shown
    following = end if end < findings.hits else None
    head = _head(findings, call, offset, shown)
    if following is not None and shown:
        notes.append(f"more: {call.at(end)}")
    return "\n".join([head, *body, *_others(findings, shown), *notes]), shown, following


def _within(block: list[str], room: int) -> list[str]:
    """The lines of a hit, shortened if they do not fit."""
    if sum(len(line) + 1 for line in block) <= room:
        return block
    most = max(room // len(block) - 1, 1)
    return [line if len(line) <= most else f"{line[: most - 1]}…" for line in block]


def _head(findings: Findings, call: Call, offset: int, shown: int) -> str:
    files = len(findings.files) + len(findings.others)
    looked = findings.looked - len(findings.passed)
    over = "" if findings.is_whole else "over "
    where = escaped(findings.path[-_QUERY:]) or "."
    query = argument(call.query if len(call.query) <= _QUERY else f"{call.query[:_QUERY]}…")
    words = f"{over}{counted(findings.hits, 'hit')} in {counted(files, 'file')}"
    if not findings.hits:
        words = "no hit"
    words += f" for {query} in {where}, {counted(looked, 'file')} searched"
    if findings.hits and not shown:
        return f"{words}; none from offset {offset} on"
    is_page = shown < findings.hits
    return f"{words}; {offset + 1}-{offset + shown} shown" if is_page else words


def _blocks(files: Sequence[FileHits]) -> Iterator[list[str]]:
    """The lines of each hit; with the first of a file or cell what it is in."""
    has_context = any(not line.is_hit for file in files for hit in file.hits for line in hit.lines)
    for file in files:
        title = [f"{escaped(file.path)} ({counted(file.total, 'hit')})"]
        cell = ""
        for place, hits in groupby(file.hits, lambda hit: hit.place):
            before = 0
            for hit in hits:
                above = [*title, *_above(place, cell)] if not before else []
                cell = place.header if place is not None else ""
                is_apart = has_context and before and hit.lines[0].number > before + 1
                yield [*above, *(["--"] if is_apart else []), *map(_line, hit.lines)]
                title = []
                before = hit.lines[-1].number


def _above(place: Place | None, cell: str) -> list[str]:
    """The header of a cell, unless it is that of the hit before, and the one of its outputs."""
    if place is None:
        return []
    return [
        *([place.header] if place.header != cell else []),
        *([place.outputs_begin] if place.is_output else []),
    ]


def _line(line: HitLine) -> str:
    return f"{line.number}{':' if line.is_hit else '-'} {seen(line.text)}"


def _others(findings: Findings, shown: int) -> Iterator[str]:
    """Files of which no hit is shown."""
    left: list[FileHits] = []
    for file in findings.files:
        if shown <= 0:
            left.append(file)
        shown -= len(file.hits)
    behind = [*left, *findings.others]
    words: list[str] = []
    room = _LIST
    for file in behind:
        word = f"{escaped(file.path)} ({file.total})"
        room -= len(word)
        if room < 0:
            break
        words.append(word)
    if words:
        more = len(behind) - len(words)
        rest = f" and {counted(more, 'file')} more" if more else ""
        yield f"also in: {', '.join(words)}{rest}"


def _notes(findings: Findings) -> Iterator[str]:
    """What was not searched, and why."""
    limits: dict[Why, str] = {
        "binary": "binary",
        "over the limit": f"over {size(MAX_BYTES)}; search them with code (execute_code)",
        "not readable": "not readable, or gone",
    }
    for why, words in limits.items():
        paths = [passed.path for passed in findings.passed if passed.why == why]
        if paths:
            yield f"! not searched, since {words}: {_named(paths)}"
    below = findings.below
    if below.links:
        yield f"! not followed: {counted(below.links, 'symbolic link')}"
    if below.caches:
        yield f"! not entered, unless given as path: {_named(below.caches)}"
    if below.passed and not findings.hits:
        yield f"! not entered, unless given as path: {escaped(below.passed)}, where sessions are"
    if not below.is_whole:
        yield "! not all files were looked at: there are too many; give a deeper folder as path"
    if not findings.is_whole:
        rest = counted(len(below.paths) - findings.looked, "file")
        yield f"! {rest} not searched, for lack of time: give a deeper folder or a glob"


def _named(paths: Iterable[str]) -> str:
    """``a.bin, b.bin and 3 files more``."""
    every = list(paths)
    named = ", ".join(escaped(path[-100:]) for path in every[:_NAMED])
    more = len(every) - _NAMED
    return f"{named} and {more:,} more" if more > 0 else named


def data_of(findings: Findings, shown: int, following: int | None) -> dict[str, Any]:
    """The same for programs."""
    hits = [(file.path, hit) for file in findings.files for hit in file.hits]
    return {
        "path": escaped(findings.path),
        "hits": [_as_data(path, hit) for path, hit in hits[:shown]],
        "total": findings.hits,
        "files": [
            {"path": escaped(file.path), "hits": file.total}
            for file in [*findings.files, *findings.others][:_FILES]
        ],
        "not_searched": [
            {"path": escaped(passed.path), "why": passed.why} for passed in findings.passed[:_FILES]
        ],
        "is_whole": findings.is_whole and findings.below.is_whole,
        "next_offset": following,
    }


def _as_data(path: str, hit: Hit) -> dict[str, Any]:
    data: dict[str, Any] = {"path": escaped(path), "line": hit.number, "column": hit.column}
    if hit.place is not None:
        data["cell"] = {**asdict(hit.place.cell), "is_output": hit.place.is_output}
    return data
