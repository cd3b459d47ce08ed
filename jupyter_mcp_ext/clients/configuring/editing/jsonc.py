"""Changes of JSON with comments and trailing commas, as editors and many clients read it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from .text import Item, NotEditable, Path, line_of, twice, words

_SPACE = re.compile(r"(?:[ \t\r\n]+|//[^\r\n]*|/\*.*?\*/)*", re.DOTALL)
_SCALAR = re.compile(
    r'"(?:[^"\\\x00-\x1f]|\\.)*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null'
)
_REST_OF_LINE = re.compile(r"(?:[ \t]+|/\*.*?\*/)*(?://[^\r\n]*)?", re.DOTALL)
_INDENT = re.compile(r"^([ \t]+)\S", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Node:
    """A value and where it is written."""

    start: int
    end: int
    value: Any = None


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What an object or a list consists of."""

    members: tuple[Member, ...]
    """Of an object, in their order; of a list, without keys."""
    trails: int | None = None
    """Where a comma follows the last member."""


@dataclass(frozen=True, kw_only=True)
class Member:
    """A member of an object, or an item of a list."""

    start: int
    key: str | None
    node: Node


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


_PLAIN = json.JSONDecoder(parse_constant=_refuse)
"""Reads JSON without comments. NaN and the like are none."""


def get(text: str, path: Path) -> Any:
    """See `Editor`."""
    found = _walk(text, path)[-1] if path else _root(text)
    return found and found.value


def put(text: str, path: Path, value: Any) -> str:
    """See `Editor`."""
    root = _root(text)
    if root is None:
        return f"{text.rstrip()}\n{_dumped(_wrapped(path, value), '', '  ')}\n".lstrip("\n")
    nodes = _walk(text, path)
    last = nodes[-1]
    unit = _unit(text)
    if last is not None and len(nodes) == len(path) + 1:
        written = _dumped(value, _indent(text, last.start), unit)
        return text[: last.start] + written + text[last.end :]
    *_, parent = (node for node in nodes if node is not None)
    depth = len(nodes) - 2
    step, rest = path[depth], path[depth + 1 :]
    return _inserted(text, parent, step, _wrapped(rest, value), unit)


def drop(text: str, path: Path) -> str:
    """See `Editor`."""
    parent, node = [node for node in _walk(text, path) if node is not None][-2:]
    members = _parts(text, parent).members
    place = next(n for n, member in enumerate(members) if member.node.start == node.start)
    member = members[place]
    inner = text[parent.start + 1 : member.start], text[member.node.end : parent.end - 1]
    if len(members) == 1 and not "".join(inner).strip(" \t\r\n,"):
        return text[: parent.start + 1] + text[parent.end - 1 :]
    end = member.node.end
    comma = _SPACE.match(text, end)
    after = comma.end() if comma else end
    is_last = place == len(members) - 1
    if text[after] == ",":
        cut = [(after, after + 1)]
    elif is_last and place:  # the comma before it would trail
        before = _skip(text, members[place - 1].node.end)
        is_flat = not text[before + 1 : member.start].strip(" ")
        cut = [(before, member.start if is_flat else before + 1)]
    else:
        cut = []
    start = member.start
    if cut and cut[0][0] >= end and not text[end : cut[0][0]].strip():
        end = cut.pop()[1]
    start, end = _whole_lines(text, start, end)
    for begin, stop in sorted([*cut, (start, end)], reverse=True):
        text = text[:begin] + text[stop:]
    return text


def _whole_lines(text: str, start: int, end: int) -> tuple[int, int]:
    """A piece of text with its indentation and line end, if nothing else is in its lines."""
    begin = text.rfind("\n", 0, start) + 1
    if text[begin:start].strip():
        while end < len(text) and text[end] in " \t":
            end += 1
        return start, end
    stop = end
    while stop < len(text) and text[stop] in " \t":
        stop += 1
    if text.startswith("\n", stop):
        return begin, stop + 1
    if text.startswith("\r\n", stop):
        return begin, stop + 2
    return start, stop


def _wrapped(path: Path, value: Any) -> Any:
    for step in reversed(path):
        value = [value] if isinstance(step, Item) else {step: value}
    return value


def _dumped(value: Any, indent: str, unit: str) -> str:
    return json.dumps(value, indent=unit, ensure_ascii=False).replace("\n", f"\n{indent}")


def _inserted(text: str, parent: Node, step: str | Item, value: Any, unit: str) -> str:
    """The text with one more member at the end of an object or a list."""
    key = "" if isinstance(step, Item) else f"{json.dumps(step, ensure_ascii=False)}: "
    outer = _indent(text, parent.start)
    parts = _parts(text, parent)
    if not parts.members:
        inner = text[parent.start + 1 : parent.end - 1].rstrip()  # a comment
        new = f"{inner}\n{outer}{unit}{key}{_dumped(value, outer + unit, unit)}\n{outer}"
        return text[: parent.start + 1] + new + text[parent.end - 1 :]
    last = parts.members[-1]
    if "\n" not in text[parent.start : last.start]:
        flat = f"{key}{json.dumps(value, ensure_ascii=False)}"
        if parts.trails is not None:
            at = parts.trails + 1
            return f"{text[:at]} {flat},{text[at:]}"
        return f"{text[: last.node.end]}, {flat}{text[last.node.end :]}"
    indent = _indent(text, last.start)
    new = f"\n{indent}{key}{_dumped(value, indent, unit)}"
    if parts.trails is not None:
        at = _line_end(text, parts.trails + 1, parent.end)
        return f"{text[:at]}{new},{text[at:]}"
    end = last.node.end
    at = _line_end(text, end, parent.end)
    return f"{text[:end]},{text[end:at]}{new}{text[at:]}"


