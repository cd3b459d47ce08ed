"""Changes of YAML at the places that its parser names; the rest stays as it is written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import yaml
from yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode, SequenceNode

from .text import Item, NotEditable, Path, line_of, small, twice, words

MAX_VALUES = 100_000
"""Values of a text, those that aliases repeat included; some thousands are usual."""

_NUMERIC = re.compile(r"[-+.]*[0-9]")
_TAG = "tag:yaml.org,2002:"


class _Dumper(yaml.SafeDumper):
    """Quotes also what only later versions of YAML than PyYAML's read as a number."""

    def represent_str(self, data: str) -> ScalarNode:
        """See PyYAML."""
        style = None
        if _NUMERIC.match(data):
            style = "'"
        if not data.isprintable():
            style = '"'
        return self.represent_scalar(f"{_TAG}str", data, style=style)


_Dumper.add_representer(str, _Dumper.represent_str)


def get(text: str, path: Path) -> Any:
    """See `Editor`."""
    nodes = _walk(text, path)
    found = nodes[-1]
    return _plain(found) if len(nodes) == len(path) + 1 and found is not None else None


def put(text: str, path: Path, value: Any) -> str:
    """See `Editor`."""
    nodes = [node for node in _walk(text, path) if node is not None]
    expected = _with(_data(text), path, value)
    if not nodes or (len(nodes) == 1 and not nodes[0].flow_style and "\n..." not in text):
        above = f"{text.rstrip()}\n" if text.strip() else ""
        return _checked(f"{above}{_block(_wrapped(path, value), 0)}\n", expected)
    depth = len(nodes) - 1
    if depth < len(path):
        parent, step = nodes[depth], path[depth]
        new = _wrapped(path[depth + 1 :], value)
        is_empty = not isinstance(parent, ScalarNode) and not parent.value
        if isinstance(parent, ScalarNode) or (is_empty and depth):
            holder = nodes[depth - 1]
            new = _wrapped(path[depth:], value)
            changed = _replaced(text, holder, path[depth - 1], new)
        elif is_empty:
            block = _block(_wrapped(path, value), 0)
            changed = text[: parent.start_mark.index] + block + text[parent.end_mark.index :]
        else:
            changed = _inserted(text, parent, step, new)
    else:
        changed = _replaced(text, nodes[-2], path[-1], value)
    return _checked(changed, expected)


def drop(text: str, path: Path) -> str:
    """See `Editor`."""
    nodes = [node for node in _walk(text, path) if node is not None]
    parent = nodes[-2]
    expected = _without(_data(text), path)
    if len(parent.value) == 1:
        rest: Any = [] if isinstance(parent, SequenceNode) else {}
        if len(path) == 1:
            return _checked(f"{text[: parent.start_mark.index]}{{}}\n", expected)
        return _checked(_replaced(text, nodes[-3], path[-2], rest), expected)
    if parent.flow_style:
        return _checked(_without_flow(text, parent, path[-1]), expected)
    first, value = _member(parent, path[-1])
    begin = text.rfind("\n", 0, first.start_mark.index) + 1
    end = _line_end(text, _end(text, value))
    return _checked(text[:begin] + text[end + 1 :], expected)


def _without_flow(text: str, parent: CollectionNode, step: str | Item) -> str:
    """The text without one of the members of a mapping or list in brackets."""
    members = [pair if isinstance(pair, tuple) else (pair, pair) for pair in parent.value]
    place = next(n for n, pair in enumerate(parent.value) if _is(pair, step))
    if place:
        return text[: _end(text, members[place - 1][1])] + text[_end(text, members[place][1]) :]
    return text[: members[0][0].start_mark.index] + text[members[1][0].start_mark.index :]


def _inserted(text: str, parent: CollectionNode, step: str | Item, value: Any) -> str:
    """The text with one more member at the end of a mapping or a list that has some."""
    last = parent.value[-1]
    last = last[1] if isinstance(parent, MappingNode) else last
    member = [value] if isinstance(step, Item) else {step: value}
    if parent.flow_style:
        flat = _flow(member)[1:-1]
        end = _end(text, last)
        return f"{text[:end]}, {flat}{text[end:]}"
    at = _line_end(text, _end(text, last))
    return f"{text[:at]}\n{_block(member, parent.start_mark.column)}{text[at:]}"


def _replaced(text: str, parent: CollectionNode, step: str | Item, value: Any) -> str:
    """The text with another value of a member; a mapping in a block is written as one."""
    first, old = _member(parent, step)
    end = _end(text, old)
    if parent.flow_style or isinstance(step, Item):
        return text[: old.start_mark.index] + _flow(value) + text[end:]
    if not end or end <= first.end_mark.index:  # nothing after the colon
        end = text.find(":", first.end_mark.index) + 1
    head, line_end, tail = _block({step: value}, first.start_mark.column).lstrip().partition("\n")
    colon = text.find(":", first.end_mark.index) + 1  # an explicit key has none: checked later
    if old.start_mark.line > first.start_mark.line and old.start_mark.index > colon:
        comment = text[colon : _line_end(text, colon)]
    else:
        comment, end = text[end : _line_end(text, end)], _line_end(text, end)
    new = f"{head}{comment.rstrip()}{line_end}{tail}"
    return text[: first.start_mark.index] + new + text[end:]


