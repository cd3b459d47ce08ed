"""Shell commands that were sent as Python code, and loops that are started within the kernel's."""

from __future__ import annotations

import re
from collections.abc import Iterator

from jupyter_mcp_ext.outputs.text import clean, strip

from .run import Adviser, Run

_COMMAND = re.compile(
    r"(?:\$ )?(?P<name>git|pip3?|python3?|conda|mamba|uv|npm|npx|node|make|curl|wget|pytest|bash|sh"
    r"|docker|apt|apt-get|grep|find|head|tail|wc|sed|awk|chmod|touch|which|export|sudo|tar|unzip|du"
    r"|df|ps|kill|cargo|ls|cd|cat|echo|mkdir|rm|mv|cp|env|source)[ \t]+(?P<rest>[^=(,:+\s].{0,300})"
)
"""A line that is no Python: after a name there, a space and a word never come."""

_LOOP = (
    "cannot be called from a running event loop",
    "event loop is already running",
    "Cannot run the event loop while another loop is running",
    "Already running asyncio in this thread",
)

MAX_LINES = 200

AWAIT = (
    "the kernel's event loop runs already: write `await main()` at the top level of the code, "
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
    """The line that the error is about, if it is a command."""
    shown = clean("\n".join(run.error.traceback if run.error is not None else ())[-5_000:])
    for line in run.source.split("\n", MAX_LINES)[:MAX_LINES]:
        found = _COMMAND.fullmatch(line.rstrip())
        if found is not None and line.strip() in shown:
            return found
    return None


def _instead(command: re.Match[str]) -> str:
    line = strip(command[0].removeprefix("$ "))[:80]
    script = re.match(r"[\w./-]{1,100}\.py\b", command["rest"])
    if command["name"].startswith("python") and script is not None:
        return f"a script is run by `%run {script[0]}`, which keeps its variables, or by `!{line}`"
    return f"`{line}` is a shell command: begin its line with `!`, as in `!{line}`"


ADVISER = Adviser(says=_says)
