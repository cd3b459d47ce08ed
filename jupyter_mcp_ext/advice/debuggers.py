"""Debuggers, whose prompts cannot be answered here."""

from __future__ import annotations

import re
from collections.abc import Iterator

from jupyter_mcp_ext.outputs.model import Error, Stream

from .run import Adviser, Run

_PROMPT = re.compile(r"\s*(?:ipdb>|\(Pdb[^)\n]{0,20}\))\s*$")
_CONFIRMATION = re.compile(r"Quitting pdb will kill the process\. Quit anyway\? \[y/n\]\s*$")

INSTEAD = (
    "a debugger cannot be used here, since its prompts cannot be answered: look at values with "
    "inspect_variable or print, catch the exception, or run the function again with other arguments"
)

_BREAKPOINT = re.compile(r"^[ \t]*breakpoint\(\)", re.MULTILINE)
_MAGIC = re.compile(r"\s*%%?debug\b")


def way_out(text: str) -> str | None:
    """The answer that ends a debugger with this prompt; None if the prompt is the code's own."""
    if _PROMPT.match(text[:200]):
        return "q"
    return "y" if _CONFIRMATION.match(text[:200]) else None


def in_traceback(error: Error) -> bool:
    """Whether the error comes from a debugger whose prompt was refused."""
    return error.ename == "StdinNotImplementedError" and any(
        "/bdb.py" in part or "/pdb.py" in part for part in error.traceback
    )


def _says(run: Run) -> Iterator[str]:
    if run.language != "python":
        return
    if (run.error is not None and in_traceback(run.error)) or _was_refused(run):
        yield INSTEAD
    elif run.status == "ok" and "breakpoint()" in run.source and _BREAKPOINT.search(run.source):
        yield f"breakpoint() does not stop the code: {INSTEAD}"


def _was_refused(run: Run) -> bool:
    """Whether ``%%debug`` was refused: it prints the exception and ends well."""
    if run.status != "ok" or not _MAGIC.match(run.source):
        return False
    streams = (output for output in run.shown() if isinstance(output, Stream))
    return any("StdinNotImplementedError" in str(stream.rope)[:20_000] for stream in streams)


ADVISER = Adviser(says=_says)
