"""HTML as a stream of tags and text, in time proportional to its length.

A document parser builds a tree, and backtracks where a tag is never closed. Outputs can have half
a million such tags, so this one never backtracks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html import unescape
from typing import NamedTuple, TypeAlias

RAW = frozenset({"script", "style", "textarea", "title", "xmp"})
"""Elements whose content holds no tags."""

_NAME = re.compile(r"[a-zA-Z][^\s/>]{0,100}")
_ATTRIBUTE = re.compile(
    r"""[\s/=]*([^\s/>=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>"'][^\s>]*)))?"""
)
# More digits than any character's number has: Python refuses to parse thousands of them.
_NO_CHARACTER = re.compile(r"&#[xX]?[0-9a-fA-F]{9,};?")


Attributes: TypeAlias = Mapping[str, str]


class Start(NamedTuple):
    """The start of an element; the values of its attributes are not resolved."""

    name: str
    attributes: Attributes
    is_empty: bool


class End(NamedTuple):
    """The end of an element, whether it was started or not."""

    name: str


class Script(NamedTuple):
    """A program in the text."""

    text: str


class Words(NamedTuple):
    """Text between tags, its character references not resolved."""

    text: str


_CONTENT: Mapping[str, type[Script | Words]] = {
    "script": Script,
    "textarea": Words,
    "xmp": Words,
}

_MOST_ATTRIBUTES = 1_000
"""Attributes of one tag that are read."""

Token: TypeAlias = Start | End | Script | Words


def scan(html: str) -> Iterator[Token]:
    """The tokens in order, without the contents of styles and titles."""
    at, size = 0, len(html)
    while at < size:
        start = html.find("<", at)
        start = size if start < 0 else start
        if start > at:
            yield Words(html[at:start])
        if start == size:
            return
        at, token = _tag(html, start)
        if token is not None:
            yield token
        if isinstance(token, Start) and token.name in RAW:
            content = at
            end, at = _end(html, at, token.name)
            if kind := _CONTENT.get(token.name):
                yield kind(html[content:end])
            yield End(token.name)


def resolved(text: str) -> str:
    """The text with its character references resolved."""
    return unescape(_NO_CHARACTER.sub("\ufffd", text)) if "&" in text else text


def _tag(html: str, start: int) -> tuple[int, Token | None]:
    """The position after the token that begins with this ``<``, and the token."""
    for opening, closing in (("<!--", "-->"), ("<!", ">"), ("<?", ">")):
        if html.startswith(opening, start):
            end = html.find(closing, start + len(opening))
            return (len(html) if end < 0 else end + len(closing)), None
    is_end = html.startswith("/", start + 1)
    name = _NAME.match(html, start + 1 + is_end)
    if name is None:
        return start + 1, Words("<")
    at, attributes = _attributes(html, name.end())
    low = name[0].lower()
    return at, End(low) if is_end else Start(low, attributes, html.startswith("/>", at - 2))


def _attributes(html: str, at: int) -> tuple[int, dict[str, str]]:
    """The position after the tag, and its attributes; the first of equal names counts."""
    found: dict[str, str] = {}
    if html.startswith(">", at):
        return at + 1, found
    for _ in range(_MOST_ATTRIBUTES):
        match = _ATTRIBUTE.match(html, at)
        if match is None:
            break
        name, *values = match.groups()
        found.setdefault(name.lower(), next(filter(None, values), ""))
        at = match.end()
    end = html.find(">", at)
    return (len(html) if end < 0 else end + 1), found


def _end(html: str, at: int, name: str) -> tuple[int, int]:
    """The position of this element's end tag, and the position after it."""
    while (at := html.find("</", at)) >= 0:
        if html[at + 2 : at + 2 + len(name)].lower() == name:
            close = html.find(">", at)
            return at, len(html) if close < 0 else close + 1
        at += 2
    return len(html), len(html)
