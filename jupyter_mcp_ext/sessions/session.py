"""What an agent works in: a Jupyter session with an id, an owner, a kernel and a story."""

from __future__ import annotations

import re
import secrets
import time
import uuid
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from jupyter_mcp_ext.governance.life import LifeEvent, LifeKind
from jupyter_mcp_ext.kernels.kernel import Kernel, no_kernel

from .comeback.continuity import Continuity

if TYPE_CHECKING:
    from jupyter_mcp_ext.governance.caller import Caller

    from .disk.record import KernelProcess, NotSaved, SessionRecord
    from .story.story import Story

ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
"""Base32 in lower case (RFC 4648)."""

SESSION_ID = re.compile(r"[a-z2-7]{8}")


def new_session_id() -> str:
    """Eight random base32 characters: 40 bits, so that they cannot be guessed."""
    return "".join(secrets.choice(ALPHABET) for _ in range(8))


def new_jupyter_id(session_id: str) -> str:
    """The id under which Jupyter lists an agent's session; it begins with the session's own id.

    Jupyter's API finds only ids of five words, as a UUID has: a person could not shut down
    a session with another kind of id.
    """
    return f"{session_id}-{str(uuid.uuid4()).partition('-')[2]}"


RESTED = 900.0
"""Seconds without use after which a session is introduced to its client again."""

MAX_CLIENTS = 32
"""Clients of a session, and connections of each client, that are remembered."""


@dataclass(frozen=True, kw_only=True)
class Use:
    """When a session was used last, in seconds since the epoch, and by which client."""

    at: float
    client: str


class Uses:
    """Which clients have used a session, as far as this server has seen it."""

    def __init__(self, latest: Use | None) -> None:
        """``latest`` is the last use before this server's time."""
        self.previous: Use | None = None
        """The use before the latest."""
        self.rested = 0.0
        """When it was last used again after `RESTED` seconds."""
        self._latest = latest
        self._of: dict[str, float] = {} if latest is None else {latest.client: latest.at}

    def add(self, use: Use, *, last_used: float) -> None:
        """Note a use; ``last_used`` is when the session was used before, also by this server."""
        if self._latest is not None:
            self.previous = Use(at=last_used, client=self._latest.client)
            self.rested = use.at if use.at - last_used > RESTED else self.rested
        self._latest = use
        self._of.pop(use.client, None)
        self._of[use.client] = use.at
        if len(self._of) > MAX_CLIENTS:
            self._of.pop(next(iter(self._of)))

    def latest_of_others(self, client: str) -> Use | None:
        """The latest use by another client."""
        theirs = [Use(at=at, client=name) for name, at in self._of.items() if name != client]
        return max(theirs, key=lambda use: use.at, default=None)


class Told:
    """What one reader has been told of a session, apart from its losses."""

    def __init__(self) -> None:
        self.connections: set[str] = set()
        """The reader's connections on which the session was introduced."""
        self.variables: int | None = None
        """How many variables it had when its next introduction became due, where that is known."""
        self._introduced_at = 0.0
        self._fault = ""

    def needs_introduction(self, connection: str, *, rested: float) -> bool:
        """Whether to say what the session is: on a new connection, or after a rest."""
        return connection not in self.connections or self._introduced_at < rested

    def introduce(self, connection: str) -> None:
        """Note that the reader was told what the session is."""
        if len(self.connections) >= MAX_CLIENTS:
            self.connections.clear()
        self.connections.add(connection)
        self._introduced_at, self.variables = time.time(), None

    def count(self, variables: int) -> None:
        """Have the next introduction say how many variables there are."""
        self.variables = variables

    def is_news(self, fault: str) -> bool:
        """Whether a fault has to be said; then it has been."""
        is_news = fault not in ("", self._fault)
        self._fault = fault
        return is_news


