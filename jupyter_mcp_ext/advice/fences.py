"""Code in Markdown fences, as models quote it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .run import Adviser, Run

FENCE = "```"

_OPENING = re.compile(r"```[ \t]*\{?[\w.+-]{0,30}\}?")


def unfenced(code: str) -> str:
    """The code within a fence that is around all of it; other code as it is."""
    lines = code.strip().split("\n") if FENCE in code else []
    if len(lines) < 2 or lines[-1].strip() != FENCE or not _OPENING.fullmatch(lines[0].rstrip()):
        return code
    inner = lines[1:-1]
    is_one = not any(line.lstrip().startswith(FENCE) for line in inner)
    return "\n".join(inner) if is_one else code


def _says(run: Run) -> Iterator[str]:
    if run.error is not None and run.error.ename == "SyntaxError" and FENCE in run.source:
        yield f"the code has a Markdown fence ({FENCE}): send the code alone, without fences"


ADVISER = Adviser(says=_says)
