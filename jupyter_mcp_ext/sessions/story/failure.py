"""Finds the line of its cell at which an execution failed, from the traceback."""

from __future__ import annotations

import re

from jupyter_mcp_ext.outputs.model import Error
from jupyter_mcp_ext.outputs.text import strip

_FRAME = re.compile(
    r"""\s*(?:
        Cell\ In\ ?\[(?P<cell>\d+)\],\ line\ (?P<line>\d+)\s*
        | Input\ In\ \[(?P<input>\d+)\],\ in\ <cell\ line:\ (?P<statement>\d+)>\(\)\s*
        | <ipython-input-(?P<old>\d+)-\w+>\ in\ <module>(?:\(\))?\s*
    )""",
    re.VERBOSE,
)
"""A frame of a cell's own code, and not of a function in it: of IPython 8.7, 8.0 and 7."""

_ARROW = re.compile(r"-+> ?(\d+)\b")

MAX_HEAD = 500
MAX_FRAME = 10_000
"""Characters that are looked at of a frame's first line, and of the lines below it."""

_COMPILING = ("SyntaxError", "IndentationError", "TabError")
"""Errors that are raised before anything has run, whatever line they name."""


def failed_line(code: str, error: Error, execution_count: int | None) -> int | None:
    """The line of ``code``, counted from 1, before which all statements ran to their end.

    None when the traceback does not tell. With several errors in a chain it is the first line of
    any, since one may have been raised early and kept.
    """
    if error.ename in _COMPILING or execution_count is None:
        return None
    found = [_line(frame, execution_count) for frame in error.traceback]
    lines = [line for line in found if line is not None]
    return min(lines) + _left_out(code) if lines else None


def _line(frame: str, execution_count: int) -> int | None:
    head, _, text = frame.partition("\n")
    match = _FRAME.fullmatch(strip(head[:MAX_HEAD]))
    if match is None or int(match["cell"] or match["input"] or match["old"]) != execution_count:
        return None
    if match["old"]:
        lines = strip(text[:MAX_FRAME]).split("\n")
        arrow = next(filter(None, map(_ARROW.match, lines)), None)
        return int(arrow[1]) if arrow is not None else None
    return int(match["line"] or match["statement"])


def _left_out(code: str) -> int:
    """Empty lines at its beginning, which IPython does not count."""
    return code[: len(code) - len(code.lstrip())].count("\n")
