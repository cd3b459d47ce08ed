"""What is searched for: a text or a regular expression, and whether lines have it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import accumulate, chain
from typing import NamedTuple

from jupyter_mcp_ext.errors import InvalidArgument
from jupyter_mcp_ext.outputs.search import MAX_PATTERN, Search

from .needle import Needle, required

_WINDOW = 100_000
"""Characters of a line that are compared without a break for other threads."""

_ESCAPES = re.compile(r"\\.|\(\?P")
"""Parts of a regular expression whose upper case says nothing of the text: ``\\S``."""


class Match(NamedTuple):
    """A place that fits: the number of its line, from 0, and of its first character."""

    line: int
    column: int
    lines: int = 1
    """Lines that it covers."""


class Query:
    """A text or a regular expression; close it after use.

    Case counts if it has an upper-case letter. A regular expression fits within a line, a text may
    have several lines.
    """

    def __init__(self, words: str, *, is_regex: bool) -> None:
        """Raises InvalidArgument."""
        if not words:
            msg = "The query is empty. Give the text to look for."
            raise InvalidArgument(msg)
        if len(words) > MAX_PATTERN:
            msg = f"The query has over {MAX_PATTERN} characters. Search for a part of it."
            raise InvalidArgument(msg)
        self.words = words if is_regex else words.replace("\r\n", "\n")
        self.ignores_case = not any(
            letter.isupper() for letter in (_ESCAPES.sub("", words) if is_regex else words)
        )
        literals = required(words) if is_regex else [self.words]
        self.needle = Needle.of(literals, ignores_case=self.ignores_case)
        self._stack = ExitStack()
        self._search: Search | None = None
        if is_regex:
            self._search = self._stack.enter_context(Search(words, ignores_case=self.ignores_case))
        flags = re.IGNORECASE if self.ignores_case else 0
        self._literal = re.compile(re.escape(self.words), flags)

    def close(self) -> None:
        """End the process that searches for a regular expression; it may block."""
        self._stack.close()

    def matches(self, texts: Sequence[Sequence[str]]) -> Iterator[tuple[int, Match]]:
        """The matches in some texts, given as their lines: the text's number, and the place.

        A line counts once. It may block. Raises InvalidArgument when the search takes too long.
        """
        if self._search is not None:
            yield from self._fitting(self._search, texts)
            return
        find = self._across if "\n" in self.words else self._within
        for number, lines in enumerate(texts):
            for match in find(lines):
                yield number, match

    def _fitting(
        self, search: Search, texts: Sequence[Sequence[str]]
    ) -> Iterator[tuple[int, Match]]:
        """All texts at once, since each exchange with the other process takes time."""
        ends = list(accumulate(map(len, texts)))
        number = 0
        search.renew()
        for found in search.matching(chain.from_iterable(texts)):
            while found.line >= ends[number]:
                number += 1
            line = found.line - ends[number] + len(texts[number])
            yield number, Match(line, found.places[0])

    def _within(self, lines: Iterable[str]) -> Iterator[Match]:
        for number, line in enumerate(lines):
            if (column := self._find(line)) >= 0:
                yield Match(number, column)

    def _across(self, lines: Iterable[str]) -> Iterator[Match]:
        text = "\n".join(lines)
        line = end = 0
        while (start := self._find(text, end)) >= 0:
            line += text.count("\n", end, start)
            spanned = text.count("\n", start, start + len(self.words))
            yield Match(line, start - text.rfind("\n", 0, start) - 1, spanned + 1)
            line, end = line + spanned, start + len(self.words)

    def _find(self, text: str, start: int = 0) -> int:
        """The first place in a text from a character on; -1 if there is none."""
        if not self.ignores_case:
            return text.find(self.words, start)
        while start < len(text):
            end = start + _WINDOW
            if (match := self._literal.search(text, start, end + len(self.words))) is not None:
                return match.start()
            start = end
        return -1