def _line_end(text: str, at: int, limit: int) -> int:
    """Where the line ends, comments in it included."""
    rest = _REST_OF_LINE.match(text, at)
    end = rest.end() if rest else at
    while end > at and text[end - 1] in " \t":
        end -= 1
    return end if end < limit else at


def _indent(text: str, at: int) -> str:
    begin = text.rfind("\n", 0, at) + 1
    found = re.compile(r"[ \t]*").match(text, begin)
    return found[0] if found else ""


def _unit(text: str) -> str:
    """The indentation of one level."""
    found = _INDENT.search(text)
    if found is None:
        return "  "
    return "\t" if found[1][0] == "\t" else found[1]


def _walk(text: str, path: Path) -> list[Node | None]:
    """The nodes from the root to the end of a path; the last is None where one is missing."""
    nodes: list[Node | None] = [_root(text)]
    for depth, step in enumerate(path):
        node = nodes[-1]
        if node is None:
            break
        is_list = isinstance(step, Item)
        if not isinstance(node.value, list if is_list else dict):
            kind = "list" if is_list else "object"
            name = words(path[:depth]) or "the whole"
            line = line_of(text, node.start)
            msg = f"{name!r} is not {'a' if is_list else 'an'} {kind}, in line {line}"
            raise NotEditable(msg)
        fits = [member for member in _parts(text, node).members if _is(member, step)]
        if len(fits) > 1:
            raise twice(path[: depth + 1], line_of(text, fits[1].start))
        nodes.append(fits[0].node if fits else None)
    return nodes


def _is(member: Member, step: str | Item) -> bool:
    if isinstance(step, str):
        return member.key == step
    value = member.node.value
    return isinstance(value, dict) and value.get(step.key) == step.value


@lru_cache(maxsize=2)
def _root(text: str) -> Node | None:
    """The value of a text; None if there is none. Raises NotEditable.

    Kept, since a text is read before it is changed, and some clients have megabytes of it.
    """
    at = _skip(text, 0)
    if at == len(text):
        return None
    try:
        node = _value(text, at)
    except RecursionError:
        msg = "it is nested too deeply"
        raise NotEditable(msg) from None
    end = _skip(text, node.end)
    if end != len(text):
        raise _unexpected(text, end)
    return node


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _unexpected(text: str, at: int) -> NotEditable:
    found = repr(text[at]) if at < len(text) else "its end"
    return NotEditable(f"it is not valid JSON: {found} is not expected in line {line_of(text, at)}")


def _value(text: str, at: int) -> Node:
    if at < len(text) and text[at] in "{[":
        try:  # a hundred times as fast, and clients keep megabytes beside their settings
            value, end = _PLAIN.raw_decode(text, at)
        except ValueError:  # comments and the like
            return _collection(text, at)[0]
        return Node(start=at, end=end, value=value)
    found = _SCALAR.match(text, at)
    if found is None:
        raise _unexpected(text, at)
    try:
        value = json.loads(found[0])
    except ValueError:  # an escape that JSON has not, or a number with too many digits
        raise _unexpected(text, at) from None
    return Node(start=at, end=found.end(), value=value)


def _parts(text: str, node: Node) -> Parts:
    """What an object or a list consists of."""
    return _parts_at(text, node.start)


@lru_cache(maxsize=2)
def _parts_at(text: str, start: int) -> Parts:
    return _collection(text, start)[1]


def _collection(text: str, start: int) -> tuple[Node, Parts]:
    is_object = text[start] == "{"
    close = "}" if is_object else "]"
    members: list[Member] = []
    trails = None
    at = _skip(text, start + 1)
    while not text.startswith(close, at):
        if members and trails is None:
            raise _unexpected(text, at)
        member = _member(text, at, is_object=is_object)
        members.append(member)
        at, trails = _skip(text, member.node.end), None
        if text.startswith(",", at):
            at, trails = _skip(text, at + 1), at
    value: Any = [member.node.value for member in members]
    if is_object:
        value = {member.key: member.node.value for member in members}
    node = Node(start=start, end=at + 1, value=value)
    return node, Parts(members=tuple(members), trails=trails)


def _member(text: str, at: int, *, is_object: bool) -> Member:
    if not is_object:
        return Member(start=at, key=None, node=_value(text, at))
    if not text.startswith('"', at):
        raise _unexpected(text, at)
    name = _value(text, at)
    colon = _skip(text, name.end)
    if not text.startswith(":", colon):
        raise _unexpected(text, colon)
    return Member(start=at, key=name.value, node=_value(text, _skip(text, colon + 1)))
