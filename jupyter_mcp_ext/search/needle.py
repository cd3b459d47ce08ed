"""Bytes that every file with a match has, so that most files need not be decoded or parsed. Pure.

A notebook has its text as JSON, where quotes, line ends and backslashes are escaped always, and
some writers escape more. What is looked for has none of those.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_PIECE = 1_000_000
"""Bytes that are looked at without a break for other threads."""

_ASCII = re.compile(r"[ !#-%(-.0-;=?-\[\]-~]+")
_ANY = re.compile(r"[^\x00-\x1f\"&'/<>\\\x7f\ud800-\udfff]+")
"""Runs of characters that no known writer of notebooks escapes, apart from those above ASCII."""

_ESCAPED = re.compile(rb"\\u00[2-7]")
"""A character of ASCII that was escaped all the same."""

_TOKEN = re.compile(
    r"\\x..|\\u.{4}|\\U.{8}|\\N\{[^}]*\}|\\\d{1,3}|\\[A-Za-z]"  # a class, or a character in code
    r"|\[\^?\]?(?:\\.|[^\]\\])*\]|\{[\d,]*\}|[.^$()+*?{]"
    r"|\\(?P<escaped>.)|(?P<plain>.)",
    re.DOTALL,
)
_OPTIONAL = re.compile(r"\||\(\?|\)[*?{]")
"""What makes whole parts of a regular expression optional, or changes what others mean."""


@dataclass(frozen=True)
class Needle:
    """Bytes that are in each file with a match; none if there is nothing to tell by."""

    run: bytes
    ignores_case: bool

    @classmethod
    def of(cls, literals: Iterable[str], *, ignores_case: bool) -> Needle:
        """The longest run in texts of which a file with a match has each."""
        # Lower case of bytes is that of ASCII.
        runs = [
            run.encode()
            for literal in literals
            for run in (_ASCII if ignores_case else _ANY).findall(literal)
        ]
        run = max(runs, key=len, default=b"")
        return cls(run.lower() if ignores_case else run, ignores_case)

    def may_be_in(self, data: bytes, *, is_json: bool) -> bool:
        """Whether a file with these bytes may have a match."""
        if not self.run.isascii() and not is_json:  # it may be in another encoding
            return True
        overlap = len(self.run) + 6
        for start in range(0, len(data), _PIECE) if self.run else ():
            piece = data[start : start + _PIECE + overlap]
            if self.ignores_case:
                piece = piece.lower()
            if self.run in piece or (is_json and self._may_be_escaped(piece)):
                return True
        return not self.run

    def _may_be_escaped(self, piece: bytes) -> bool:
        if not self.run.isascii():
            return b"\\u" in piece
        return b"\\u00" in piece and _ESCAPED.search(piece) is not None


def required(pattern: str) -> list[str]:
    """Texts that each match of a regular expression has; those that are easily seen."""
    if _OPTIONAL.search(pattern):
        return []
    runs = [""]
    for token in _TOKEN.finditer(pattern):
        quantifier = pattern[token.end() : token.end() + 1]
        character = token["escaped"] or token["plain"]
        if character is None or (quantifier and quantifier in "*?{"):
            runs.append("")
        else:
            runs[-1] += character
    return runs
