"""The regular expressions of callers, refused where matching one could stop the whole server.

Python matches while holding its one lock and cannot be interrupted: a pattern like ``(a+)+$``
would halt Jupyter for everybody, in a thread as well.
"""

from __future__ import annotations

import re

from jupyter_mcp_ext.errors import InvalidArgument

_LONGEST_PATTERN = 500

_SEARCHED = 500
"""Characters of a line that are searched: what is slow with its length stays fast."""

_MANY_REPEATS = 3

_LITERAL = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
_REPEAT = re.compile(r"[*+]|\{\d*,\d*\}")
_INNERMOST_GROUP = re.compile(r"\((?:\?[^()<=!:]*[:=!]|\?<[=!]|\?P<\w+>)?([^()]*)\)")
_AMBIGUOUS = "\x00"


def compile_grep(pattern: str) -> re.Pattern[str]:
    """The compiled pattern."""
    if len(pattern) > _LONGEST_PATTERN:
        msg = f"grep has {len(pattern)} characters, more than {_LONGEST_PATTERN}. Shorten it."
        raise InvalidArgument(msg)
    try:
        compiled = re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as err:
        msg = (
            f"grep is not a valid regular expression ({err}). Escape characters like ( [ * + ? "
            "with a backslash to find them as they are."
        )
        raise InvalidArgument(msg) from err
    if _may_explode(pattern):
        msg = (
            "grep repeats something that itself repeats or has alternatives, or repeats too often, "
            "which could take for ever. Use a simpler pattern."
        )
        raise InvalidArgument(msg)
    return compiled


def matches(pattern: re.Pattern[str], line: str) -> bool:
    return pattern.search(line[:_SEARCHED]) is not None


def _may_explode(pattern: str) -> bool:
    """Whether a group that repeats or has alternatives is itself repeated, or repeats are many."""
    rest = _LITERAL.sub("x", pattern)
    if len(_REPEAT.findall(rest)) > _MANY_REPEATS:
        return True
    while match := _INNERMOST_GROUP.search(rest):
        body = match[1]
        ambiguous = bool(_REPEAT.search(body)) or "|" in body or "?" in body or _AMBIGUOUS in body
        if ambiguous and rest[match.end() : match.end() + 1] in {"*", "+", "{"}:
            return True
        rest = rest[: match.start()] + (_AMBIGUOUS if ambiguous else "x") + rest[match.end() :]
    return False
