"""What the readers of sessions' results have been told, so that each thing is told once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .notices import notices, told

if TYPE_CHECKING:
    from jupyter_mcp_ext.governance.caller import Caller

    from .register import Register
    from .session import Session


class Readers:
    """The callers to whom results of sessions go."""

    def __init__(self, register: Register, *, nameless: Sequence[str]) -> None:
        """``nameless`` are client names that many programs have."""
        self._register = register
        self._nameless = {name.casefold() for name in nameless}

    def is_nameless(self, client: str) -> bool:
        """Whether many programs have this client name."""
        return client.casefold() in self._nameless

    def arrive(self, caller: Caller) -> None:
        """A client connects where the protocol has no sessions: it may be another conversation."""
        for session in self._register:
            for reader, known in session.told.items():
                if reader.split("\n")[:2] == [caller.subject, caller.client]:
                    known.connections.discard("")

    def notices(self, session: Session, caller: Caller, *, since: float | None) -> tuple[str, ...]:
        """What an answer to the caller has to say of the session, each thing once.

        ``since`` is when the answer's execution began: later losses do not belong to it.
        """
        losses = session.kernel.losses
        is_of_connection = session.record.is_default and self.is_nameless(caller.client)
        return notices(
            session,
            caller.reader,
            [loss for loss in losses if since is None or loss.at <= since],
            connection=caller.mcp_session,
            earlier=self._register.earlier_default(session) if is_of_connection else None,
        )

    def wants_count(self, session: Session, caller: Caller) -> bool:
        """Whether the caller's next answer introduces a session that may have variables."""
        known = told(session, caller.reader)
        is_used = session.uses.previous is not None and session.kernel.hosted.is_there
        return is_used and known.needs_introduction(caller.mcp_session, rested=session.uses.rested)

    def note_count(self, session: Session, caller: Caller, variables: int) -> None:
        """Have that introduction say how many there are."""
        told(session, caller.reader).count(variables)

    def introduce(self, session: Session, caller: Caller) -> None:
        """An answer has told the caller itself what the session is."""
        told(session, caller.reader).introduce(caller.mcp_session)

    def tell_loss(self, session: Session, caller: Caller) -> None:
        """An answer has told the caller itself of the latest loss."""
        losses = session.kernel.losses
        session.continuity.told_loss(caller.reader, losses)

    def tell_comeback(self, session: Session, caller: Caller, *, until: float) -> None:
        """The same of a loss until that moment, and also of what came back after it."""
        losses = session.kernel.losses
        if losses and losses[-1].at <= until:
            session.continuity.told(caller.reader, losses)
