"""Replaces a text that a model quotes by another; pure.

Tried in this order, and the first that fits somewhere decides: the exact text; whole lines,
apart from their common indentation and blanks at their ends; whole lines, apart from all blanks at
both ends. In the latter two the new text gets the indentation that is in the file. Finally the text
is searched for as `read_file` shows it, without invisible characters.
"""

from __future__ import annotations

import os
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from itertools import accumulate, chain

from jupyter_mcp_ext.errors import ContentsError, InvalidArgument
from jupyter_mcp_ext.outputs.characters import seen, spelled_out, unseen

MAX_DIFF = 1_500
"""Characters of a diff."""

_MAX_DIFF_LINE = 300
_CONTEXT = 2
_MANY_LINES = 300
"""Above this a diff is the old lines followed by the new ones: a comparison would take long."""

_MAX_PLACES = 5

INDENTATION = "indentation"


@dataclass(frozen=True, kw_only=True)
class Edit:
    """The text after an edit, the number of places that were changed, and a diff."""

    text: str
    count: int
    diff: str
    how: str = ""
    """What the comparison ignored; empty when the text matched exactly."""


@dataclass(frozen=True, kw_only=True)
class _Change:
    start: int
    end: int
    new: str


@dataclass(frozen=True, kw_only=True)
class Named:
    """What a text is in messages: a file, or a cell of a notebook."""

    name: str
    shown_by: str = "read_file"
    whole: str = "write_file replaces a whole file"
    every: str = ", or give replace_all=true"


def replace(text: str, old: str, new: str, *, replace_all: bool, named: Named) -> Edit:
    """Put ``new`` in the place of ``old``, which fits one place unless ``replace_all``.

    Raises InvalidArgument and ContentsError.
    """
    if not old:
        msg = f"old_string is empty. Quote the text to be replaced; {named.whole}."
        raise InvalidArgument(msg)
    if old == new:
        msg = "old_string and new_string are the same. Give the text as it is to become."
        raise InvalidArgument(msg)
    is_crlf = "\r\n" in text and text.count("\r\n") == text.count("\n")
    if is_crlf or ("\r\n" in old and "\r" not in text):
        text, old, new = (words.replace("\r\n", "\n") for words in (text, old, new))
    how, changes = _places(text, old, new)
    if not changes:
        raise ContentsError(_nowhere(text, old, named))
    if len(changes) > 1 and not replace_all:
        raise ContentsError(_ambiguous(text, changes, named))
    edited = "".join(_pieces(text, changes))
    diff = _diff(text, changes)
    if is_crlf:
        edited = edited.replace("\n", "\r\n")
    return Edit(text=edited, count=len(changes), diff=diff, how=how)


def compared(before: str, after: str) -> str:
    """A unified diff of two texts."""
    start = len(os.path.commonprefix([before, after]))  # noqa: RUF071  # of characters
    ends = [before[start:][::-1], after[start:][::-1]]
    same = len(os.path.commonprefix(ends))  # noqa: RUF071
    new = after[start : len(after) - same]
    return _diff(before, [_Change(start=start, end=len(before) - same, new=new)])


def _places(text: str, old: str, new: str) -> tuple[str, list[_Change]]:
    exact = list(_exact(text, old, new))
    if exact or not old.strip():
        return "", exact
    lines = text.split("\n")
    for how, alike in ((INDENTATION, _dedented), ("blanks at the ends of lines", _trimmed)):
        changes = list(_by_lines(lines, old, new, alike))
        if changes:
            return how, changes
    return "invisible characters", list(_as_shown(text, old, new))


def _as_shown(text: str, old: str, new: str) -> Iterator[_Change]:
    """Places of a text that has invisible characters, looked for without them."""
    wanted = seen(old)
    if not wanted.strip():
        return
    starts, ends = [0], []  # of the pieces between those characters, as they are in the text
    for start, end in unseen(text):
        ends.append(start)
        starts.append(end)
    ends.append(len(text))
    if len(starts) == 1:
        return
    pieces = [text[start:end] for start, end in zip(starts, ends, strict=True)]
    before = list(accumulate(map(len, pieces)))
    for found in _exact("".join(pieces), wanted, new):
        first, last = bisect_right(before, found.start), bisect_left(before, found.end)
        yield _Change(
            start=ends[first] - (before[first] - found.start),
            end=ends[last] - (before[last] - found.end),
            new=new,
        )


def _exact(text: str, old: str, new: str) -> Iterator[_Change]:
    at = text.find(old)
    while at >= 0:
        yield _Change(start=at, end=at + len(old), new=new)
        at = text.find(old, at + len(old))


