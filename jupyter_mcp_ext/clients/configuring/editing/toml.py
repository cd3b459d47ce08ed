"""Changes of TOML in the lines that an entry has; a new table goes to the end.

tomlkit says what a text means, before and after, and changes inline tables. It would move the
comments below a table, so lines are found here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from math import isnan
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from .text import Item, NotEditable, Path, small, words

_TABLES = 2
"""Steps of a path that are written as tables; what is below them is inline."""

_GAP = re.compile(r"(?:\s+|#[^\n]*)*")
_SPACES = re.compile(r"[ \t]*")
_KEY = re.compile(r"""\s*("(?:[^"\\]|\\.)*"|'[^']*'|[\w-]+)[ \t]*\.?""")
_TOKEN = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:[^"\\]|\\.)*"|\'[^\']*\''
    r"|(?P<open>[\[{])|(?P<close>[\]}])|(?P<over>[ \t\r]*(?:\#[^\n]*|\n|\Z))|[ \t\r,]+"
    r"""|[^\s,"'\#\[\]{}]+""",
    re.DOTALL,
)


@dataclass(frozen=True, kw_only=True)
class Statement:
    """The header of a table, or a key with its value."""

    start: int
    end: int
    path: tuple[str, ...]
    """From the root."""
    table: tuple[str, ...]
    """The table whose lines it is in."""
    value: int | None = None
    """Where the value of a key begins; None for a header."""


def get(text: str, path: Path) -> Any:
    """See `Editor`."""
    found: Any = _parsed(text).unwrap()
    for step in _keys(path):
        if not isinstance(found, Mapping):
            msg = f"{words(path)!r} is not in a table"
            raise NotEditable(msg)
        if step not in found:
            return None
        found = found[step]
    return found


def put(text: str, path: Path, value: Any) -> str:
    """See `Editor`."""
    keys = _keys(path)
    expected = _with(_parsed(text).unwrap(), keys, value)
    return _checked(_put(text, keys, value), expected)


def drop(text: str, path: Path) -> str:
    """See `Editor`."""
    keys = _keys(path)
    expected = _parsed(text).unwrap()
    rest: Any = expected
    for step in keys[:-1]:
        rest = rest[step]
    del rest[keys[-1]]
    return _checked(_drop(text, keys), expected)


def _put(text: str, keys: tuple[str, ...], value: Any) -> str:
    known = tuple(_statements(text))
    if (holder := _holder(known, keys)) is not None:
        if holder.path != keys:
            return _inline_changed(text, holder, keys, {keys[-1]: _item(value)})
        return text[: holder.value] + _written(value) + text[holder.end :]
    if any(_is_below(statement, keys) for statement in known):
        return _put(_drop(text, keys), keys, value)
    if len(keys) > _TABLES and (last := _last_of(known, keys[:-1])) is not None:
        indent = text[text.rfind("\n", 0, last.start) + 1 : last.start]
        line = f"{indent}{_name(keys[len(last.table) :])} = {_written(value)}"
        at = _line_end(text, last.end)
        return f"{text[:at]}\n{line}{text[at:]}"
    table, members = (keys, value) if isinstance(value, Mapping) else (keys[:-1], {keys[-1]: value})
    lines = [f"{_name([key])} = {_written(each)}\n" for key, each in members.items()]
    above = text if text.endswith("\n") else f"{text}\n"
    return (
        f"{above}\n[{_name(table)}]\n{''.join(lines)}"
        if text.strip()
        else (f"[{_name(table)}]\n{''.join(lines)}")
    )


def _drop(text: str, keys: tuple[str, ...]) -> str:
    known = tuple(_statements(text))
    if (holder := _holder(known, keys)) is not None and holder.path != keys:
        return _inline_changed(text, holder, keys, {})
    runs = [tuple(run) for is_part, run in groupby(known, lambda s: _is_below(s, keys)) if is_part]
    for run in reversed(runs):
        text = _cut(text, run[0].start, run[-1].end)
    return text


def _cut(text: str, begin: int, end: int) -> str:
    """The text without some lines, and without the empty line that was there for them."""
    above = text[: text.rfind("\n", 0, begin) + 1]
    below = text[_line_end(text, end) :].removeprefix("\n")
    has_gap = not below.strip(" \t") or below.lstrip(" \t\r").startswith("\n")
    return (above[:-1] if has_gap and above.endswith("\n\n") else above) + below


