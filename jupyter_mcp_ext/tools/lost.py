"""The list of what a session did not get back with its new kernel, read like an output."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from .paging import Paging, report_text
from .types import found

if TYPE_CHECKING:
    from jupyter_mcp_ext.sessions.session import Session

    from .answer import Answer
    from .call import Call

LOST = re.compile(r"(?P<session>[^/]+)/lost")
"""The output id of the list."""

SHOWN = 20
"""Lines of the list that a kernel's status shows."""


async def report_lost(call: Call, session_id: str, paging: Paging) -> Answer:
    """A page of what a session has lost, a line for each name, with the reason."""
    session = await found(call, session_id)
    if session.continuity.lost:
        head = f"not brought back, or not as it was, in {session.id} ({session.name}):"
    else:
        head = f"Nothing is known to be missing in {session.id} ({session.name})."
    paging = replace(paging, offset=paging.offset or 0, mime_type=None)  # from its first line on
    return await report_text(call, session.continuity.lost, f"{session.id}/lost", paging, head=head)


def lost_lines(session: Session) -> list[str]:
    """The lines of a kernel's status about it."""
    if not session.continuity.lost:
        return []
    lines = [f"not brought back, or not as it was ({len(session.continuity.lost)}):"]
    lines += [f"  {line}" for line in session.continuity.lost[:SHOWN]]
    if len(session.continuity.lost) > SHOWN:
        call = f'get_output("{session.id}/lost", offset={SHOWN + 1})'
        lines.append(f"  and {len(session.continuity.lost) - SHOWN} more: {call}")
    return lines
