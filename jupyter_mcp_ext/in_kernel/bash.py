"""Lines for kernels of bash."""

from __future__ import annotations

import shlex

LINE = (
    "( ulimit -c 0 -f {blocks}; {commands} ) >| {path} 2>/dev/null || :; "
    "{{ [[ $(builtin history 1) == *{mark}* ]] && builtin history -d -1; }} 2>/dev/null || :"
)
"""One line, which is one entry of the history, where there is one, and takes that out itself."""

LIST = "builtin declare -F; builtin declare -p"
"""Print all functions' names and all variables."""


def show(name: str) -> str:
    """Print a variable or a function; ``name`` must be an identifier."""
    return f"builtin declare -p {name} || builtin declare -f {name}"


def written(commands: str, path: str, *, mark: str, max_bytes: int) -> str:
    """Write what commands print into a file; ``mark`` is a part of this path and of no other."""
    quoted = shlex.quote(path)
    return LINE.format(blocks=max_bytes // 1_024, commands=commands, path=quoted, mark=mark)
