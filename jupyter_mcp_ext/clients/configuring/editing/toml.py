"""Changes of TOML. A new table goes to the end; what is there is changed by tomlkit."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from .text import Item, NotEditable, Path, words


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
    expected = _with(_parsed(text).unwrap(), _keys(path), value)
    if isinstance(value, Mapping) and get(text, path) is None:
        above = f"{text.rstrip()}\n\n" if text.strip() else ""
        with suppress(NotEditable):  # as where it is in an inline table
            return _checked(f"{above}{_table(path, value)}", expected)
    document = _parsed(text)
    *parents, key = _keys(path)
    table: Any = document
    for step in parents:
        table = table[step]
    table[key] = _inline(value)
    return _checked(document.as_string(), expected)


def drop(text: str, path: Path) -> str:
    """See `Editor`."""
    document = _parsed(text)
    *parents, key = _keys(path)
    table: Any = document
    expected = document.unwrap()
    rest: Any = expected
    for step in parents:
        table, rest = table[step], rest[step]
    del rest[key]
    try:
        del table[key]
        return _checked(document.as_string(), expected)
    except (TOMLKitError, KeyError) as err:
        msg = f"{words(path)!r} cannot be taken out by this command"
        raise NotEditable(msg) from err


def _table(path: Path, value: Mapping[str, Any]) -> str:
    """A table of its own, with its members as inline values."""
    document = tomlkit.document()
    name = ".".join(tomlkit.key(step).as_string() for step in _keys(path))
    for key, member in value.items():
        document.add(key, _inline(member))
    return f"[{name}]\n{document.as_string()}"


def _inline(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
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
    if _pruned(found) != _pruned(expected):
        msg = "it is laid out in a way that this command does not change safely"
        raise NotEditable(msg)
    return text


def _pruned(data: Any) -> Any:
    """Data without empty tables, which come and go with what is in them."""
    if not isinstance(data, Mapping):
        return data
    members = {key: _pruned(value) for key, value in data.items()}
    return {key: value for key, value in members.items() if value != {}}


def _keys(path: Path) -> tuple[str, ...]:
    if any(isinstance(step, Item) for step in path):
        msg = "lists of tables are not changed"
        raise NotEditable(msg)
    return tuple(step for step in path if isinstance(step, str))


def _parsed(text: str) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(text)
    except (TOMLKitError, RecursionError) as err:
        msg = f"it is not valid TOML: {err}"
        raise NotEditable(msg) from err