@dataclass(kw_only=True, eq=False)
class Session:
    """An agent's session, or a person's that an agent has used.

    ``record`` is what is written down of it, and is changed by the methods here only.
    Times are seconds since the epoch, paths API paths.
    """

    record: SessionRecord
    kernel: Kernel = field(default_factory=no_kernel)
    """The latest that it had."""
    folder: str = ""
    """Its own folder, an API path; empty for a session that is not kept on disk."""
    is_signed: bool = True
    """Whether this server's key has signed its record: else its snapshots are not loaded."""
    story: Story | None = None
    """Its story, while this server holds its folder."""
    hidden_variables: int = 0
    """How many variables of the server's environment its kernel did not get."""
    fault: str = ""
    """Why it is not kept on disk although it should be."""
    uses: Uses = field(init=False)
    told: OrderedDict[str, Told] = field(default_factory=OrderedDict)
    """What each reader of its results knows, the one that was told last at the end."""
    continuity: Continuity = field(init=False)
    """What must be brought back into its kernel, and who was told of what was lost."""

    def __post_init__(self) -> None:
        self.continuity = Continuity(begun=self.record.created, had_kernel=self.record.had_kernel)
        client = self.record.last_client
        self.uses = Uses(Use(at=self.last_used, client=client) if client else None)

    @property
    def id(self) -> str:
        """Eight characters."""
        return self.record.id

    @property
    def kernel_id(self) -> str:
        """The id of its kernel; empty while it has had none."""
        return self.kernel.id

    @property
    def name(self) -> str:
        """What people and agents call it."""
        return self.record.name

    @property
    def path(self) -> str:
        """The API path under which Jupyter lists it."""
        return self.record.path

    @property
    def cwd(self) -> str:
        """The API path of its kernel's folder."""
        return self.record.cwd

    @property
    def kernel_name(self) -> str:
        """Its kernelspec."""
        return self.record.kernel_name

    @property
    def owner(self) -> str:
        """The subject it belongs to; empty for a person's session."""
        return self.record.owner

    @property
    def client(self) -> str:
        """The client that made it."""
        return self.record.client

    @property
    def last_used(self) -> float:
        """When it was used last."""
        return self.record.last_used

    @property
    def notebook(self) -> str:
        """The notebook that tells its story, an API path; empty without a folder."""
        return f"{self.folder}/{self.record.notebook}" if self.folder else ""

    @property
    def is_agents(self) -> bool:
        """Whether an agent made it; then its kernel may be started again unasked."""
        return bool(self.owner)

    @property
    def can_come_back(self) -> bool:
        """Whether its next kernel gets what the session had."""
        return self.record.had_kernel and bool(self.folder)

    @property
    def last_number(self) -> int:
        """The number up to which its executions may have been given numbers."""
        return self.story.given if self.story is not None else 0

    def started(
        self, kernel: Kernel, process: KernelProcess | None, *, met: int, hidden: int = 0
    ) -> None:
        """It has a new kernel, which did not get ``hidden`` variables of the server's.

        For ``met`` see `Continuity.started`.
        """
        self.kernel, self.hidden_variables = kernel, hidden
        self.continuity.started(met=met)
        self.write(replace(self.record, had_kernel=True, kernel=process))

    def use(self, client: str, *, now: float) -> None:
        """Note that a client uses it; an empty name is this server's own work."""
        if client:
            self.uses.add(Use(at=now, client=client), last_used=self.last_used)
        last_client = client or self.record.last_client
        self.write(replace(self.record, last_used=now, last_client=last_client))

    def saved(self, not_saved: NotSaved = "") -> None:
        """Its latest variables were saved, or were not for a reason."""
        self.write(replace(self.record, not_saved=not_saved))

    def write(self, record: SessionRecord) -> None:
        """Have another record, which is on disk once the session is saved."""
        self.record = record

    def hold(self, story: Story | None, *, fault: str = "") -> None:
        """This server holds its folder, with the story, or does not any more.

        ``fault`` says why it is not stored on disk although it should be.
        """
        self.story, self.fault = story, fault

    def hand_out(self, caller: Caller, *, name: str | None, notebook: str, now: float) -> None:
        """A spare becomes a caller's; ``notebook`` is the file that tells its story."""
        self.record = replace(
            self.record,
            owner=caller.subject,
            client=caller.client,
            name=name or self.name,
            path=f"{self.folder}/{notebook}",
            notebook=notebook,
            created=now,
            last_used=now,
        )
        self.continuity.handed_out(at=now)
        if self.story is not None:
            self.story.rename(notebook)


def event_of(kind: LifeKind, session: Session, detail: str = "") -> LifeEvent:
    """The event of something that happened to a session."""
    return LifeEvent(
        kind=kind,
        session_id=session.id,
        kernel_id=session.kernel_id or None,
        owner=session.owner,
        detail=detail,
    )


def shown_notebook(session: Session) -> str:
    """The notebook that callers are told of: the one it is on, else the one with its story."""
    return session.path if session.path.endswith(".ipynb") else session.notebook
