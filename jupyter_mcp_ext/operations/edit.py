"""Changing a notebook's cells, so that it can be taken back."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
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

ChangeWith: TypeAlias = Callable[[Edit], Awaitable[Changed[Edited]]]
"""Changes one notebook by an edit."""

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


@dataclass(frozen=True, kw_only=True)
class Made:
    """An edit that was made, while it is being kept how it is taken back."""

    path: str
    changed: Changed[Edited]
    is_open: bool
    gone: Entry | None
    kept: Awaitable[bool] | None
    """Whether it can be taken back; None when nothing was changed."""

    async def outcome(self) -> EditOutcome:
        """The edit once it is known whether it can be taken back."""
        return EditOutcome(
            path=self.path,
            changed=self.changed,
            can_undo=self.kept is None or await self.kept,
            is_open=self.is_open,
            gone=self.gone,
        )


async def edit_notebook(
    services: Services, place: Place, edit: Edit, *, caller: Caller, is_shared: bool = False
) -> EditOutcome:
    """Make an edit where the notebook is, and keep how it is taken back.

    ``is_shared`` tells that it was just now found in a room. A cancellation takes effect
    afterwards. Raises what the edit raises, Forbidden and ContentsError; then nothing was changed.
    """
    change = partial(services.editing.homes.change, place, by=caller.reader)
    made = make(services, place, edit, caller=caller, change=change, is_shared=is_shared)
    return await undisturbed(_kept(made))


async def _kept(made: Awaitable[Made]) -> EditOutcome:
    return await (await made).outcome()


async def make(
    services: Services,
    place: Place,
    edit: Edit,
    *,
    caller: Caller,
    change: ChangeWith,
    is_shared: bool,
) -> Made:
    """Make an edit by ``change``, and begin to keep how it is taken back; see `edit_notebook`.

    Not to be cancelled: else an edit could be made that nothing takes back.
    """
    await check_not_open(services, caller, place)
    # In a room people see edits at once, and overwrite none.
    is_open = not is_shared and await _is_open(services, place, caller)
    is_looked_at = False
    found: dict[str, str] = {}
    beside: tuple[str, ...] = ()
    began = 0.0

    def edit_and_look(draft: Draft) -> Edited:
        nonlocal is_looked_at, found, began, beside
        is_looked_at = is_open and not draft.shows_runs
        found, began = sources(draft) if is_looked_at else {}, time.time()
        edited = edit(draft)
        beside = tuple(draft.ids[:BESIDE])
        return edited

    changed = await change(edit_and_look)
    if is_shared and changed.home == "file":  # its room has closed just now
        is_open = await _is_open(services, place, caller)
    last = None
    if is_looked_at:
        last = await last_edit(services, place, caller=caller, until=began)
    services.written.by_another(place.path)
    kept, steps = None, changed.value.steps
    if steps:
        entry = Entry(client=caller.client, tool=changed.value.done, steps=steps, beside=beside)
        kept = services.editing.journal.keep(caller.subject, place.real, entry)
    return Made(
        path=place.path,
        changed=changed,
        is_open=is_open and changed.home == "file",
        gone=last if last is not None and is_gone(last.steps, found) else None,
        kept=kept,
    )


async def _is_open(services: Services, place: Place, caller: Caller) -> bool:
    return await services.sessions.directory.on_path(caller, place.path) is not None


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
