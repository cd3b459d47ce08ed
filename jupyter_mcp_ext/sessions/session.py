"""What an agent works in: a Jupyter session with an id, an owner, a kernel and a story."""

from __future__ import annotations

import re
import secrets
import time
import uuid
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from .comeback.continuity import Continuity

if TYPE_CHECKING:
    from .disk.record import KernelProcess, NotSaved, Restore, SessionRecord
    from .story.story import Story

ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
"""Base32 in lower case (RFC 4648)."""

SESSION_ID = re.compile(r"[a-z2-7]{8}")


def new_session_id() -> str:
    """Eight random base32 characters: 40 bits, so that nobody guesses another's."""
    return "".join(secrets.choice(ALPHABET) for _ in range(8))


def new_jupyter_id(session_id: str) -> str:
    """The id under which Jupyter lists a session of ours: it begins with our own.

    Jupyter's API finds only ids of five words, as a UUID has: a person could not shut down
    a session with another kind of id.
    """
    return f"{session_id}-{str(uuid.uuid4()).partition('-')[2]}"


RESTED = 900.0
"""Seconds without use after which a session is introduced again to who uses it."""

MAX_CLIENTS = 32
"""Clients of a session, and connections of one, that are remembered."""


@dataclass(frozen=True, kw_only=True)
class Use:
    """When a session was used last, in seconds since the epoch, and by which client."""

    at: float
    client: str


@dataclass(kw_only=True)
class Told:
    """What the results of a session have said of it to one reader."""

    connections: set[str] = field(default_factory=set)
    """Those of the reader's connections that have read what it is."""
    heard: float = 0.0
    """When one read it last, in seconds since the epoch."""
    variables: int | None = None
    """How many it had when its next introduction became due, where that is known."""
    fault: str = ""


@dataclass(kw_only=True, eq=False)
class Session:
    """A session of ours, or a person's that somebody used through us.

    ``path`` is the API path under which Jupyter lists it, ``cwd`` that of its kernel's folder.
    Times are seconds since the epoch.
    """

    id: str
    jupyter_id: str
    name: str
    path: str
    cwd: str
    kernel_id: str
    kernel_name: str
    owner: str
    """The subject it belongs to; empty for a person's session."""
    client: str = ""
    scope: str = ""
    is_default: bool = False
    restore: Restore = "snapshot"
    created: float = field(default_factory=time.time)
    last_used: float = field(default_factory=time.time)
    last_client: str = ""
    """The client that used it last."""
    uses: dict[str, float] = field(default_factory=dict)
    """When each client used it last, as far as this server has seen it."""
    previous: Use | None = None
    """The use before the latest."""
    rested: float = 0.0
    """When it was used again after a long time without use."""
    last_line: str = ""
    """The last line that its latest execution put out."""
    folder: str = ""
    """Its own folder, an API path; empty for a session that is not kept on disk."""
    notebook: str = ""
    """The notebook that tells its story, an API path."""
    is_signed: bool = True
    """Whether this server's key has signed its record: else its snapshots are not loaded."""
    process: KernelProcess | None = None
    story: Story | None = None
    """Its story, while this server holds its folder."""
    fault: str = ""
    """Why it is not kept on disk although it should be."""
    continuity: Continuity = field(default_factory=lambda: Continuity(begun=time.time()))
    """What its kernel must be brought back, and what is said of that."""
    not_saved: NotSaved = ""
    """Why its latest variables were not saved, if they were not when its kernel was ended."""
    told: OrderedDict[str, Told] = field(default_factory=OrderedDict)
    """What each reader of its results knows, the one that was told last at the end."""

    @property
    def is_agents(self) -> bool:
        """Whether an agent made it (and so may restart its kernel unasked)."""
        return bool(self.owner)

    @property
    def can_come_back(self) -> bool:
        """Whether its next kernel gets back what the session had."""
        return self.continuity.had_kernel and bool(self.folder)

    def use(self, client: str, *, now: float) -> None:
        """Note that a client uses it; an empty name is this server's own work."""
        if client:
            if self.last_client:
                self.previous = Use(at=self.last_used, client=self.last_client)
                self.rested = now if now - self.last_used > RESTED else self.rested
            self.uses.pop(client, None)
            self.uses[client] = now
            if len(self.uses) > MAX_CLIENTS:
                self.uses.pop(next(iter(self.uses)))
            self.last_client = client
        self.last_used = now

    def latest_of_others(self, client: str) -> Use | None:
        """The latest use by another client."""
        theirs = [Use(at=at, client=name) for name, at in self.uses.items() if name != client]
        return max(theirs, key=lambda use: use.at, default=None)

    @property
    def shown_notebook(self) -> str:
        """The notebook that callers are told of: the one it is on, else that with its story."""
        return self.path if self.path.endswith(".ipynb") else self.notebook

    @property
    def last_number(self) -> int:
        """The number up to which its executions may have been given numbers."""
        return self.story.given if self.story is not None else 0

    @classmethod
    def of(cls, record: SessionRecord, *, folder: str, notebook: str, is_signed: bool) -> Session:
        """A session of an earlier server, or of another machine.

        What its record says of its own folder is taken for the folder's place now.
        """
        last_client = record.last_client or (record.client if record.had_kernel else "")
        is_own_path = PurePosixPath(record.path).parent.name == record.id
        is_own_cwd = PurePosixPath(record.cwd).name == record.id
        return cls(
            id=record.id,
            jupyter_id=record.jupyter_id,
            name=record.name,
            path=notebook if is_own_path else record.path,
            cwd=folder if is_own_cwd else record.cwd,
            kernel_id="",
            kernel_name=record.kernel_name,
            owner=record.owner,
            client=record.client,
            scope=record.scope,
            is_default=record.is_default,
            restore=record.restore,
            created=record.created,
            last_used=record.last_used,
            last_client=last_client,
            uses={last_client: record.last_used} if last_client else {},
            last_line=record.last_line,
            folder=folder,
            notebook=notebook,
            is_signed=is_signed,
            continuity=Continuity(begun=record.created, had_kernel=record.had_kernel),
            not_saved=record.not_saved,
            process=record.kernel,
        )