def _by_lines(
    lines: Sequence[str], old: str, new: str, alike: Callable[[Sequence[str]], list[str]]
) -> Iterator[_Change]:
    ends_line = old.endswith("\n")
    old_lines = old.removesuffix("\n").split("\n")
    wanted = alike(old_lines)
    trimmed = [line.strip() for line in lines]
    firsts = [line.strip() for line in old_lines]
    count = len(old_lines)
    position = 0
    free_from = 0
    for n, line in enumerate(lines):
        if n + count > len(lines):
            return
        if (
            n >= free_from
            and trimmed[n] == firsts[0]
            and trimmed[n : n + count] == firsts
            and alike(found := lines[n : n + count]) == wanted
        ):
            end = position + sum(map(len, found)) + count - 1
            has_newline = n + count < len(lines)
            takes_newline = ends_line and has_newline
            words = _indented(new, _indent(old_lines), _indent(found))
            if ends_line and not has_newline:
                words = words.removesuffix("\n")
            yield _Change(start=position, end=end + takes_newline, new=words)
            free_from = n + count
        position += len(line) + 1


def _dedented(lines: Sequence[str]) -> list[str]:
    cut = len(_indent(lines))
    return [line[cut:].rstrip() for line in lines]


def _trimmed(lines: Sequence[str]) -> list[str]:
    return [line.strip() for line in lines]


def _indent(lines: Sequence[str]) -> str:
    """The indentation that all lines that are not blank have in common."""
    indents = [_leading(line) for line in lines if line.strip()]
    return os.path.commonprefix(indents)  # noqa: RUF071  # characters are what is meant


def _leading(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _indented(text: str, quoted: str, found: str) -> str:
    """The new text, its indentation replaced by that of the file."""
    if quoted == found:
        return text
    return "\n".join(
        found + line[len(quoted) :] if line.strip() and line.startswith(quoted) else line
        for line in text.split("\n")
    )


def _pieces(text: str, changes: Sequence[_Change]) -> Iterator[str]:
    at = 0
    for change in changes:
        yield text[at : change.start]
        yield change.new
        at = change.end
    yield text[at:]


def _nowhere(text: str, old: str, named: Named) -> str:
    first = next((line.strip() for line in old.split("\n") if line.strip()), "")
    at = text.find(first) if first else -1
    where = (
        f" Its first line is in line {_line(text, at)}, what follows differs." if at >= 0 else ""
    )
    return f"old_string does not occur in {named.name}.{where} {named.shown_by} shows its text."


def _ambiguous(text: str, changes: Sequence[_Change], named: Named) -> str:
    lines = dict.fromkeys(str(_line(text, change.start)) for change in changes[:_MAX_PLACES])
    more = ", …" if len(changes) > _MAX_PLACES else ""
    where = f"line{'s' if len(lines) > 1 or more else ''} {', '.join(lines)}{more}"
    return (
        f"old_string fits {len(changes)} places in {named.name} ({where}). "
        f"Quote more of the lines around it{named.every}."
    )


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


def _diff(text: str, changes: Sequence[_Change]) -> str:
    """A unified diff of the changed places only: comparing whole files would take seconds."""
    diff: list[str] = []
    room = MAX_DIFF
    shift = 0
    left = list(changes)
    while left:
        group = [left.pop(0)]
        start, end = _window(text, group[0])
        while left and left[0].start <= end:
            group.append(left.pop(0))
            end = _window(text, group[-1])[1]
        old = text[start:end]
        moved = [_Change(start=c.start - start, end=c.end - start, new=c.new) for c in group]
        before, after = old.splitlines(), "".join(_pieces(old, moved)).splitlines()
        line = _line(text, start)
        head = f"@@ -{line},{len(before)} +{line + shift},{len(after)} @@"
        hunk = list(_until_over(room, chain([head], map(_cut, _compared(before, after)))))
        shift += len(after) - len(before)
        size = sum(map(len, hunk)) + len(hunk)
        if size > room:
            rest = "… the rest of the diff is left out"
            words = "\n".join(hunk)[: max(0, room - len(rest) - 1)]
            diff += [words, rest] if words else [rest]
            break
        room -= size
        diff += hunk
    return "\n".join(diff)


def _until_over(room: int, lines: Iterator[str]) -> Iterator[str]:
    """The lines up to the one with which they no longer fit: others would cost much for nothing."""
    for line in lines:
        yield line
        room -= len(line) + 1
        if room < 0:
            return


def _window(text: str, change: _Change) -> tuple[int, int]:
    """The whole lines of a change with some around it."""
    start, end = change.start, change.end
    start = text.rfind("\n", 0, start) + 1
    for _ in range(_CONTEXT):
        start = text.rfind("\n", 0, max(start - 1, 0)) + 1
    if change.end > change.start and text[change.end - 1] == "\n":
        end -= 1  # the line ends within the change
    for _ in range(_CONTEXT + 1):
        at = text.find("\n", end)
        end = len(text) if at < 0 else at + 1
    return start, end


def _compared(before: Sequence[str], after: Sequence[str]) -> Iterator[str]:
    if max(len(before), len(after)) > _MANY_LINES:
        yield from (f"-{line}" for line in before)
        yield from (f"+{line}" for line in after)
        return
    lines = list(unified_diff(before, after, n=_MANY_LINES, lineterm=""))
    yield from lines[3:]  # without the names and the numbers, which are the window's


def _cut(line: str) -> str:
    """A line of a diff, in which invisible characters can be what is changed."""
    said = spelled_out(line[:_MAX_DIFF_LINE])
    return said if len(line) <= _MAX_DIFF_LINE else f"{said}…"
