"""Reads definitions and bound names from the executions in a session's journal."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

from jupyter_mcp_ext.sessions.story.journal import Entry

from .definitions import Definitions, bound, definitions


async def read_definitions(entries: Sequence[Entry], given: Collection[str] = ()) -> Definitions:
    """The definitions of these executions, which can be run again without side effects.

    ``given`` are names that the session has before them.
    """
    ran = [entry for entry in entries if entry.is_shown]
    codes = [entry.code for entry in ran]
    return await asyncio.to_thread(definitions, codes, unfinished=_unfinished(ran), given=given)


def bound_after(entries: Sequence[Entry], number: int) -> frozenset[str]:
    """The names that the executions after a number have certainly set or deleted."""
    ran = [entry for entry in entries if entry.number > number and entry.is_shown]
    return bound([entry.code for entry in ran], unfinished=_unfinished(ran))


def _unfinished(entries: Sequence[Entry]) -> dict[int, int | None]:
    """The places of executions that did not run to their end, with the lines before that."""
    return {
        place: entry.failed_line if entry.status == "error" else None
        for place, entry in enumerate(entries)
        if entry.status != "ok"
    }
