"""Code in Markdown fences, as models quote it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .run import Adviser, Run

FENCES = ("```", "~~~")

_OPENING = re.compile(r"(```|~~~)[ \t]*\{?[\w.+-]{0,30}\}?")


def unfenced(code: str) -> str:
    """The code inside a fence that encloses all of it; other code unchanged."""
    lines = code.strip().split("\n") if _has_fence(code) else []
    opening = _OPENING.fullmatch(lines[0].rstrip()) if len(lines) > 1 else None
    if opening is None or lines[-1].strip() != opening[1]:
        return code
    inner = lines[1:-1]
    is_one = not any(line.lstrip().startswith(opening[1]) for line in inner)
    return "\n".join(inner) if is_one else code


def _has_fence(code: str) -> bool:
    return any(fence in code for fence in FENCES)


def _says(run: Run) -> Iterator[str]:
    if run.error is not None and run.error.ename == "SyntaxError" and _has_fence(run.source):
        yield "the code has a Markdown fence: send the code alone, without fences"


ADVISER = Adviser(says=_says)
