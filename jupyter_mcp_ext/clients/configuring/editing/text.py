"""What the editors of JSON, TOML and YAML have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

MAX_SLOW = 500_000
"""Characters of TOML and YAML, whose parsers take some seconds for so many."""


class NotEditable(ValueError):
    """A text that is left as it is; the message says why, with the line where that is known."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """The item of a list that has a member with a value."""

    key: str
    value: str


Path: TypeAlias = tuple[str | Item, ...]
"""Where a value is: the keys from the root, and the items of lists."""


class Editor(Protocol):
    """Changes texts in one format; every function raises `NotEditable`."""

    def get(self, text: str, path: Path) -> Any:
        """The value at a path; None if there is none."""
        ...

    def put(self, text: str, path: Path, value: Any) -> str:
        """The text with a value at a path, and what leads to it."""
        ...

    def drop(self, text: str, path: Path) -> str:
        """The text without the value at a path, which is there."""
        ...


def small(text: str) -> None:
    """Refuse a text for which a slow parser would need minutes."""
    if len(text) > MAX_SLOW:
        msg = f"it has more than {MAX_SLOW:,} characters"
        raise NotEditable(msg)


def line_of(text: str, index: int) -> int:
    """The number of the line that has a character, from 1."""
    return text.count("\n", 0, index) + 1


def words(path: Path) -> str:
    """A path as it is named to people."""
    return ".".join(part if isinstance(part, str) else part.value for part in path)


def twice(path: Path, line: int) -> NotEditable:
    """Two members have the same key, so which of them counts is up to the client."""
    return NotEditable(f"{words(path)!r} is there twice, the second time in line {line}")


def merged(
    editor: Editor, text: str, path: Path, entry: Mapping[str, Any], known: frozenset[str]
) -> str:
    """The text with an entry at a path.

    Of one that is there, only what differs is changed: members that are not ``known``, such as
    those that switch it off or allow its tools, stay.
    """
    before = editor.get(text, path)
    if not isinstance(before, dict):
        return editor.put(text, path, dict(entry))
    for key in before:
        if key in known and key not in entry:
            text = editor.drop(text, (*path, key))
    for key, value in entry.items():
        if key not in before or before[key] != value:
            text = editor.put(text, (*path, key), value)
    return text