def _inline_changed(
    text: str, holder: Statement, keys: tuple[str, ...], members: Mapping[str, Any]
) -> str:
    """The text with other members, or without one, in an inline table."""
    document = tomlkit.parse(f"x = {text[holder.value : holder.end]}")
    table: Any = document["x"]
    for step in keys[len(holder.path) : -1]:
        if step not in table:
            table.update({step: tomlkit.inline_table()})
        table = table[step]
    if members:
        table.update(members)
    else:
        table.remove(keys[-1])
    return text[: holder.value] + document.as_string()[len("x = ") :] + text[holder.end :]


def _holder(known: Iterable[Statement], keys: tuple[str, ...]) -> Statement | None:
    """The key whose value is at a path, or has it in an inline table."""
    values = (each for each in known if each.value is not None)
    return next((each for each in values if keys[: len(each.path)] == each.path), None)


def _is_below(statement: Statement, keys: tuple[str, ...]) -> bool:
    """Whether a statement is a part of the value at a path."""
    return statement.path[: len(keys)] == keys


def _last_of(known: Iterable[Statement], table: tuple[str, ...]) -> Statement | None:
    """The last line of a table itself; None if it has none."""
    lines = [each for each in known if each.table == table]
    dotted = [each for each in known if _is_below(each, table) and len(each.table) < len(table)]
    return [None, *dotted, *lines][-1]


def _statements(text: str) -> Iterator[Statement]:
    """The statements of a text that is valid TOML."""
    table: tuple[str, ...] = ()
    at = _end(_GAP, text, 0)
    while at < len(text):
        start = at
        if text[at] == "[":
            brackets = 2 if text.startswith("[[", at) else 1
            table, at = _named(text, at + brackets)
            at = text.index("]", at) + brackets
            yield Statement(start=start, end=at, path=table, table=table)
        else:
            keys, at = _named(text, at)
            value = _end(_SPACES, text, text.index("=", at) + 1)
            at = _value_end(text, value)
            yield Statement(start=start, end=at, path=(*table, *keys), table=table, value=value)
        at = _end(_GAP, text, at)


def _named(text: str, at: int) -> tuple[tuple[str, ...], int]:
    """The parts of a dotted key, and where it ends."""
    keys = []
    while found := _KEY.match(text, at):
        key = found[1]
        keys.append(next(iter(tomlkit.parse(f"{key} = 0"))) if key[0] in "\"'" else key)
        at = found.end()
        if not found[0].endswith("."):
            break
    return tuple(keys), at


def _value_end(text: str, at: int) -> int:
    depth = 0
    while (found := _TOKEN.match(text, at)) is not None:
        depth += bool(found["open"]) - bool(found["close"])
        if found["over"] is not None and (not depth or found.end() == len(text)):
            break
        at = found.end()
    return at


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _name(keys: Iterable[str]) -> str:
    return ".".join(tomlkit.key(key).as_string() for key in keys)


def _written(value: Any) -> str:
    text: str = _item(value).as_string()
    return text


def _item(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return tomlkit.item(value)
    table = tomlkit.inline_table()
    table.update(value)
    return table


def _with(data: Any, keys: tuple[str, ...], value: Any) -> Any:
    """Data with one more value; what is no table stands in the way."""
    if not keys:
        return dict(value) if isinstance(value, Mapping) else value
    if not isinstance(data, Mapping):
        msg = f"{keys[0]!r} would not be in a table"
        raise NotEditable(msg)
    return {**data, keys[0]: _with(data.get(keys[0], {}), keys[1:], value)}


def _checked(text: str, expected: Any) -> str:
    """A changed text, unless it says something else than it should."""
    try:
        found = _parsed(text).unwrap()
    except NotEditable:
        found = None
    if _comparable(found) != _comparable(expected):
        msg = "it is laid out in a way that this command does not change safely"
        raise NotEditable(msg)
    return text


def _comparable(data: Any) -> Any:
    """Data without empty tables, which come and go with what is in them, and without NaN, which
    is not equal to itself."""
    if isinstance(data, Mapping):
        members = {key: _comparable(value) for key, value in data.items()}
        return {key: value for key, value in members.items() if value != {}}
    if isinstance(data, list):
        return [_comparable(item) for item in data]
    return "nan" if isinstance(data, float) and isnan(data) else data


def _keys(path: Path) -> tuple[str, ...]:
    if any(isinstance(step, Item) for step in path):
        msg = "lists of tables are not changed"
        raise NotEditable(msg)
    return tuple(step for step in path if isinstance(step, str))


def _parsed(text: str) -> tomlkit.TOMLDocument:
    small(text)
    try:
        return tomlkit.parse(text)
    except (TOMLKitError, RecursionError) as err:
        msg = f"it is not valid TOML: {err}"
        raise NotEditable(msg) from err
