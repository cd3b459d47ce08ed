"""What people have allowed agents to do: to run code in kernels outside of the sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import Sized
from typing import TYPE_CHECKING, Protocol
from weakref import WeakKeyDictionary

from jupyter_mcp_ext.concurrency import Locks
from jupyter_mcp_ext.errors import Forbidden

if TYPE_CHECKING:
    from .caller import Caller

MAX_KEPT = 100
"""Consents that are kept for one kernel, the latest."""


class Hosted(Protocol):
    """Jupyter's side of a kernel."""

    @property
    def pid(self) -> int | None:
        """Its process, if it runs on this machine."""


class Kernel(Protocol):
    """A kernel of the server."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def hosted(self) -> Hosted:
        """Jupyter's side of it."""

    @property
    def losses(self) -> Sized:
        """Every loss of its variables that was noticed."""


class Session(Protocol):
    """A session with such a kernel."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def kernel(self) -> Kernel:
        """Its kernel."""


class NeedsConsent(Forbidden):
    """Code may run in the kernel of a session once a person has allowed it."""

    def __init__(self, message: str, session: Session) -> None:
        super().__init__(message)
        self.session = session


class Consents:
    """Which clients may run code in which kernels that people have started.

    A consent is for one client in one session of its protocol (or one conversation), and for one
    session of Jupyter with its kernel. It ends when the kernel is restarted or gone.
    """

    def __init__(self) -> None:
        self._given: WeakKeyDictionary[Kernel, dict[tuple[str, ...], str]] = WeakKeyDictionary()
        """For each kernel who may, and the start of it for which that was allowed."""
        self._locks: Locks[tuple[str, ...]] = Locks()

    def has(self, caller: Caller, session: Session) -> bool:
        """Whether a caller's code may run in the kernel of a session."""
        given = self._given.get(session.kernel, {})
        return given.get(_key(caller, session)) == start_of(session)

    def asking(self, caller: Caller, session: Session) -> asyncio.Lock:
        """Is held while a person is asked, so that calls at the same time ask once."""
        return self._locks.of((*_key(caller, session), session.kernel.id))

    def add(self, caller: Caller, session: Session) -> None:
        """A person has allowed it."""
        given = self._given.setdefault(session.kernel, {})
        given.pop(_key(caller, session), None)
        given[_key(caller, session)] = start_of(session)
        if len(given) > MAX_KEPT:
            del given[next(iter(given))]


def start_of(session: Session) -> str:
    """Tells a session's kernel, and each time that it is started, from all others."""
    kernel = session.kernel
    return f"{session.id}/{kernel.id}/{kernel.hosted.pid or 0}-{len(kernel.losses)}"


def _key(caller: Caller, session: Session) -> tuple[str, ...]:
    return (caller.reader, caller.mcp_session, session.id)
