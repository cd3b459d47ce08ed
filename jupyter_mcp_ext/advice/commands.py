"""Shell commands sent as Python code, and event loops started inside the kernel's own."""

from __future__ import annotations

import re
from collections.abc import Iterator

from jupyter_mcp_ext.outputs.text import clean, strip

from .run import Adviser, Run

_NAMES = (
    "apt|apt-get|awk|bash|brew|cargo|cat|cd|chmod|cmake|conda|cp|curl|df|diff|docker|du|echo|env"
    "|export|ffmpeg|find|g\\+\\+|gcc|gh|git|go|grep|head|java|jupyter|kill|kubectl|ln|ls|make|mamba"
    "|mkdir|mv|mypy|node|npm|npx|nvidia-smi|pip3?|poetry|ps|pytest|python3?|rm|rsync|ruff|scp|sed|sh"
    "|sort|source|sqlite3|ssh|streamlit|sudo|tail|tar|torchrun|touch|tree|uv|wc|wget|which|zip|unzip"
)
_WORDS = "(?:and|as|else|for|if|in|is|not|or)"
_COMMAND = re.compile(
    rf"\$ \S.{{0,300}}|(?:{_NAMES})[ \t]+(?!{_WORDS}\b)[^=(,:+\s].{{0,300}}"
    r"|(?:git|make|mypy|npm|nvidia-smi|pip3?|pytest|whoami)"
)
"""A line that cannot be Python: there no word follows a name, and no line begins with a prompt."""

_LOOP = (
    "cannot be called from a running event loop",
    "event loop is already running",
    "Cannot run the event loop while another loop is running",
    "Already running asyncio in this thread",
)

MAX_LINES = 200

AWAIT = (
    "the kernel already runs an event loop: write `await main()` at the top level of the code, "
    "without asyncio.run"
)


def _says(run: Run) -> Iterator[str]:
    error = run.error
    if error is None or run.language != "python":
        return
    if error.ename == "RuntimeError" and any(words in error.evalue for words in _LOOP):
        yield AWAIT
    elif error.ename in ("SyntaxError", "NameError"):
        command = _command(run)
        if command is not None:
            yield _instead(command)


def _command(run: Run) -> re.Match[str] | None:
    """The line that raised the error, if it is a command."""
    shown = clean("\n".join(run.error.traceback if run.error is not None else ())[-5_000:])
    for line in run.source.split("\n", MAX_LINES)[:MAX_LINES]:
        found = _COMMAND.fullmatch(line.rstrip())
        if found is not None and line.strip() in shown:
            return found
    return None


def _instead(command: re.Match[str]) -> str:
    line = strip(command[0].removeprefix("$ "))[:80]
    script = re.match(r"python3? +(?P<path>[\w./-]{1,100}\.py)\b", line)
    if script is not None:
        path = script["path"]
        return f"run a script with `%run {path}`, which keeps its variables, or with `!{line}`"
    return f"`{line}` is a shell command: begin its line with `!`, as in `!{line}`"


ADVISER = Adviser(says=_says)
