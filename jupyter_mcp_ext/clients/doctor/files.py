"""Jupyter's files about servers, where none of them leads to a server that runs."""

from __future__ import annotations

from collections.abc import Sequence

from jupyter_mcp_ext.clients.servers import passed_over

from .case import Case
from .finding import Finding, warning

MOST = 5
"""Files that are named."""


async def look_at_files(case: Case) -> Sequence[Finding]:
    """Which files were passed over when a server of this account was looked for."""
    found = passed_over() if case.options.is_searched else ()
    if not found:
        return []
    named = "; ".join(f"{file.name} {why}" for file, why in found[:MOST])
    more = f"; and {len(found) - MOST} more" if len(found) > MOST else ""
    return [
        warning(
            f"In {found[0][0].parent} no file leads to a server that runs: {named}{more}.",
            "Start a server with `jupyter mcp`, which writes such a file; or name a server of "
            "another account or machine by its URL, with its token in JUPYTER_TOKEN.",
        )
    ]
