"""Tells open pages that something has changed for the agents of a user."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_mcp_ext.executions.execution import Execution
    from jupyter_mcp_ext.services import Services
    from jupyter_mcp_ext.sessions.session import Session

Reader = Callable[[str], object]
"""Is called with the subject whose agents something changed for; empty for everyone's."""

MAX_READERS = 20
"""Of one subject."""


class News:
    """Hears of calls, executions, sessions and switches."""

    def __init__(self, services: Services) -> None:
        self._readers: dict[Reader, tuple[str, Callable[[], object]]] = {}
        """With whose they are, and what ends them."""
        services.transcript.changed.add(self._tell)
        services.switches.changed.add(self._tell)
        services.executions.begun.add(self._begun)
        services.sessions.directory.changed.add(self._session)

    @contextmanager
    def read(self, subject: str, reader: Reader, end: Callable[[], object]) -> Iterator[bool]:
        """Call the reader of a subject with each change, until the block is left.

        It gives false if the subject has too many, and nothing is called. ``end`` is called when
        the server stops.
        """
        if sum(whose == subject for whose, _ in self._readers.values()) >= MAX_READERS:
            yield False
            return
        self._readers[reader] = (subject, end)
        try:
            yield True
        finally:
            self._readers.pop(reader, None)

    def close(self) -> None:
        """End all readers."""
        for _, end in tuple(self._readers.values()):
            end()

    def _tell(self, subject: str) -> None:
        for reader in tuple(self._readers):
            reader(subject)

    def _begun(self, execution: Execution) -> None:
        self._tell(execution.owner)
        execution.done.add_done_callback(lambda _: self._tell(execution.owner))

    def _session(self, session: Session) -> None:
        self._tell(session.owner)
