"""What an agent works in: a Jupyter session with an id, an owner, a kernel and a story."""

from __future__ import annotations

import re
import secrets
import uuid
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from .comeback.continuity import Continuity

if TYPE_CHECKING:
    from jupyter_mcp_ext.governance.caller import Caller

    from .disk.record import KernelProcess, NotSaved, Restore, SessionRecord
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


@dataclass(kw_only=True)
class Told:
    """What one reader has been told of a session."""

    connections: set[str] = field(default_factory=set)
    """The reader's connections on which the session was introduced."""
    heard: float = 0.0
    """When it was introduced last, in seconds since the epoch."""
    variables: int | None = None
    """How many variables it had when its next introduction became due, where that is known."""
    fault: str = ""


@dataclass(kw_only=True, eq=False)
class Session:
    """An agent's session, or a person's that an agent has used.

    ``record`` is what is written down of it, and is changed by the methods here only.
    Times are seconds since the epoch, paths API paths.
    """

    record: SessionRecord
    kernel_id: str = ""
    folder: str = ""
    """Its own folder, an API path; empty for a session that is not kept on disk."""
    is_signed: bool = True
    """Whether this server's key has signed its record: else its snapshots are not loaded."""
    story: Story | None = None
    """Its story, while this server holds its folder."""
    fault: str = ""
    """Why it is not kept on disk although it should be."""
    previous: Use | None = None
    """The use before the latest."""
    rested: float = 0.0
    """When it was last used again after `RESTED` seconds."""
    told: OrderedDict[str, Told] = field(default_factory=OrderedDict)
    """What each reader of its results knows, the one that was told last at the end."""
    continuity: Continuity = field(init=False)
    """What must be brought back into its kernel, and who was told of what was lost."""

    def __post_init__(self) -> None:
        self.continuity = Continuity(begun=self.record.created, had_kernel=self.record.had_kernel)
        client = self.record.last_client
        self._uses = {client: self.record.last_used} if client else {}
        """When each client used it last, as far as this server has seen it."""

    @property
    def id(self) -> str:
        """Eight characters."""
        return self.record.id

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
    def shown_notebook(self) -> str:
        """The notebook that callers are told of: the one it is on, else the one with its story."""
        return self.path if self.path.endswith(".ipynb") else self.notebook

    @property
    def last_number(self) -> int:
        """The number up to which its executions may have been given numbers."""
        return self.story.given if self.story is not None else 0

    def started(self, kernel_id: str, process: KernelProcess | None, *, met: int) -> None:
        """It has a new kernel; for ``met`` see `Continuity.started`."""
        self.kernel_id = kernel_id
        self.continuity.started(met=met)
        self.record = replace(self.record, had_kernel=True, kernel=process)

    def ended(self) -> None:
        """Its kernel's process is gone."""
        self.record = replace(self.record, kernel=None)

    def use(self, client: str, *, now: float) -> None:
        """Note that a client uses it; an empty name is this server's own work."""
        last = Use(at=self.last_used, client=self.record.last_client)
        self.record = replace(self.record, last_used=now, last_client=client or last.client)
        if not client:
            return
        if last.client:
            self.previous = last
            self.rested = now if now - last.at > RESTED else self.rested
        self._uses.pop(client, None)
        self._uses[client] = now
        if len(self._uses) > MAX_CLIENTS:
            self._uses.pop(next(iter(self._uses)))

    def latest_of_others(self, client: str) -> Use | None:
        """The latest use by another client."""
        theirs = [Use(at=at, client=name) for name, at in self._uses.items() if name != client]
        return max(theirs, key=lambda use: use.at, default=None)

    def put_out(self, line: str) -> None:
        """Its latest execution has ended with this line."""
        self.record = replace(self.record, last_line=line)

    def saved(self, not_saved: NotSaved = "") -> None:
        """Its latest variables were saved, or were not for a reason."""
        self.record = replace(self.record, not_saved=not_saved)

    def come_back_by(self, restore: Restore) -> None:
        """Have it come back in this way."""
        self.record = replace(self.record, restore=restore)

    def move_kernel(self, cwd: str) -> None:
        """Have its first kernel start in another folder."""
        self.record = replace(self.record, cwd=cwd)

    def rename(self, name: str, *, path: str) -> None:
        """A person renamed or moved the notebook that the session is on."""
        self.record = replace(self.record, name=name, path=path)

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

    @classmethod
    def of(cls, record: SessionRecord, *, folder: str, is_signed: bool) -> Session:
        """A session of an earlier server, or of another machine.

        Paths of its own folder in the record are replaced by where the folder is now.
        """
        last_client = record.last_client or (record.client if record.had_kernel else "")
        is_own_path = PurePosixPath(record.path).parent.name == record.id
        is_own_cwd = PurePosixPath(record.cwd).name == record.id
        record = replace(
            record,
            path=f"{folder}/{record.notebook}" if is_own_path else record.path,
            cwd=folder if is_own_cwd else record.cwd,
            last_client=last_client,
        )
        return cls(record=record, folder=folder, is_signed=is_signed)
