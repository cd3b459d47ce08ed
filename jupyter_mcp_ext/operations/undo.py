"""Taking back what was edited in a notebook, also after it was renamed."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from jupyter_mcp_ext.concurrency import undisturbed
from jupyter_mcp_ext.errors import ContentsError, InvalidArgument
from jupyter_mcp_ext.files.paths import Place
from jupyter_mcp_ext.notebooks.editing.steps import is_as_left, is_edited, take_back

from .session import check_not_open

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jupyter_mcp_ext.governance.caller import Caller
    from jupyter_mcp_ext.notebooks.draft import Changed, Draft
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
    notes: list[str] = field(default_factory=list)
    """What else there is to say, such as of earlier edits that were lost."""


async def undo_edits(services: Services, place: Place, count: int, *, caller: Caller) -> Undone:
    """Take back a client's last edits of a notebook, the latest first.

    Raises ContentsError if none can be taken back, and InvalidArgument.
    """
    await check_not_open(services, caller, place)
    await _adopt(services, place, caller)
    own = await _own(services, place.real, caller)
    if not own:
        msg = (
            "There is no edit of this client in the notebook that could be taken back. Edit the "
            "cells as they are to become."
        )
        raise InvalidArgument(msg)
    undone = Undone()
    try:
        for entry in reversed(own[-min(count, MAX_UNDO) :]):
            undone.changed = await undisturbed(_taken_back(services, place, entry, caller))
            undone.notes += undone.changed.notes
            undone.taken.append(entry)
    except ContentsError as err:
        if not undone.taken:
            raise
        undone.why = str(err)
    return undone


async def _own(services: Services, path: str, caller: Caller) -> list[Entry]:
    entries = await services.editing.journal.entries(caller.subject, path)
    return [entry for entry in entries if entry.client == caller.client]


async def _adopt(services: Services, place: Place, caller: Caller) -> None:
    """Find the client's edits that were made when the notebook had another path.

    They are those that are in this notebook, and whose path has none of its cells any more:
    programs rename files without a word to Jupyter, and the path may be used again.
    """
    journal, homes = services.editing.journal, services.editing.homes
    others: dict[str, list[Entry]] = {}
    for path in await journal.paths(caller.subject):
        if path != place.real and (own := await _own(services, path, caller)):
            others[path] = own
    if others:
        changed = await homes.change(place, partial(_found, others))
        for path in changed.value:
            if not await _is_still_at(services, path, others[path][-1]):
                await journal.move(caller.subject, caller.client, old=path, new=place.real)


def _found(others: Mapping[str, Sequence[Entry]], draft: Draft) -> list[str]:
    """The paths whose last edits are in a notebook."""
    return [
        path
        for path, own in others.items()
        if _is_of(own[-1], draft)
        and is_as_left(draft, own[-1].steps)
        and is_edited(draft, [step for entry in own for step in entry.steps])
    ]


def _is_of(entry: Entry, draft: Draft) -> bool:
    """Whether a notebook has any of the cells that it had after an edit."""
    return not {*entry.beside, *(step.cell_id for step in entry.steps)}.isdisjoint(draft.ids)


async def _is_still_at(services: Services, path: str, entry: Entry) -> bool:
    """Whether the notebook of an edit is still at its path; also if that cannot be known."""
    homes = services.editing.homes
    if not await homes.is_there(path):
        return False
    try:
        return (await homes.change(Place(path=path, real=path), partial(_is_of, entry))).value
    except ContentsError:
        return True


async def _taken_back(
    services: Services, place: Place, entry: Entry, caller: Caller
) -> Changed[None]:
    changed = await services.editing.homes.change(
        place, partial(_take_back, entry), by=caller.reader
    )
    services.written.by_another(place.path)
    await services.editing.journal.remove(caller.subject, place.real, [entry])
    return changed


def _take_back(entry: Entry, draft: Draft) -> None:
    if entry.beside and is_as_left(draft, entry.steps) and not _is_of(entry, draft):
        msg = (
            "The notebook has none of the cells that it had after this edit, which is not taken "
            "back: it may be another one at the same path. Edit the cells as they are to become."
        )
        raise ContentsError(msg)
    take_back(draft, entry.steps)
