"""Shell commands that failed: IPython keeps their exit code in ``_exit_code`` and raises nothing.

It keeps none for captured commands (``x = !cmd``, ``!!cmd``, ``%sx``), and ``%%bash`` raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from jupyter_mcp_ext.in_kernel.expressions import EXIT_CODE
from jupyter_mcp_ext.outputs.text import strip

from .run import Adviser, Run

ASKED = "shell"

_COMMAND = re.compile(
    r"^(?P<indent>[ \t]*)(?P<command>!(?![!=])[^\n]+"
    r"|%(?:pip|conda|mamba|micromamba|uv|ls|ll|cat|cp|mv|rm|rmdir|mkdir)\b[^\n]*"
    r"|(?:ls|ll|cat|cp|mv|rm|rmdir|mkdir)[ \t]+[-/~.\w][^\n=(]*"
    r"|(?:pip|conda|mamba|micromamba|uv)[ \t]+\w[^\n]*"
    r"|get_ipython\(\)\.system\([^\n]*)$",
    re.MULTILINE,
)
_CELL_MAGIC = re.compile(r"\s*%%(\w+)")
_RUNS_IPYTHON = ("time", "timeit", "capture", "prun")
_CERTAIN = ("!", "%", "get_ipython")
MAX_COMMAND = 80


def _last_command(source: str) -> re.Match[str] | None:
    """The last line that uses the shell, if any does."""
    magic = _CELL_MAGIC.match(source)
    if magic is not None and magic[1] not in _RUNS_IPYTHON:
        return None
    last = None
    for last in _COMMAND.finditer(source):  # noqa: B007  # the last is what is wanted
        pass
    return last


def _asks(source: str) -> Mapping[str, str]:
    return {ASKED: EXIT_CODE} if _last_command(source) is not None else {}


def _says(run: Run) -> Iterator[str]:
    code = run.asked.get(ASKED, "0")
    last = _last_command(run.source) if code not in ("0", "None") else None
    if last is None or not re.fullmatch(r"-?\d{1,10}", code):
        return
    end = f"was ended by signal {code[1:]}" if code.startswith("-") else f"failed: exit code {code}"
    # A line in a block or in a string may not have run: then the exit code is that of an earlier
    # command.
    is_certain = (
        not last["indent"]
        and last["command"].startswith(_CERTAIN)
        and '"""' not in run.source
        and "'''" not in run.source
    )
    if is_certain:
        yield f"the shell command {_quoted(last['command'])} {end}"
    else:
        yield f"the last shell command, of this code or an earlier one, {end}"


def _quoted(command: str) -> str:
    words = " ".join(strip(command).split())
    return f'"{words if len(words) <= MAX_COMMAND else words[:MAX_COMMAND] + "…"}"'


ADVISER = Adviser(says=_says, asks=_asks)
