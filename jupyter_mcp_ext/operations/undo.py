"""Taking back what was edited in a notebook, also after it was renamed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jupyter_mcp_ext.concurrency import undisturbed
from jupyter_mcp_ext.errors import ContentsError, InvalidArgument
from jupyter_mcp_ext.notebooks.editing.steps import ids_of, take_back

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_mcp_ext.files.paths import Place
    from jupyter_mcp_ext.governance.caller import Caller
    from jupyter_mcp_ext.notebooks.draft import Changed
    from jupyter_mcp_ext.notebooks.editing.journal import Entry
    from jupyter_mcp_ext.services import Services

MAX_UNDO = 50
"""Edits that one call takes back at most."""


@dataclass(kw_only=True)
class Undone:
    """Edits that were taken back, the latest first."""

    taken: list[Entry] = field(default_factory=list)
    changed: Changed[None] | None = None
    """The last change; None when nothing was taken back."""
    why: str = ""
    """Why the next one was not; empty when there was none."""


async def undo_edits(services: Services, place: Place, count: int, *, caller: Caller) -> Undone:
    """Take back a client's last edits of a notebook, the latest first.

    Raises ContentsError if none can be taken back, and InvalidArgument.
    """
    count = min(count, MAX_UNDO)
    own = await _own(services, place, caller)
    if len(own) < count and await _adopt(services, place, caller):
        own = await _own(services, place, caller)
    if not own:
        msg = (
            "There is no edit of this client in the notebook that could be taken back. Edit the "
            "cells as they are to become."
        )
        raise InvalidArgument(msg)
    undone = Undone()
    try:
        for entry in reversed(own[-count:]):
            undone.changed = await undisturbed(_taken_back(services, place, entry, caller))
            undone.taken.append(entry)
    except ContentsError as err:
        if not undone.taken:
            raise
        undone.why = str(err)
    return undone


async def _own(services: Services, place: Place, caller: Caller) -> list[Entry]:
    entries = await services.editing.journal.entries(caller.subject, place.real)
    return [entry for entry in entries if entry.client == caller.client]


async def _adopt(services: Services, place: Place, caller: Caller) -> bool:
    """Find the edits that were made when the notebook had another path; whether there are any.

    They are those of a file that is gone and whose cells are in this one: programs rename files
    without a word to Jupyter.
    """
    journal, homes = services.editing.journal, services.editing.homes
    gone: dict[str, Sequence[Entry]] = {}
    for path in await journal.paths(caller.subject):
        if path != place.real and not await homes.is_there(path):
            entries = await journal.entries(caller.subject, path)
            gone[path] = [entry for entry in entries if entry.client == caller.client]
    if not any(gone.values()):
        return False
    changed = await homes.change(place, lambda draft: frozenset(draft.ids), by=caller.reader)
    fits = [
        path
        for path, entries in gone.items()
        if entries and not changed.value.isdisjoint(ids_of(entries[-1].steps))
    ]
    for path in fits:
        await journal.move(caller.subject, path, place.real)
    return bool(fits)


async def _taken_back(
    services: Services, place: Place, entry: Entry, caller: Caller
) -> Changed[None]:
    changed = await services.editing.homes.change(
        place, lambda draft: take_back(draft, entry.steps), by=caller.reader
    )
    services.written.by_another(place.path)
    await services.editing.journal.remove(caller.subject, place.real, [entry])
    return changed