def _block(value: Any, indent: int) -> str:
    dumped = yaml.dump(
        value,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=1_000_000,
        default_flow_style=False,
    )
    return "\n".join(f"{' ' * indent}{line}" for line in dumped.rstrip("\n").split("\n"))


def _flow(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _end(text: str, node: Node) -> int:
    """Where a value ends; the parser's mark of a block is at what follows it."""
    if isinstance(node, MappingNode | SequenceNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(text, last[1] if isinstance(last, tuple) else last)
    end: int = node.end_mark.index
    if isinstance(node, ScalarNode) and node.style in ("|", ">"):
        end = len(text[:end].rstrip())
    return end


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _member(parent: Node, step: str | Item) -> tuple[Node, Node]:
    """The key, or the item itself, and the value."""
    return next(
        (pair if isinstance(pair, tuple) else (pair, pair))
        for pair in parent.value
        if _is(pair, step)
    )


def _is(pair: Any, step: str | Item) -> bool:
    if isinstance(step, str):
        return isinstance(pair, tuple) and bool(pair[0].value == step)
    return isinstance(pair, MappingNode) and any(
        key.value == step.key and value.value == step.value for key, value in pair.value
    )


def _walk(text: str, path: Path) -> list[Any]:
    """The nodes from the root to the end of a path; the last is None where one is missing."""
    nodes: list[Any] = [_composed(text)]
    for depth, step in enumerate(path):
        node = nodes[-1]
        if node is None:
            break
        if isinstance(node, ScalarNode) and node.tag == f"{_TAG}null":
            nodes.append(None)
            break
        if not isinstance(node, SequenceNode if isinstance(step, Item) else MappingNode):
            name = words(path[:depth]) or "the whole"
            kind = "list" if isinstance(step, Item) else "mapping"
            line = node.start_mark.line + 1
            msg = f"{name!r} is not a {kind}, in line {line}"
            raise NotEditable(msg)
        fits = [pair for pair in node.value if _is(pair, step)]
        if len(fits) > 1:
            second = fits[1][0] if isinstance(fits[1], tuple) else fits[1]
            raise twice(path[: depth + 1], line_of(text, second.start_mark.index))
        nodes.append(_member(node, step)[1] if fits else None)
    return nodes


def _wrapped(path: Path, value: Any) -> Any:
    for step in reversed(path):
        value = [value] if isinstance(step, Item) else {step: value}
    return value


def _with(data: Any, path: Path, value: Any) -> Any:
    if not path:
        return value
    step = path[0]
    if isinstance(step, str):
        return {**(data or {}), step: _with((data or {}).get(step), path[1:], value)}
    items = list(data or [])
    for place, item in enumerate(items):
        if isinstance(item, dict) and item.get(step.key) == step.value:
            items[place] = _with(item, path[1:], value)
            return items
    return [*items, _with(None, path[1:], value)]


def _without(data: Any, path: Path) -> Any:
    step, rest = path[0], path[1:]
    if isinstance(step, str):
        if rest:
            return {**data, step: _without(data[step], rest)}
        return {key: value for key, value in data.items() if key != step}
    if rest:
        return [_without(item, rest) if _fits(item, step) else item for item in data]
    return [item for item in data if not _fits(item, step)]


def _fits(item: Any, step: Item) -> bool:
    return isinstance(item, dict) and item.get(step.key) == step.value


def _checked(text: str, expected: Any) -> str:
    """A changed text, unless it says something else than it should."""
    try:
        is_right = _data(text) == expected
    except NotEditable:
        is_right = False
    if not is_right:
        msg = "it is laid out in a way that this command does not change safely"
        raise NotEditable(msg)
    return text


def _data(text: str) -> Any:
    node = _composed(text)
    return None if node is None else _plain(node)


def _plain(node: Node) -> Any:
    """What a node says, tags of programs left aside. Raises NotEditable."""
    left = iter(range(MAX_VALUES))
    try:
        return _of(node, left)
    except RecursionError:
        msg = "it refers to itself"
    except StopIteration:
        msg = f"it has more than {MAX_VALUES:,} values, with those that its aliases repeat"
    raise NotEditable(msg)


def _of(node: Node, left: Iterator[int]) -> Any:
    next(left)
    if isinstance(node, MappingNode):
        members: dict[Any, Any] = {}
        for key, value in node.value:
            name = key.value if isinstance(key, ScalarNode) else repr(_of(key, left))
            members[name] = _of(value, left)
        return members
    if isinstance(node, SequenceNode):
        items: list[Any] = []
        for item in node.value:
            items.append(_of(item, left))  # noqa: PERF401  # a comprehension hides StopIteration
        return items
    try:
        return yaml.SafeLoader("").construct_object(node)
    except (yaml.YAMLError, ValueError):
        return (node.tag, node.value)


def _composed(text: str) -> Node | None:
    small(text)
    try:
        return yaml.compose(text, yaml.SafeLoader)
    except yaml.YAMLError as err:
        mark = getattr(err, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        why = getattr(err, "problem", None) or "it cannot be read"
        msg = f"it is not valid YAML{where}: {why}"
        raise NotEditable(msg) from err
    except RecursionError:
        msg = "it is nested too deeply"
        raise NotEditable(msg) from None
