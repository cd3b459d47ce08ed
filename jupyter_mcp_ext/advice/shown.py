"""Exceptions that were shown but did not end the code, as with ``%run`` and ``%%capture``."""

from __future__ import annotations

from collections.abc import Iterator

from jupyter_mcp_ext.outputs.model import Error
from jupyter_mcp_ext.outputs.text import strip

from .run import Adviser, Run

MAX_WORDS = 120


def _says(run: Run) -> Iterator[str]:
    if run.status != "ok":
        return
    errors = [output for output in run.shown() if isinstance(output, Error)]
    if errors:
        more = f", the last of {len(errors)}" if len(errors) > 1 else ""
        yield (
            f"the code showed an exception ({words(errors[-1])}{more}) without being ended by it, "
            "as happens in %run and %%capture: not all of it has run"
        )


def words(error: Error) -> str:
    """An exception on one short line."""
    line = f"{error.ename}: {error.evalue}" if error.evalue else error.ename
    line = " ".join(strip(line[: 4 * MAX_WORDS]).split())
    return line if len(line) <= MAX_WORDS else f"{line[:MAX_WORDS]}…"


ADVISER = Adviser(says=_says)
