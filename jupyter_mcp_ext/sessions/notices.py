"""The notices of a result on its session: lost variables, what came back, what is not saved."""

from __future__ import annotations

import time
from collections.abc import Sequence

from jupyter_mcp_ext.errors import UnknownSession
from jupyter_mcp_ext.kernels.losses import Loss
from jupyter_mcp_ext.wording import ago

from .comeback.continuity import READERS
from .session import Session, Told, shown_notebook


def told(session: Session, reader: str) -> Told:
    """What a reader knows of a session."""
    known = session.told.setdefault(reader, Told())
    session.told.move_to_end(reader)
    if len(session.told) > READERS:
        session.told.popitem(last=False)
    return known


def notices(
    session: Session,
    reader: str,
    losses: Sequence[Loss],
    *,
    connection: str = "",
    earlier: Session | None = None,
) -> tuple[str, ...]:
    """The notices that a reader has not had yet, each given once.

    ``earlier`` is the default session of an earlier connection of the same client.
    """
    said = []
    known = told(session, reader)
    if known.needs_introduction(connection, rested=session.uses.rested):
        said.append(introduction(session, known.variables, earlier))
        known.introduce(connection)
    news = session.continuity.news(reader, losses)
    if news is not None:
        said.append(_in_full(*news))
    session.continuity.told(reader, losses)
    fault = session.fault or (session.story.fault if session.story is not None else "")
    unsaved = "variables" if session.record.not_saved == "full" else ""
    if known.is_news(fault or unsaved):
        said.append(
            f"the story of this session is not being saved: {fault}"
            if fault
            else "the variables of this session are not being saved: the disk is full"
        )
    return tuple(said)


def introduction(
    session: Session, variables: int | None = None, earlier: Session | None = None
) -> str:
    """What a session is and who used it before, in a line."""
    words = (
        f"session {session.id} ({session.name}), kernel {session.kernel_name}, "
        f"folder {session.cwd or '.'}"
    )
    notebook = shown_notebook(session)
    words += f", notebook {notebook}" if notebook and notebook != session.name else ""
    now = time.time()
    if session.uses.previous is not None:
        count = "" if variables is None else f"{variables} variable{'s'[: variables != 1]}, "
        last = session.uses.previous
        words += f"; {count}last used {ago(now - last.at)} by {last.client}"
    elif earlier is not None:
        words += (
            f"; it is new with this connection, an earlier one used {earlier.id} "
            f'{ago(now - earlier.last_used)}: session_id="{earlier.id}" goes on there'
        )
    return words


def check_usable(session: Session) -> None:
    """Raise UnknownSession for a session that was archived or deleted."""
    called = f"The session {session.id} ({session.name})"
    if session.record.archived and not session.record.notebook:
        msg = f"{called} was deleted. create_session makes another one."
        raise UnknownSession(msg)
    if session.record.archived:
        since = ago(time.time() - session.record.archived)
        msg = (
            f"{called} was archived {since}: its variables are gone, and it cannot be used any "
            f"more. Its notebook {session.notebook} can be read; create_session makes another one."
        )
        raise UnknownSession(msg)


def others(session: Session, client: str, *, now: float) -> str:
    """Which other clients made a session and used it last; empty when only this one did."""
    if not session.is_agents or {session.client, session.record.last_client} <= {client, ""}:
        return ""
    last = session.record.last_client or session.client
    used = f"last used {ago(now - session.last_used)}"
    if last != session.client:
        used += f" by {last if last != client else 'you'}"
    made = "you" if session.client == client else session.client or "an unknown client"
    return f"made by {made} {ago(now - session.record.created)}, {used}"


def _in_full(loss: Loss, comeback: str) -> str:
    after = comeback or "its variables are lost"
    when = "" if loss.is_past else f" {ago(time.time() - loss.at)}"
    return f"{loss.words}{when}: {after}"
