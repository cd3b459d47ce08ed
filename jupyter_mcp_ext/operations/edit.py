"""Changing a notebook's cells, so that it can be taken back."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from jupyter_mcp_ext.concurrency import undisturbed
from jupyter_mcp_ext.notebooks.draft import Changed, Draft
from jupyter_mcp_ext.notebooks.editing.edits import Edited
from jupyter_mcp_ext.notebooks.editing.journal import Entry
from jupyter_mcp_ext.notebooks.editing.steps import is_gone, sources

from .session import check_not_open

if TYPE_CHECKING:
    from jupyter_mcp_ext.files.paths import Place
    from jupyter_mcp_ext.governance.caller import Caller
    from jupyter_mcp_ext.services import Services

Edit: TypeAlias = Callable[[Draft], Edited]

RECENT = 3_600.0
"""Seconds for which an edit that is gone is still worth a word."""

BESIDE = 20
"""Cells of a notebook by which it is known again."""


@dataclass(frozen=True, kw_only=True)
class EditOutcome:
    """An edit that was made."""

    path: str
    changed: Changed[Edited]
    can_undo: bool
    is_open: bool = False
    """Whether a person has the file open without collaboration, where they do not see the edit."""
    gone: Entry | None = None
    """An edit of this client that such a person has overwritten or changed."""


async def edit_notebook(
    services: Services, place: Place, edit: Edit, *, caller: Caller
) -> EditOutcome:
    """Make an edit where the notebook is, and keep how it is taken back.

    A cancellation takes effect afterwards: else an edit could be made that nothing takes back.
    Raises what the edit raises, Forbidden and ContentsError; then nothing was changed.
    """
    return await undisturbed(_edited(services, place, edit, caller))


async def _edited(services: Services, place: Place, edit: Edit, caller: Caller) -> EditOutcome:
    await check_not_open(services, caller, place)
    is_open = await services.sessions.directory.on_path(caller, place.path) is not None
    is_unseen = False
    found: dict[str, str] = {}
    beside: tuple[str, ...] = ()
    began = 0.0

    def edit_and_look(draft: Draft) -> Edited:
        nonlocal is_unseen, found, began, beside
        # In a room people see edits at once, and overwrite none.
        is_unseen = is_open and not draft.shows_runs
        found, began = sources(draft) if is_unseen else {}, time.time()
        edited = edit(draft)
        beside = tuple(draft.ids[:BESIDE])
        return edited

    changed = await services.editing.homes.change(place, edit_and_look, by=caller.reader)
    gone = None
    if is_unseen:
        last = await last_edit(services, place, caller=caller, until=began)
        gone = last if last is not None and is_gone(last.steps, found) else None
    services.written.by_another(place.path)
    steps = changed.value.steps
    can_undo = True
    if steps:
        entry = Entry(client=caller.client, tool=changed.value.done, steps=steps, beside=beside)
        can_undo = await services.editing.journal.add(caller.subject, place.real, entry)
    return EditOutcome(
        path=place.path,
        changed=changed,
        can_undo=can_undo,
        is_open=is_unseen,
        gone=gone,
    )


async def last_edit(
    services: Services, place: Place, *, caller: Caller, until: float
) -> Entry | None:
    """The client's last edit of a notebook until then, if it was made a short time before."""
    entries = await services.editing.journal.entries(caller.subject, place.real)
    since = until - RECENT
    own = [
        entry for entry in entries if entry.client == caller.client and since <= entry.at <= until
    ]
    return own[-1] if own else None
